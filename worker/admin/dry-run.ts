import { lstat } from "node:fs/promises";
import { whenSentence } from "@oa/shared/api/consent.ts";
import type { DryRun, DryRunPlace } from "@oa/shared/api/dry-run.ts";
import { matchGlob } from "@oa/shared/core/glob.ts";
import type { Json } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { escapeGlob, type Permission, parsePermission, stateMebibytes } from "@oa/shared/core/permission.ts";
import { priceInWords } from "@oa/shared/core/price-words.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { previewSchedule } from "@oa/shared/schedule/preview.ts";
import { toCronSchedule } from "@oa/shared/schedule/timing.ts";
import type { WorkerCapabilities } from "@oa/shared/upgrade/compatibility.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { worstCaseCost } from "@oa/shared/upgrade/cost.ts";
import type { Plan, PlannedStep } from "@oa/shared/upgrade/plan.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";

export interface DryRunOptions {
  readonly home: string;
  readonly time_zone: string;
  readonly now_ms: number;
  readonly backends: () => Promise<WorkerCapabilities["backends"]>;
  readonly signal: AbortSignal;
  /** Most files looked at. */
  readonly files_max?: number;
}

/** What a planned upgrade would touch on this machine, looked at and not changed. */
export async function dryRun(
  { manifest, address }: { readonly manifest: UpgradeManifest; readonly address: string | null },
  plan: Plan,
  options: DryRunOptions,
): Promise<DryRun> {
  const of = (kind: string): readonly string[] =>
    plan.grant.flatMap((permission) => {
      const parsed = parsePermission(permission);
      return parsed?.kind === kind ? [parsed.subject] : [];
    });
  const look = lookAround(options);
  const { fires, local } = nextTimes(manifest, options);
  return {
    ...{ address, title: manifest.title, version: manifest.version, inputs: plan.inputs },
    reads: await look(of("filesystem:read")),
    writes: await look(of("filesystem:write")),
    keeps_mb: stateMebibytes(plan.grant),
    hosts: of("network:egress"),
    environment: of("env:read"),
    publishes_kinds: of("event:publish").map(Number),
    starts_programs: plan.grant.includes("process:spawn"),
    external_writes: plan.steps.filter(({ effect }) => effect === "external_write").map(externalWrite),
    models: await modelsOf(plan.steps, options),
    price: priceInWords(manifest.pricing),
    cost: worstCaseCost(manifest, plan.grant, options),
    schedule: { sentence: whenSentence(manifest.schedule, plan.triggers), next: fires, next_local: local },
    permissions: plan.permissions.map((permission) => ({ permission, sentence: sentenceOf(permission) })),
  };
}

/** Looks at places one after the other, within one bound of files and of time for all of them. */
function lookAround({
  home,
  signal,
  files_max,
}: DryRunOptions): (globs: readonly string[]) => Promise<readonly DryRunPlace[]> {
  const until = performance.now() + LIMITS.dry_run_ms;
  let left: number = files_max ?? LIMITS.dry_run_files;
  const lookAt = async (glob: string): Promise<DryRunPlace> => {
    const place = { glob, exists: false, files: 0, bytes: 0, complete: true };
    const literal = literalPrefix(glob);
    try {
      if (!literal.rest) {
        const stat = await lstat(literal.path);
        if (!stat.isDirectory()) return { ...place, exists: true, files: 1, bytes: stat.size };
      }
      // The owner's own look, below the folder the pattern begins in; what it finds is counted, never opened.
      const grant: readonly Permission[] = [`filesystem:read:${escapeGlob(literal.path).replace(/\/$/, "")}/**`];
      const tree = await openGrantedFiles(grant, { home }).tree(literal.path);
      let [files, bytes] = [0, 0];
      for await (const { path, size_bytes } of tree.list(signal)) {
        if (left <= 0 || performance.now() > until) return { ...place, exists: true, files, bytes, complete: false };
        left -= 1;
        if (!matchGlob(glob, `${literal.path === "/" ? "" : literal.path}/${path}`)) continue;
        files += 1;
        bytes += size_bytes;
      }
      return { ...place, exists: true, files, bytes };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return place;
      if (error instanceof Fault && error.code === "not_found") return place;
      if (error instanceof Fault && error.code !== "canceled") return { ...place, exists: true, complete: false };
      throw error;
    }
  };
  return async (globs) => {
    const places: DryRunPlace[] = [];
    for (const glob of globs) places.push(await lookAt(glob));
    return places;
  };
}

/** The folder or file before the first wildcard, and whether there is one. */
function literalPrefix(glob: string): { readonly path: string; readonly rest: boolean } {
  const segments = glob.split("/");
  const wild = segments.findIndex((segment) => /(?<!\\)(?:\\\\)*[*?[{]/.test(segment));
  const literal = (wild === -1 ? segments : segments.slice(0, wild)).join("/").replace(/\\(.)/g, "$1");
  return { path: literal === "" ? "/" : literal, rest: wild !== -1 };
}

function externalWrite({ id, op, params }: PlannedStep): DryRun["external_writes"][number] {
  const target = params.url ?? params.relays ?? null;
  const text = typeof target === "string" ? target : target === null ? null : JSON.stringify(target);
  return { step: id, op, method: typeof params.method === "string" ? params.method : null, target: text };
}

async function modelsOf(steps: readonly PlannedStep[], options: DryRunOptions): Promise<DryRun["models"]> {
  const used = steps.filter(({ op }) => op === "model.generate" || op === "model.embed");
  if (used.length === 0) return [];
  const known = await options.backends();
  const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
  return used.map(({ id, op, params }) => {
    const backend = text(params.backend) ?? "";
    const status = known.find((one) => one.backend === backend);
    const reason = status?.reason ?? "known only when it runs";
    return { step: id, op, backend, model: text(params.model), available: status?.available ?? null, reason };
  });
}

function nextTimes(
  manifest: UpgradeManifest,
  { time_zone, now_ms }: DryRunOptions,
): { readonly fires: readonly string[]; readonly local: readonly string[] } {
  const cron = toCronSchedule(manifest.schedule, time_zone);
  if (cron === null) return { fires: [], local: [] };
  const { expression, timezone, window, on_missed } = cron;
  const request = { expression, time_zone: timezone, on_missed, from_ms: now_ms, count: 3 };
  const preview = previewSchedule(window === undefined ? request : { ...request, window });
  return isRejection(preview) ? { fires: [], local: [] } : preview;
}
