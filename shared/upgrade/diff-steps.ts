import { canonicalize, type Json } from "../core/json.ts";
import { isRejection } from "../core/refusal.ts";
import { parseTemplate, type TemplatePart, templatesOf } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { type Found, found, same } from "./change.ts";
import { opDefinition } from "./op-definition.ts";
import { paramsOf, stepId } from "./op-schema.ts";
import { effectOf } from "./plan.ts";

/**
 * What the steps do differently within the same permissions. The same host may be sent other things: a step that
 * reaches outside is compared together with all that flows into it.
 */
export function diffSteps(before: UpgradeManifest, after: UpgradeManifest): readonly Found[] {
  const [old, now] = [stepsOf(before), stepsOf(after)];
  const origins = new Set([...old.values()].map(({ origin }) => origin));
  return [
    ...[...now.values()].flatMap((step): readonly Found[] => {
      const was = old.get(step.id);
      if (step.outward && !origins.has(step.origin)) {
        const pair = [was?.shown, step.shown] as const;
        if (step.writes_outside) {
          const sentence = `Step ${step.id} (${step.op}) writes outside this machine in a way it did not before${to(step)}.`;
          return [found("widened", "external_write", step.id, pair, sentence)];
        }
        if (step.sources.length > 0) {
          const sentence = `Step ${step.id} (${step.op}) uses what ${step.sources.join(", ")} gives in a way it did not before${to(step)}.`;
          return [found("widened", "data_flow", step.id, pair, sentence)];
        }
      }
      if (was === undefined)
        return [found("changed", "step", step.id, [null, step.shown], `Step ${step.id} (${step.op}) is new.`)];
      if (same(was.shown, step.shown)) return [];
      return [found("changed", "step", step.id, [was.shown, step.shown], `Step ${step.id} (${step.op}) has changed.`)];
    }),
    ...[...old.values()]
      .filter(({ id }) => !now.has(id))
      .map(({ id, op, shown }) => found("changed", "step", id, [shown, null], `Step ${id} (${op}) is gone.`)),
  ];
}

interface Step {
  readonly id: string;
  readonly op: string;
  readonly shown: Json;
  /** Reaches the network or publishes. */
  readonly outward: boolean;
  readonly writes_outside: boolean;
  /** Steps whose results it uses. */
  readonly sources: readonly string[];
  /** The step and, through its references, every step it depends on, whatever they are called. */
  readonly origin: string;
  readonly target: string | null;
}

function to({ target }: Step): string {
  return target === null ? "" : `: ${target}`;
}

function stepsOf({ pipeline }: UpgradeManifest): ReadonlyMap<string, Step> {
  const steps = new Map<string, Step>();
  for (const [index, step] of pipeline.entries()) {
    const id = stepId(step, index);
    const params = paramsOf(step);
    const definition = opDefinition(step.op);
    const sources = sourcesOf(params);
    const { op, timeout_ms, retry } = step;
    const writes_outside = definition !== undefined && effectOf(definition, params) === "external_write";
    const rules = definition?.permissions ?? [];
    const reach = rules.find(({ kind }) => kind === "network:egress" || kind === "event:publish");
    const target = reach === undefined ? undefined : params[reach.param];
    // References only go back, so what a step depends on is known before it.
    const flows = sources.map((source) => [source, steps.get(source)?.origin ?? null]);
    steps.set(id, {
      ...{ id, op, sources, writes_outside },
      shown: canonicalized({ op, params, timeout_ms: timeout_ms ?? null, retry: retry ?? null }),
      outward: writes_outside || reach !== undefined,
      origin: canonicalize({ op, params: renamed(params, sources), flows: flows.map(([, origin]) => origin) }),
      target: target === undefined ? null : typeof target === "string" ? target : canonicalize(target),
    });
  }
  return steps;
}

function canonicalized(value: unknown): Json {
  return JSON.parse(canonicalize(value)) as Json;
}

/** The steps that parameters refer to, in the order in which they are first named. */
function sourcesOf(params: Readonly<Record<string, Json>>): readonly string[] {
  const parts = [...templatesOf(params)].flatMap(({ text }): readonly TemplatePart[] => {
    const parsed = parseTemplate(text);
    return isRejection(parsed) ? [] : parsed;
  });
  return [...new Set(parts.flatMap((part) => (typeof part !== "string" && part.root === "steps" ? [part.step] : [])))];
}

/** The parameters with each step they refer to called by its number, so that a new name alone is no difference. */
function renamed(params: Readonly<Record<string, Json>>, sources: readonly string[]): Json {
  const text = canonicalize(params);
  return sources.reduce((all, source, index) => all.replaceAll(`\${steps.${source}.`, `\${steps.<${index}>.`), text);
}
