import { externalWritesSince } from "@oa/shared/approval/views.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { PolicyAction, PolicyQuota } from "@oa/shared/generated/types.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import type { PolicyContext } from "@oa/shared/policy/rule.ts";
import { METRICS, type Metric, usedWithinADay } from "@oa/shared/policy/views.ts";
import type { EngineOptions } from "../engine.ts";

type Settings = Pick<EngineOptions["config"], "aup" | "zone" | "quotas">;

/** What holds for an install on this worker, besides what the step itself brings. */
export function circumstances(
  { config, kill_switch }: { readonly config: Settings; readonly kill_switch: { readonly isOn: () => boolean } },
  load: EventStore["load"],
  install_id: string | null,
): Pick<PolicyContext, "kill_switch" | "aup" | "zone" | "quarantine"> {
  const { zone, quarantine } = install_id === null ? NO_CONDUCT : load(conductDecider, conductSubject(install_id));
  return {
    kill_switch: kill_switch.isOn(),
    aup: config.aup ?? "strict",
    zone: zone ?? config.zone ?? "supervised",
    quarantine: quarantine?.reason ?? null,
  };
}

const NO_CONDUCT = conductDecider.initial;

/** Where it stands what was used, and what may be. */
interface Ledger {
  readonly database: Sql;
  readonly config: Settings;
  readonly now_ms: number;
  /** For a look back: what came later does not count. */
  readonly until_ms?: number;
}

const HOUR_MS = 3_600_000;
/** Over how long each quota of external writes counts. */
export const WRITE_WINDOWS: Readonly<Record<string, number>> = {
  external_writes_per_hour: HOUR_MS,
  external_writes_per_day: 24 * HOUR_MS,
};

/** What the install has used of what its owner allows, where this step would use some of it. */
export function quotasOf(
  { database, config, now_ms, until_ms }: Ledger,
  install_id: string,
  metrics: readonly Metric[],
  outside: boolean,
): readonly PolicyQuota[] {
  const { quotas = {} } = config;
  const writes = (name: string, limit: number): PolicyQuota => {
    const since_ms = now_ms - (WRITE_WINDOWS[name] ?? 0);
    return { name, used: externalWritesSince(database, install_id, since_ms, until_ms), amount: 1, limit };
  };
  const { external_writes_per_hour, external_writes_per_day } = quotas;
  const hour = external_writes_per_hour ?? LIMITS.external_writes_per_hour;
  const day = external_writes_per_day ?? LIMITS.external_writes_per_day;
  const counted = outside ? [writes("external_writes_per_hour", hour), writes("external_writes_per_day", day)] : [];
  const metered = metrics.flatMap((metric) => {
    const limit = quotas[`${metric}_per_day`];
    if (limit === undefined) return [];
    const used = usedWithinADay(database, conductSubject(install_id), metric, now_ms, until_ms);
    // How much it will be is known only afterwards: it stops once there is nothing left.
    return [{ name: `${metric}_per_day`, used, amount: 1, limit }];
  });
  return [...counted, ...metered];
}

/** What of that which is metered an action would use. */
export function metricsOf({ op = "", needs = [] }: PolicyAction): readonly Metric[] {
  const network = needs.some((need) => need.startsWith("network:egress:"));
  const model = op.startsWith("model.");
  return METRICS.filter((metric) => (metric === "egress_bytes" ? network : model));
}

/** How much of each metered thing is left for the install today; what is not limited is absent. */
export function leftToday(
  { database, config, now_ms }: Ledger,
  install_id: string,
): Partial<Readonly<Record<Metric, number>>> {
  const left: Partial<Record<Metric, number>> = {};
  for (const metric of METRICS) {
    const limit = config.quotas?.[`${metric}_per_day`];
    if (limit === undefined) continue;
    const used = usedWithinADay(database, conductSubject(install_id), metric, now_ms);
    left[metric] = Math.max(0, limit - used);
  }
  return left;
}
