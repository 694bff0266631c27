/** One number, word or id in which two roll-ups differ. */
export interface Difference {
  /** Where, as a JSON Pointer. */
  readonly field: string;
  readonly claimed: unknown;
  readonly computed: unknown;
}

/** Everything in which what an indexer claims differs from what was computed, field by field. */
export function differences(claimed: unknown, computed: unknown, field = ""): readonly Difference[] {
  if (!isRecord(claimed) || !isRecord(computed)) {
    return Object.is(claimed, computed) ? [] : [{ field: field === "" ? "/" : field, claimed, computed }];
  }
  const names = [...new Set([...Object.keys(claimed), ...Object.keys(computed)])].sort();
  return names.flatMap((name) => differences(claimed[name], computed[name], `${field}/${name}`));
}

/** Objects and lists alike. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
