import type { Json } from "../core/json.ts";
import { expandHome, leastPermissions, type Permission } from "../core/permission.ts";
import { assert, isRejection, type Rejection, reject } from "../core/refusal.ts";
import { shown } from "../core/schema-sentence.ts";
import { resolvePartly } from "../core/wiring.ts";
import type { InputValue, OpDefinition, UpgradeManifest, UpgradeStep } from "../generated/types.ts";
import { declaredPermissions } from "./declared.ts";
import { misfitOf } from "./field-rules.ts";
import { isOpen } from "./inference.ts";
import { opDefinition } from "./op-definition.ts";
import { paramsOf, type SchemaNode, stepId } from "./op-schema.ts";
import { checkPipeline } from "./step-rules.ts";
import { type PlannedTrigger, plannedTriggers } from "./triggers.ts";
import { defaultsOf } from "./validate.ts";

export type EffectClass = OpDefinition["effect"]["class"];

export interface PlannedStep {
  readonly id: string;
  readonly op: string;
  /** Templates: inputs are filled in, results of steps and the run's id are not. `resolveWiring` makes the values. */
  readonly params: Readonly<Record<string, Json>>;
  readonly timeout_ms: number;
  readonly retry: { readonly max_attempts: number; readonly backoff_ms: number };
  readonly effect: EffectClass;
}

export interface Plan {
  readonly inputs: Readonly<Record<string, InputValue>>;
  readonly steps: readonly PlannedStep[];
  /** What consent shows and `permissionHash` binds: declared and computed together, `~` as it is written. */
  readonly permissions: readonly Permission[];
  /** The same with `~` expanded: what the run is held to. */
  readonly grant: readonly Permission[];
  /** What starts a run besides the schedule, in the manifest's order. */
  readonly triggers: readonly PlannedTrigger[];
}

/**
 * A valid manifest with an install's inputs: its steps as they will run and the permissions to ask for. A pure function
 * of its arguments, so the coordinator and the worker come to the same permissions. Refusals: input_unknown,
 * input_missing, input_invalid, and those of `validateManifest` that only appear with these inputs.
 */
export function planOf(
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, InputValue>>,
  options: { readonly home: string },
): Plan | Rejection {
  const merged = mergeInputs(manifest, inputs);
  if (isRejection(merged)) return merged;
  const found = checkPipeline(manifest.pipeline, manifest.inputs ?? {}, merged);
  const [error] = found.errors;
  if (error !== undefined) return reject(error.code, error.message, { path: error.path });
  const needed = found.permissions.filter((permission) => !isOpen(permission));
  const permissions = leastPermissions([...declaredPermissions(manifest, merged), ...needed]);
  const grant = expandHome(permissions, options.home);
  const triggers: PlannedTrigger[] = [];
  for (const trigger of plannedTriggers(manifest, merged, { home: options.home, grant })) {
    if (isRejection(trigger)) return trigger;
    if (trigger !== null) triggers.push(trigger);
  }
  return {
    inputs: merged,
    steps: manifest.pipeline.map((step, index) => plannedStep(step, index, merged)),
    permissions,
    grant,
    triggers,
  };
}

function plannedStep(step: UpgradeStep, index: number, inputs: Readonly<Record<string, Json>>): PlannedStep {
  const definition = opDefinition(step.op);
  assert(definition !== undefined, `${step.op} was checked to be an op`);
  const params = resolvePartly(paramsOf(step), (reference) =>
    reference.root === "inputs" && Object.hasOwn(inputs, reference.name) ? inputs[reference.name] : undefined,
  ) as Readonly<Record<string, Json>>;
  return {
    id: stepId(step, index),
    op: step.op,
    params,
    timeout_ms: step.timeout_ms ?? definition.timeout_ms,
    retry: { ...definition.retry, ...step.retry },
    effect: effectOf(definition, params),
  };
}

/** The class of a step's effect; a parameter that is not known yet counts as the stronger one. */
export function effectOf(definition: OpDefinition, params: Readonly<Record<string, Json>>): EffectClass {
  const { class: strong, unless } = definition.effect;
  if (unless === undefined) return strong;
  const schema: SchemaNode = definition.params;
  const value = Object.hasOwn(params, unless.param) ? params[unless.param] : schema.properties?.[unless.param]?.default;
  return typeof value === "string" && unless.in.includes(value) ? unless.class : strong;
}

/** The given inputs over the defaults. Refusals: input_unknown, input_missing, input_invalid. */
export function mergeInputs(
  manifest: UpgradeManifest,
  given: Readonly<Record<string, InputValue>>,
): Readonly<Record<string, InputValue>> | Rejection {
  const declared = manifest.inputs ?? {};
  for (const [name, value] of Object.entries(given)) {
    const input = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (input === undefined) {
      const names = Object.keys(declared).join(", ");
      return reject("input_unknown", `there is no input called ${name}; there are ${names === "" ? "none" : names}`);
    }
    const misfit = misfitOf(input, value);
    if (misfit !== null) return reject("input_invalid", `input ${name} ${misfit}, not ${shown(value)}`);
  }
  const merged = { ...defaultsOf(manifest), ...given } as Readonly<Record<string, InputValue>>;
  const missing = Object.keys(declared).filter((name) => !Object.hasOwn(merged, name));
  if (missing.length > 0) {
    return reject("input_missing", `no value was given for ${missing.join(", ")}, which has no default`, { missing });
  }
  return merged;
}
