import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InputValue, UpgradeInput, UpgradeManifest } from "@oa/shared/generated/types.ts";

/** What a form has of each input: text, or for a switch whether it is on. */
export type InputTexts = Readonly<Record<string, string | boolean>>;

/**
 * The values of a form as an order gives them. An empty field leaves the default; where there is none, the plan says so.
 * Refusal: input_invalid, for what is no number.
 */
export function inputsOf(
  manifest: UpgradeManifest,
  texts: InputTexts,
): Readonly<Record<string, InputValue>> | Rejection {
  const values: Record<string, InputValue> = {};
  for (const [name, input] of inputsIn(manifest)) {
    const given = texts[name];
    if (given === undefined || given === "") continue;
    const value = readValue(input, given);
    if (value === null) return reject("input_invalid", `${name} must be a number, not ${String(given).slice(0, 40)}`);
    if (JSON.stringify(value) !== JSON.stringify(input.default)) values[name] = value;
  }
  return values;
}

function readValue({ type }: UpgradeInput, given: string | boolean): InputValue | null {
  if (typeof given === "boolean") return given;
  switch (type) {
    case "integer":
    case "number": {
      const number = Number(given.trim());
      return given.trim() === "" || !Number.isFinite(number) ? null : number;
    }
    case "boolean":
      return given === "true";
    case "string_list":
      return given
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
    case "path":
      return given.trim();
    default:
      return given;
  }
}

/** What an upgrade asks for, by name. */
export function inputsIn({ inputs = {} }: UpgradeManifest): readonly (readonly [string, UpgradeInput])[] {
  return Object.entries(inputs).flatMap(([name, input]) => (input === undefined ? [] : [[name, input] as const]));
}

/** A value as the form shows it. */
export function textOf(value: InputValue | undefined): string {
  if (value === undefined) return "";
  return Array.isArray(value) ? value.join("\n") : String(value);
}
