import type { Json } from "../core/json.ts";
import type { OpDefinition, UpgradeStep } from "../generated/types.ts";
import validators, { type ValidationError, type Validator } from "../generated/validators.cjs";

/** JSON Schema as far as wiring reads it. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  /** May hold `${secrets.<name>}`. */
  readonly "x-secret"?: boolean;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
}

/** What is wrong with an op's parameters by its schema; empty where nothing is. */
export function paramErrors(definition: OpDefinition, params: unknown): readonly ValidationError[] {
  return schemaErrors(`is${definition.title}Params`, params);
}

/** What is wrong with an op's result by its schema; empty where nothing is. */
export function resultErrors(definition: OpDefinition, result: unknown): readonly ValidationError[] {
  return schemaErrors(`is${definition.title}Result`, result);
}

function schemaErrors(name: string, value: unknown): readonly ValidationError[] {
  const table: Readonly<Record<string, Validator<unknown> | undefined>> = validators;
  const validate = table[name];
  if (validate === undefined) throw new Error(`assertion failed: no validator is called ${name}`);
  return validate(value) ? [] : (validate.errors ?? []);
}

/** A step's own fields, which are not parameters of its op. */
export const STEP_FIELDS: readonly string[] = ["op", "id", "timeout_ms", "retry"];

/** The parameters a step gives its op. */
export function paramsOf(step: UpgradeStep): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(step).filter(([name]) => !STEP_FIELDS.includes(name)) as (readonly [string, Json])[],
  );
}

/** The step's id: its own, or `step_<n>` counted from 1. */
export function stepId(step: UpgradeStep, index: number): string {
  return step.id ?? `step_${index + 1}`;
}

/**
 * The schema of the member `name`: null where there can be none, an empty schema where it could be anything.
 */
export function memberSchema(root: SchemaNode, node: SchemaNode, name: string): SchemaNode | null {
  const at = dereference(root, node);
  const properties = at.properties;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name] ?? null;
  const types = typesOf(root, at);
  if (types === null || types.includes("object")) {
    if (typeof at.additionalProperties === "object") return at.additionalProperties;
    if (at.additionalProperties !== false) return {};
  }
  if ((types === null || types.includes("array")) && /^\d+$/.test(name)) return at.items ?? {};
  return null;
}

/** The JSON types a schema admits; null where it does not say. */
export function typesOf(root: SchemaNode, node: SchemaNode): readonly string[] | null {
  const { type, enum: values, const: only } = dereference(root, node);
  if (typeof type === "string") return [type];
  if (type !== undefined) return type;
  if (values !== undefined) return [...new Set(values.map(typeOfValue))];
  return only === undefined ? null : [typeOfValue(only)];
}

/** Whether a value of one of these types could be of one of those. */
export function typesMeet(from: readonly string[] | null, to: readonly string[] | null): boolean {
  if (from === null || to === null) return true;
  const wide = (type: string): string => (type === "integer" ? "number" : type);
  return from.some((type) => to.some((other) => wide(type) === wide(other)));
}

function typeOfValue(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function dereference(root: SchemaNode, node: SchemaNode): SchemaNode {
  const name = node.$ref?.startsWith("#/$defs/") ? node.$ref.slice("#/$defs/".length) : undefined;
  if (name === undefined) return node.$ref === undefined ? node : {};
  return root.$defs?.[name] ?? {};
}
