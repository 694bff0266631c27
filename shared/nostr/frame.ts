/** A frame of NIP-01 as it comes over a WebSocket: the elements of its JSON array; null for what is none. */
export function parseFrame(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
