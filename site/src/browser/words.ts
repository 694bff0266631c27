/** `4.2`, of thousandths of a star. */
export function stars(milli: number): string {
  return (milli / 1_000).toFixed(1);
}

/** `one upgrade`, `3 upgrades`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count.toLocaleString("en")} ${many}`;
}
