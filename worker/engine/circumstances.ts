import { externalWritesSince, satsSince } from "@oa/shared/approval/views.ts";
import { DAY_MS, HOUR_MS } from "@oa/shared/core/durations.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { PolicyAction, PolicyQuota } from "@oa/shared/generated/types.ts";
import { isExternalWrite, satsOf } from "@oa/shared/policy/action.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import type { PolicyContext } from "@oa/shared/policy/rule.ts";
import { METRICS, type Metric, usedWithinADay } from "@oa/shared/policy/views.ts";
import type { KillSwitch } from "./kill-switch.ts";
import type { EngineOptions } from "./options.ts";

type Settings = Pick<EngineOptions["config"], "aup" | "zone" | "quotas">;

/** What holds for an install on this worker, besides what the step itself brings. */
export function circumstances(
  { config, kill_switch }: { readonly config: Settings; readonly kill_switch: Pick<KillSwitch, "isOn"> },
  load: EventStore["load"],
  install_id: string | null,
): Pick<PolicyContext, "kill_switch" | "aup" | "zone" | "quarantine"> {
  const { zone, quarantine } = install_id === null ? NO_CONDUCT : load(conductDecider, conductSubject(install_id));
  return {
    kill_switch: kill_switch.isOn(load),
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

/** Over how long each quota of external writes counts. */
export const WRITE_WINDOWS: Readonly<Record<string, number>> = {
  external_writes_per_hour: HOUR_MS,
  external_writes_per_day: DAY_MS,
};
/** The quota of what is spent, and over how long it counts. */
export const SPEND = { name: "sats_per_day", window_ms: DAY_MS } as const;

/** What an action would use of what is limited. */
export interface Uses {
  readonly outside: boolean;
  readonly metrics: readonly Metric[];
  readonly sats: number;
}

export function usesOf(action: PolicyAction): Uses {
  return { outside: isExternalWrite(action), metrics: metricsOf(action), sats: satsOf(action) };
}

/** What the quotas of the settings have to say of something used, where nothing was used before. */
export function limitsOn({ quotas = {} }: Settings, { outside, metrics, sats }: Uses): readonly PolicyQuota[] {
  const of = (name: string, amount: number, limit: number): PolicyQuota => ({ name, used: 0, amount, limit });
  const { external_writes_per_hour, external_writes_per_day, sats_per_day } = quotas;
  const hour = external_writes_per_hour ?? LIMITS.external_writes_per_hour;
  const day = external_writes_per_day ?? LIMITS.external_writes_per_day;
  return [
    ...(outside ? [of("external_writes_per_hour", 1, hour), of("external_writes_per_day", 1, day)] : []),
    ...(sats > 0 ? [of(SPEND.name, sats, sats_per_day ?? LIMITS.spend_sats_per_day)] : []),
    ...metrics.flatMap((metric) => {
      const limit = quotas[`${metric}_per_day`];
      // How much it will be is known only afterwards: it stops once there is nothing left.
      return limit === undefined ? [] : [of(`${metric}_per_day`, 1, limit)];
    }),
  ];
}

/**
 * What the install has used of what its owner allows, where it would use some of it. `use`: what it would be used for,
 * which is not counted before itself.
 */
export function quotasOf(ledger: Ledger, install_id: string, uses: Uses, use = ""): readonly PolicyQuota[] {
  return limitsOn(ledger.config, uses).map((quota) => ({
    ...quota,
    used: usedOf(ledger, install_id, quota.name, use),
  }));
}

function usedOf({ database, now_ms, until_ms }: Ledger, install_id: string, name: string, but: string): number {
  const window_ms = WRITE_WINDOWS[name];
  if (window_ms !== undefined) return externalWritesSince(database, install_id, now_ms - window_ms, until_ms);
  if (name === SPEND.name) {
    const until = until_ms === undefined ? {} : { until_ms };
    return satsSince(database, install_id, { since_ms: now_ms - SPEND.window_ms, ...until, but });
  }
  const metric = METRICS.find((one) => name === `${one}_per_day`);
  return metric === undefined ? 0 : usedWithinADay(database, conductSubject(install_id), metric, now_ms, until_ms);
}

/** What of that which is metered an action would use. */
function metricsOf({ op = "", needs = [] }: PolicyAction): readonly Metric[] {
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
