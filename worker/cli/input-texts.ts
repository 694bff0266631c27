import { type Rejection, reject } from "@oa/shared/core/refusal.ts";

/** `--input` as every command that takes an upgrade's inputs declares it. */
export const INPUT_OPTION = {
  type: "text",
  value: "NAME=VALUE",
  summary: "A value the upgrade asks for; a list by repeating",
  repeat: true,
} as const;

/** `--input NAME=VALUE`, each name with all its values, in order. Refusal: usage. */
export function parseInputs(texts: readonly string[]): Readonly<Record<string, readonly string[]>> | Rejection {
  const inputs: Record<string, readonly string[]> = {};
  for (const text of texts) {
    const [, name, value] = /^([a-z][a-z0-9_]{0,63})=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      return reject("usage", `--input must be NAME=VALUE with a lower-case name, not ${text.slice(0, 100)}`);
    }
    inputs[name] = [...(inputs[name] ?? []), value];
  }
  return inputs;
}
