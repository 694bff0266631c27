/** Fresh random bytes from the browser. */
export function random(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
