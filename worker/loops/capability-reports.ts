import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type Measured, toEvent } from "@oa/shared/nostr/24055-worker-capabilities.ts";
import { wrap } from "@oa/shared/nostr/gift-wrap.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { listPairings } from "@oa/shared/pairing/views.ts";
import type { Clock } from "../adapters/clock.ts";

export interface CapabilityReportsOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly secret_key: Uint8Array;
  readonly random: (count: number) => Uint8Array;
  /** What this machine was measured to have. */
  readonly measure: (signal: AbortSignal) => Promise<Measured>;
  /** Sends a gift wrap to one key, on every way there is; throws where none took it. */
  readonly send: (event: NostrEvent, recipient: string, signal: AbortSignal) => Promise<void>;
  readonly report: (error: unknown) => void;
}

/**
 * Tells paired keys what this worker measured about itself: only those that its owner chose to tell, sealed to each,
 * when it changed and now and then. Never throws.
 */
export function openCapabilityReports(options: CapabilityReportsOptions): {
  readonly run: (signal: AbortSignal) => Promise<void>;
} {
  const { sql, clock, report } = options;
  const told = new Map<string, { readonly what: string; readonly at_ms: number }>();

  const tell = async (pubkey: string, capabilities: Measured, signal: AbortSignal): Promise<void> => {
    const now_ms = clock.now_ms();
    // Free disk is always another: what matters is what decides whether an upgrade runs.
    const what = canonicalize({ ...capabilities, disk_free_mb: roughly(capabilities.disk_free_mb) });
    const last = told.get(pubkey);
    const age_ms = last === undefined ? Number.POSITIVE_INFINITY : now_ms - last.at_ms;
    const wanted_ms = last?.what === what ? LIMITS.capabilities_report_ms : LIMITS.capabilities_report_ms_min;
    if (age_ms >= 0 && age_ms < wanted_ms) return;
    const { random, secret_key } = options;
    const created_at = Math.floor(now_ms / 1_000);
    const inner = signEvent(toEvent(capabilities, { to: pubkey, created_at }), secret_key, random(32));
    const fresh = { one_time_key: random(32), nonce: random(32), aux_random: random(32), created_at };
    await options.send(wrap(inner, pubkey, fresh), pubkey, signal);
    told.set(pubkey, { what, at_ms: now_ms });
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const sharing = listPairings(sql, LIMITS.pairings).flatMap(({ status, shares, pubkey }) =>
        status === "confirmed" && shares && pubkey !== null ? [pubkey] : [],
      );
      try {
        const capabilities = sharing.length === 0 ? null : await options.measure(signal);
        for (const pubkey of sharing) {
          if (capabilities === null || signal.aborted) break;
          await tell(pubkey, capabilities, signal).catch((error: unknown) =>
            signal.aborted ? undefined : report(error),
          );
        }
      } catch (error) {
        if (!signal.aborted) report(error);
      }
      await clock.sleep(LIMITS.install_poll_ms, signal);
    }
  };
  return { run };
}

/** To the gigabyte. */
function roughly(disk_free_mb: number | null): number | null {
  return disk_free_mb === null ? null : Math.floor(disk_free_mb / 1_024);
}
