/** At most `chars` UTF-16 units of a text, without half characters, which canonical JSON cannot hold. */
export function clip(text: string, chars: number): string {
  return text.slice(0, chars).replace(/\p{Surrogate}/gu, "\uFFFD");
}
