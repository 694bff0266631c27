import { canonicalize, type Json } from "./json.ts";
import { OWN_STATE } from "./own-state.ts";
import { Fault, isRejection, type Rejection, reject } from "./refusal.ts";

/**
 * Wiring: how a step's parameters refer to values known only later. `${inputs.<name>}`, `${steps.<id>.<field>…}`,
 * `${run.id}`, `${install.state}` for the folder of the upgrade's own files, and `${secrets.<name>}` for what is only put
 * in as it is sent. Dollars just before a brace are doubled to be literal: `$${` stands for `${`, `$$${run.id}` for a
 * dollar and a reference. A string that is exactly one reference takes the value's type; within longer text the value is
 * written as text (strings as they are, everything else as canonical JSON).
 */
export type Reference =
  | { readonly root: "inputs"; readonly name: string }
  | { readonly root: "steps"; readonly step: string; readonly path: readonly string[] }
  | { readonly root: "run"; readonly field: "id" }
  | { readonly root: "install"; readonly field: "state" }
  | { readonly root: "secrets"; readonly name: string };

export type TemplatePart = string | Reference;

export interface WiringScope {
  readonly inputs: Readonly<Record<string, Json>>;
  /** Results by step id. */
  readonly steps: Pick<ReadonlyMap<string, Json>, "get">;
  readonly run: { readonly id: string };
  /** What stands for a secret until it is sent; without it, no secret has a value. */
  readonly secret?: (name: string) => string;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;
const SECRET_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Splits text into literal parts and references. Refusal: reference_invalid. */
export function parseTemplate(text: string): readonly TemplatePart[] | Rejection {
  if (!text.includes("${")) return [text];
  const parts: TemplatePart[] = [];
  let literal = "";
  let position = 0;
  for (const { 0: opening, index } of text.matchAll(/(?<!\$)\$+\{/g)) {
    if (index < position) continue;
    const dollars = opening.length - 1;
    literal += text.slice(position, index) + "$".repeat(Math.floor(dollars / 2));
    position = index + opening.length;
    if (dollars % 2 === 0) {
      literal += "{";
      continue;
    }
    const end = text.indexOf("}", position);
    if (end === -1) return reject("reference_invalid", `${quote(text)} opens "\${" without a closing "}"`);
    const reference = parseReference(text.slice(position, end));
    if (isRejection(reference)) return reference;
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(reference);
    position = end + 1;
  }
  literal += text.slice(position);
  if (literal !== "" || parts.length === 0) parts.push(literal);
  return parts;
}

function parseReference(text: string): Reference | Rejection {
  const [root, first, ...rest] = text.split(".");
  const names = [first ?? "", ...rest];
  if (names.every((name) => NAME.test(name))) {
    if (root === "inputs" && first !== undefined && rest.length === 0) return { root, name: first };
    if (root === "steps" && first !== undefined && rest.length > 0) return { root, step: first, path: rest };
    if (root === "run" && first === "id" && rest.length === 0) return { root, field: first };
    if (root === "install" && first === "state" && rest.length === 0) return { root, field: first };
    if (root === "secrets" && SECRET_NAME.test(first ?? "") && rest.length === 0) return { root, name: first ?? "" };
  }
  return reject(
    "reference_invalid",
    `\${${text}} is not a reference; write \${inputs.<name>}, \${steps.<id>.<field>}, \${run.id}, \${install.state} or \${secrets.<name>}, and $\${ for a literal \${`,
  );
}

/** The reference as it is written in a manifest. */
export function formatReference(reference: Reference): string {
  switch (reference.root) {
    case "inputs":
    case "secrets":
      return `\${${reference.root}.${reference.name}}`;
    case "steps":
      return `\${steps.${[reference.step, ...reference.path].join(".")}}`;
    case "run":
    case "install":
      return `\${${reference.root}.${reference.field}}`;
  }
}

/** Text that, read as a template, gives back `text`. */
export function escapeTemplate(text: string): string {
  return text.includes("${") ? text.replace(/(?<!\$)\$+(?=\{)/g, "$&$&") : text;
}

/** A value as a template that gives it back: text of a value is text, whatever it looks like. */
export function escapeTemplates(value: Json): Json {
  return rebuild(value, escapeTemplate);
}

/** Every string value within `value` as a template with its JSON Pointer below `pointer`. Keys are never templates. */
export function* templatesOf(
  value: unknown,
  pointer = "",
): Generator<{ readonly pointer: string; readonly text: string }> {
  if (typeof value === "string") yield { pointer, text: value };
  else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) yield* templatesOf(member, `${pointer}/${pointerToken(key)}`);
  }
}

/** One JSON Pointer token (RFC 6901). */
export function pointerToken(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/**
 * The value with every reference replaced. Throws a Fault `reference_unresolved`, not retryable, where the scope has
 * no such value: an optional field of a result may be absent.
 */
export function resolveWiring(value: Json, scope: WiringScope): Json {
  return mapTemplates(value, (reference) => {
    const found = lookUp(reference, scope);
    if (found === undefined) {
      throw new Fault("reference_unresolved", `${formatReference(reference)} has no value in this run`);
    }
    return found;
  });
}

/**
 * Replaces the references for which `resolve` gives a value and keeps the others, so that the result is still a
 * template: what came from values is escaped.
 */
export function resolvePartly(value: Json, resolve: (reference: Reference) => Json | undefined): Json {
  return rebuild(value, (text) => {
    const parts = parsed(text);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && typeof only !== "string") {
      const found = resolve(only);
      return found === undefined ? text : escapeTemplates(found);
    }
    let template = "";
    let literal = "";
    for (const part of parts) {
      const found = typeof part === "string" ? part : resolve(part);
      if (found !== undefined) literal += textOf(found);
      else if (typeof part !== "string") {
        template += escapeTemplate(literal).replace(/(?<!\$)\$+$/, "$&$&") + formatReference(part);
        literal = "";
      }
    }
    return template + escapeTemplate(literal);
  });
}

function mapTemplates(value: Json, resolve: (reference: Reference) => Json): Json {
  return rebuild(value, (text) => {
    if (!text.includes("${")) return text;
    const parts = parsed(text);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && typeof only !== "string") return resolve(only);
    return parts.map((part) => (typeof part === "string" ? part : textOf(resolve(part)))).join("");
  });
}

function parsed(text: string): readonly TemplatePart[] {
  const parts = parseTemplate(text);
  if (isRejection(parts)) throw new Fault(parts.code, parts.message);
  return parts;
}

function rebuild(value: Json, onString: (text: string) => Json): Json {
  if (typeof value === "string") return onString(value);
  if (Array.isArray(value)) return value.map((item: Json) => rebuild(item, onString));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rebuild(member, onString)]));
  }
  return value;
}

function lookUp(reference: Reference, scope: WiringScope): Json | undefined {
  switch (reference.root) {
    case "inputs":
      return member(scope.inputs, reference.name);
    case "steps":
      return reference.path.reduce<Json | undefined>(member, scope.steps.get(reference.step));
    case "run":
      return scope.run.id;
    case "install":
      return OWN_STATE;
    case "secrets":
      return scope.secret?.(reference.name);
  }
}

/** An own member of an object, or an item of an array; never what a prototype brings. */
function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  if (Array.isArray(value)) return /^\d+$/.test(name) ? value[Number(name)] : undefined;
  return (value as Readonly<Record<string, Json>>)[name];
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : canonicalize(value);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
