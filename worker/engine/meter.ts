import { type Task, task } from "@oa/shared/core/event-store.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { PolicyUsage } from "@oa/shared/generated/types.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { METRICS, type Metric } from "@oa/shared/policy/views.ts";
import type { Clock } from "../adapters/clock.ts";
import type { Effects } from "./perform.ts";

/** Counts what a step uses of the network and of models, and lets it have no more than is left. */
export interface Meter {
  readonly effects: Effects;
  /** What was used so far; null: nothing. */
  readonly usage: () => PolicyUsage | null;
}

/** A model that does not say how many tokens it read or wrote: so many characters count as one. */
const CHARS_PER_TOKEN = 4;

/**
 * A step's effects behind a meter. `left`: how much of each thing the install may still use today; what is absent is
 * not limited. A request that begins within the quota is let to end, but brings no more bytes than are left. Git fetches
 * by itself and is not counted. Fault: quota_exceeded.
 */
export function metered(
  effects: Effects,
  left: Partial<Readonly<Record<Metric, number>>>,
  clock: Pick<Clock, "now_ms">,
): Meter {
  const used: Record<Metric, number> = { egress_bytes: 0, model_tokens: 0, model_ms: 0 };
  const remaining = (metric: Metric): number => (left[metric] ?? Number.MAX_SAFE_INTEGER) - used[metric];
  const need = (...metrics: readonly Metric[]): void => {
    const spent = metrics.find((metric) => remaining(metric) <= 0);
    if (spent !== undefined) throw new Fault("quota_exceeded", `nothing is left today of ${spent}_per_day`);
  };
  const think = async <T>(work: () => Promise<T>, tokens: (result: T) => number): Promise<T> => {
    need("model_tokens", "model_ms");
    const started_ms = clock.now_ms();
    try {
      const result = await work();
      used.model_tokens += tokens(result);
      return result;
    } finally {
      used.model_ms += Math.max(1, Math.round(clock.now_ms() - started_ms));
    }
  };
  const { egress, backends } = effects;
  return {
    effects: {
      ...effects,
      egress: {
        ...egress,
        fetch: async (request) => {
          need("egress_bytes");
          used.egress_bytes += bytesOf(request.body) + request.url.length;
          const max_bytes = Math.max(1, Math.min(request.max_bytes, remaining("egress_bytes")));
          const onBytes = (bytes: number): void => {
            used.egress_bytes += bytes;
          };
          try {
            return await egress.fetch({ ...request, max_bytes, onBytes });
          } catch (error) {
            const over = error instanceof Fault && error.code === "egress_too_large" && max_bytes < request.max_bytes;
            if (!over) throw error;
            const message = `egress_bytes_per_day leaves ${max_bytes} bytes for today: ${error.message}`;
            throw new Fault("quota_exceeded", message, { cause: error });
          }
        },
      },
      backends: {
        ...backends,
        generate: (request) =>
          think(
            () => backends.generate(request),
            ({ text, tokens_in, tokens_out }) =>
              (tokens_in ?? tokensOf(request.prompt)) + (tokens_out ?? tokensOf(text)),
          ),
        // Hashed words are no model.
        embed: (request) =>
          request.backend === "lexical-v1"
            ? backends.embed(request)
            : think(
                () => backends.embed(request),
                () => request.texts.reduce((sum, text) => sum + tokensOf(text), 0),
              ),
      },
    },
    usage: () => {
      const some = METRICS.filter((metric) => used[metric] > 0).map((metric) => [metric, used[metric]] as const);
      return some.length === 0 ? null : Object.fromEntries(some);
    },
  };
}

function bytesOf(body: string | Uint8Array | undefined): number {
  if (body === undefined) return 0;
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/** Keeps what an attempt used, so that it counts after a restart too. */
export function usageTasks(
  install_id: string | null | undefined,
  attempt: {
    readonly run_id: string;
    readonly step_id: string;
    readonly usage: PolicyUsage | null;
    readonly at_ms: number;
  },
): readonly Task[] {
  const { usage, ...where } = attempt;
  if (install_id == null || usage === null) return [];
  return [task(conductDecider, conductSubject(install_id), { type: "meter", ...where, usage })];
}
