import type { Json } from "../core/json.ts";
import { type Permission, sortPermissions } from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import {
  formatReference,
  parseTemplate,
  type Reference,
  resolvePartly,
  resolveWiring,
  type TemplatePart,
  templatesOf,
} from "../core/wiring.ts";
import { OPS } from "../generated/ops.ts";
import type { OpDefinition, UpgradeInput, UpgradeStep } from "../generated/types.ts";
import { neededBy } from "./inference.ts";
import { opDefinition } from "./op-definition.ts";
import { memberSchema, paramErrors, paramsOf, type SchemaNode, stepId, typesMeet, typesOf } from "./op-schema.ts";
import {
  describeSchemaErrors,
  isAlternative,
  isWithin,
  type ManifestError,
  place,
  type SchemaError,
} from "./schema-errors.ts";

export type Inputs = Readonly<Record<string, UpgradeInput | undefined>>;

export interface StepFindings {
  readonly errors: readonly ManifestError[];
  readonly permissions: readonly Permission[];
}

const INPUT_TYPES: Readonly<Record<UpgradeInput["type"], SchemaNode>> = {
  string: { type: "string" },
  path: { type: "string" },
  integer: { type: "integer" },
  number: { type: "number" },
  boolean: { type: "boolean" },
  string_list: { type: "array", items: { type: "string" } },
};

/**
 * Checks a pipeline: ops exist, ids are unique, references lead to inputs and earlier results of fitting type, and
 * parameters keep the op's schema, judged with `values` for the inputs; what is not known yet is judged by type. Also
 * infers what the pipeline needs.
 */
export function checkPipeline(
  pipeline: readonly UpgradeStep[],
  inputs: Inputs,
  values: Readonly<Record<string, Json>>,
): StepFindings {
  const errors: ManifestError[] = [];
  const permissions: Permission[] = [];
  const earlier = new Map<string, OpDefinition | undefined>();
  const ids = pipeline.map(stepId);
  for (const [index, step] of pipeline.entries()) {
    const base = `/pipeline/${index}`;
    const id = stepId(step, index);
    if (earlier.has(id)) {
      const message = `two steps are called ${id}; give each its own id`;
      errors.push({ path: step.id === undefined ? base : `${base}/id`, code: "step_duplicate", message });
    }
    const definition = opDefinition(step.op);
    if (definition === undefined) {
      const message = `there is no op called ${JSON.stringify(step.op)}; there are ${Object.keys(OPS).join(", ")}`;
      errors.push({ path: `${base}/op`, code: "op_unknown", message });
    }
    const found = checkStep({ base, definition, params: paramsOf(step), inputs, values, earlier, ids });
    errors.push(...found.errors);
    permissions.push(...found.permissions);
    earlier.set(id, definition);
  }
  return { errors, permissions: sortPermissions(permissions) };
}

interface StepContext {
  readonly base: string;
  readonly definition: OpDefinition | undefined;
  readonly params: Readonly<Record<string, Json>>;
  readonly inputs: Inputs;
  readonly values: Readonly<Record<string, Json>>;
  /** The op of each step before this one, by id; undefined where the op is unknown. */
  readonly earlier: ReadonlyMap<string, OpDefinition | undefined>;
  readonly ids: readonly string[];
}

function checkStep(context: StepContext): StepFindings {
  const { base, definition, params } = context;
  const errors: ManifestError[] = [];
  for (const { pointer, text } of templatesOf(params)) errors.push(...checkTemplate(context, pointer, text));
  if (definition === undefined) return { errors, permissions: [] };

  const broken = errors.map(({ path }) => path.slice(base.length));
  const { probe, holes } = probeParams(params, context.values);
  const misfits = withoutUnknown(paramErrors(definition, probe), [...holes, ...broken]);
  for (const error of describeSchemaErrors(misfits, probe, base)) errors.push({ ...error, code: "params_invalid" });

  const permissions: Permission[] = [];
  if (broken.length === 0) {
    const known = resolvePartly(params, (reference) => knownValue(reference, context.values));
    for (const { param, permission } of neededBy(definition, known as Readonly<Record<string, Json>>)) {
      if (!isRejection(permission)) permissions.push(permission);
      else
        errors.push({
          path: `${base}/${param}`,
          code: permission.code,
          message: `${place(`${base}/${param}`)}: ${permission.message}`,
        });
    }
  }
  return { errors, permissions };
}

/** Without the errors about values that are not known yet, and those of alternatives that such a value may decide. */
function withoutUnknown(errors: readonly SchemaError[], unknown: readonly string[]): readonly SchemaError[] {
  const isUnknown = (error: SchemaError): boolean => unknown.some((hole) => isWithin(error.instancePath, hole));
  const undecided = errors.filter(
    (error) =>
      isAlternative(error) &&
      errors.some((other) => isUnknown(other) && isWithin(other.instancePath, error.instancePath)),
  );
  return errors.filter(
    (error) =>
      !isUnknown(error) &&
      !undecided.includes(error) &&
      !undecided.some(({ schemaPath }) => schemaPath !== undefined && error.schemaPath?.startsWith(`${schemaPath}/`)),
  );
}

/** The parameters with every known reference replaced, and the pointers of those that hold an unknown one. */
function probeParams(
  params: Readonly<Record<string, Json>>,
  values: Readonly<Record<string, Json>>,
): { readonly probe: Json; readonly holes: readonly string[] } {
  const holes: string[] = [];
  const walk = (value: Json, pointer: string): Json => {
    if (typeof value === "string") {
      const parts = parseTemplate(value);
      if (isRejection(parts) || referencesOf(parts).some((reference) => knownValue(reference, values) === undefined)) {
        holes.push(pointer);
        return value;
      }
      return resolveWiring(value, { inputs: values, steps: new Map(), run: { id: "" } });
    }
    if (Array.isArray(value)) return value.map((item: Json, index) => walk(item, `${pointer}/${index}`));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        walk(member, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
      ]),
    );
  };
  return { probe: walk(params, ""), holes };
}

function knownValue(reference: Reference, values: Readonly<Record<string, Json>>): Json | undefined {
  if (reference.root !== "inputs" || !Object.hasOwn(values, reference.name)) return undefined;
  return values[reference.name];
}

function referencesOf(parts: readonly TemplatePart[]): readonly Reference[] {
  return parts.filter((part) => typeof part !== "string");
}

function checkTemplate(context: StepContext, pointer: string, text: string): readonly ManifestError[] {
  const path = context.base + pointer;
  const parts = parseTemplate(text);
  if (isRejection(parts)) return [{ path, code: parts.code, message: `${place(path)}: ${parts.message}` }];
  const references = referencesOf(parts);
  const errors: ManifestError[] = [];
  for (const reference of references) {
    const schema = schemaOf(reference, context);
    const whole = parts.length === 1;
    const written = formatReference(reference);
    if (typeof schema === "string") {
      errors.push({ path, code: "reference_unknown", message: `${place(path)} refers to ${written}, but ${schema}` });
    } else if (context.definition !== undefined) {
      const { root, node } = paramSchema(context.definition, pointer);
      if (reference.root === "secrets" && node?.["x-secret"] !== true) {
        const message = `${place(path)} cannot hold ${written}: ${context.definition.op} takes secrets only in ${secretParams(context.definition)}`;
        errors.push({ path, code: "secret_misplaced", message });
      }
      if (reference.root === "install" && !isPath(context.definition, pointer)) {
        const message = `${place(path)} cannot hold ${written}: it stands for a folder, and begins the path of a file or folder`;
        errors.push({ path, code: "state_misplaced", message });
      }
      const wanted = node === null ? null : typesOf(root, node);
      const given = whole ? typesOf(schema.root, schema.node) : ["string"];
      if (!typesMeet(given, wanted)) {
        const message = `${place(path)} must be of type ${wanted?.join(" or ")}, but ${whole ? written : "text with a reference in it"} is of type ${given?.join(" or ")}`;
        errors.push({ path, code: "reference_type", message });
      }
    }
  }
  return errors;
}

/** The schema of what a reference stands for, or why it stands for nothing. */
function schemaOf(
  reference: Reference,
  context: StepContext,
): { readonly root: SchemaNode; readonly node: SchemaNode } | string {
  switch (reference.root) {
    case "run":
    case "install":
    case "secrets":
      return { root: {}, node: { type: "string" } };
    case "inputs": {
      const input = Object.hasOwn(context.inputs, reference.name) ? context.inputs[reference.name] : undefined;
      if (input === undefined) return `the manifest declares no input called ${reference.name}`;
      return { root: {}, node: INPUT_TYPES[input.type] };
    }
    case "steps": {
      if (!context.earlier.has(reference.step)) {
        return context.ids.includes(reference.step)
          ? `step ${reference.step} has not run yet at that point`
          : `there is no step called ${reference.step}`;
      }
      const definition = context.earlier.get(reference.step);
      if (definition === undefined) return { root: {}, node: {} }; // its op is unknown, which is reported already
      const root: SchemaNode = definition.result;
      let node: SchemaNode = root;
      for (const [depth, name] of reference.path.entries()) {
        const next = memberSchema(root, node, name);
        if (next === null) {
          const of = [reference.step, ...reference.path.slice(0, depth)].join(".");
          return `${of}, a result of ${definition.op}, has no field ${name}`;
        }
        node = next;
      }
      return { root, node };
    }
  }
}

function secretParams({ params }: OpDefinition): string {
  const properties = (params as SchemaNode).properties ?? {};
  const marked = (node: SchemaNode | undefined): boolean =>
    node?.["x-secret"] === true ||
    (typeof node?.additionalProperties === "object" && marked(node.additionalProperties));
  const names = Object.keys(properties).filter((name) => marked(properties[name]));
  return names.length === 0 ? "no parameter" : names.join(" and ");
}

/** Whether a parameter is a path, by what its op needs for it. */
function isPath({ permissions }: OpDefinition, pointer: string): boolean {
  const [, name] = pointer.split("/");
  return permissions.some(({ param, as }) => param === name && (as === "path" || as === "tree"));
}

function paramSchema(
  definition: OpDefinition,
  pointer: string,
): { readonly root: SchemaNode; readonly node: SchemaNode | null } {
  const root: SchemaNode = definition.params;
  let node: SchemaNode | null = root;
  for (const token of pointer.split("/").slice(1)) {
    if (node === null) break;
    node = memberSchema(root, node, token.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return { root, node };
}
