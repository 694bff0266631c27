import { nextFire, parseCron } from "../core/cron.ts";
import { DAY_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { type Permission, parsePermission } from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";

/** The most an upgrade can cost, in sats: its price and what it may spend. */
export interface WorstCaseCost {
  /** One run, a monthly price and limits by the day or longer not divided among runs. */
  readonly run_sats: number;
  /** Thirty days from now with every scheduled start; null where starts are not known ahead: manual, or by triggers. */
  readonly thirty_days_sats: number | null;
  /** Scheduled starts in those thirty days. */
  readonly thirty_days_runs: number | null;
}

const PERIODS_IN_THIRTY_DAYS = { day: 30, week: 5, month: 1 } as const;
const THIRTY_DAYS_MS = 30 * DAY_MS;

export function worstCaseCost(
  manifest: UpgradeManifest,
  grant: readonly Permission[],
  options: { readonly now_ms: number; readonly time_zone: string },
): WorstCaseCost {
  const { model, amount_sats = 0 } = manifest.pricing ?? { model: "free" };
  const spends = grant.flatMap((permission) => {
    const parsed = parsePermission(permission);
    if (parsed?.kind !== "wallet:spend") return [];
    const [sats, period] = parsed.subject.split("/");
    return [{ sats: Number(sats), period }];
  });
  const perRun = spends.reduce((sum, { sats, period }) => (period === "run" ? sum + sats : sum), 0);
  const run_price = model === "per-run" ? amount_sats : 0;
  // A run can use up a limit of a day or longer all by itself.
  const longer = spends.reduce((sum, { sats, period }) => (period === "run" ? sum : sum + sats), 0);
  const run_sats = run_price + perRun + longer + (model === "per-month" ? amount_sats : 0);
  const runs = startsInThirtyDays(manifest, options);
  if (run_sats === 0) return { run_sats, thirty_days_sats: 0, thirty_days_runs: runs };
  if (runs === null) return { run_sats, thirty_days_sats: null, thirty_days_runs: null };
  const limits = spends.reduce((sum, { sats, period }) => {
    if (period !== "day" && period !== "week" && period !== "month") return sum;
    return sum + sats * PERIODS_IN_THIRTY_DAYS[period];
  }, 0);
  const monthly = model === "per-month" ? amount_sats : 0;
  return { run_sats, thirty_days_sats: runs * (run_price + perRun) + limits + monthly, thirty_days_runs: runs };
}

function startsInThirtyDays(
  { schedule, triggers = [] }: UpgradeManifest,
  { now_ms, time_zone }: { readonly now_ms: number; readonly time_zone: string },
): number | null {
  if (schedule.type !== "cron" || schedule.expression === undefined || triggers.length > 0) return null;
  const cron = parseCron(schedule.expression);
  if (isRejection(cron)) return null;
  const timing = { cron, time_zone: schedule.timezone ?? time_zone };
  let count = 0;
  for (let at = nextFire(timing, now_ms); at !== null && at <= now_ms + THIRTY_DAYS_MS; at = nextFire(timing, at)) {
    count += 1;
    if (count >= LIMITS.dry_run_starts) break;
  }
  return count;
}
