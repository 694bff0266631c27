import type { Json } from "../../core/json.ts";
import { isRejection } from "../../core/refusal.ts";
import { parseTemplate, pointerToken, resolvePartly } from "../../core/wiring.ts";
import type { PolicyAction, UpgradeManifest } from "../../generated/types.ts";

/** A text and where it stands, as a JSON Pointer. */
export interface PlacedText {
  readonly where: string;
  readonly text: string;
}

/**
 * Everything in a manifest that says what it is for: title, summary, labels, inputs with their values, prompts and all
 * other parameters, the ops' names, declared outputs. Values of inputs (`inputs` over the defaults) are read where they
 * are used too, so that a prompt cannot be put together out of harmless halves. The author's own claims
 * (`policy.aup_flags`) are no evidence either way.
 */
export function textsOfManifest(
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, unknown>>,
): readonly PlacedText[] {
  const { id, title, summary, homepage, categories, tags, author, artifacts, pipeline } = manifest;
  const declared = Object.entries(manifest.inputs ?? {});
  const values: Readonly<Record<string, unknown>> = Object.assign(
    Object.create(null),
    Object.fromEntries(declared.map(([name, input]) => [name, input?.default])),
    inputs,
  );
  const given = Object.fromEntries(
    Object.entries(inputs).filter(([name, value]) => value !== manifest.inputs?.[name]?.default),
  );
  const known = { id, title, summary, homepage, categories, tags, author: { name: author.name }, artifacts };
  return [
    ...stringsOf(known, ""),
    ...declared.flatMap(([name, input]) => [
      { where: `/inputs/${pointerToken(name)}`, text: name },
      ...stringsOf({ description: input?.description, default: input?.default }, `/inputs/${pointerToken(name)}`),
    ]),
    ...stringsOf(given, "/inputs"),
    ...pipeline.flatMap((step, index) => stringsOf(filledIn(step, values), `/pipeline/${index}`)),
  ];
}

/** What an action says: its own texts, and those of the manifest that it would install. */
export function textsOfAction(
  { text, params }: Pick<PolicyAction, "text" | "params">,
  manifest: UpgradeManifest | undefined,
  inputs: Readonly<Record<string, unknown>> = {},
): readonly PlacedText[] {
  return [
    ...stringsOf(text, "/text"),
    ...stringsOf(params, "/params"),
    ...(manifest === undefined ? [] : textsOfManifest(manifest, inputs)),
  ];
}

/** Every string within a value, and every key within an op's parameters, with its place. */
export function stringsOf(value: unknown, where: string): readonly PlacedText[] {
  if (typeof value === "string") return [{ where, text: withoutReferences(value) }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const place = `${where}/${pointerToken(key)}`;
    const named = Array.isArray(value) ? [] : [{ where: place, text: key }];
    return [...named, ...stringsOf(member, place)];
  });
}

/** A step with the values of inputs in it; what cannot be read as a template is read as it stands. */
function filledIn(step: unknown, values: Readonly<Record<string, unknown>>): unknown {
  try {
    return resolvePartly(step as Json, (reference) =>
      reference.root === "inputs" ? (values[reference.name] as Json | undefined) : undefined,
    );
  } catch {
    return step; // refused elsewhere as reference_invalid; its words are read all the same
  }
}

/** Results of earlier steps are not known: the words on both sides of one are read on. */
function withoutReferences(text: string): string {
  const parts = parseTemplate(text);
  return isRejection(parts) ? text : parts.map((part) => (typeof part === "string" ? part : " ")).join("");
}
