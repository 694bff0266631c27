import {
  ATTESTATION_SETTING,
  type AttestationCommand,
  attestationDecider,
  attestationSubject,
} from "@oa/shared/attestation/decider.ts";
import { runsToAttest } from "@oa/shared/attestation/views.ts";
import type { EventContext, Recorded } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { toEvent } from "@oa/shared/nostr/01985-run-attestation.ts";
import { isListingAddress } from "@oa/shared/nostr/30054-rating.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import type { Clock } from "../adapters/clock.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";
import { publishOwn } from "../engine/own-publish.ts";

export interface AttestationOptions {
  readonly store: EventStore;
  readonly database: SqliteDatabase;
  readonly clock: Clock;
  readonly pool: Pick<RelayPool, "publish">;
  readonly relays: readonly string[];
  /** The owner's setting; off means that nothing is told. */
  readonly enabled: boolean;
  readonly worker: string;
  readonly secret_key: Uint8Array;
  /** Whose ratings the attestations are proof for. */
  readonly owner: string;
  readonly random: (count: number) => Uint8Array;
  readonly workspace_id: string;
  readonly aup: AupMode;
  readonly kill_switch: { readonly isOn: () => boolean };
  readonly report: (error: unknown) => void;
}

/**
 * Attests runs in public, where the owner turned that on: what ended before is never told of. Each attestation is an
 * external write, judged by the policy; the setting is what approves it. Made again after a crash, it is the same event.
 */
export function openAttestationLoop(options: AttestationOptions): {
  /** Attests what waits, once; resolves to how many were tried. */
  readonly attest: (signal: AbortSignal) => Promise<number>;
  /** Until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
} {
  const { store, database, clock } = options;
  const record = async (subject_id: string, command: AttestationCommand): Promise<void> => {
    const context: EventContext = {
      ...{ now_ms: clock.now_ms(), workspace_id: options.workspace_id },
      ...({ stream_type: "workspace", stream_id: options.workspace_id } as const),
      ...({ actor_type: "service", actor_id: options.worker, correlation_id: subject_id } as const),
    };
    const done = await database.commit(() => store.handle(context, [task(attestationDecider, subject_id, command)]));
    if (isRejection(done)) throw new Fault(done.code, done.message);
  };

  const attestRun = async (run_id: string, signal: AbortSignal): Promise<void> => {
    const failed = (code: string, message: string, retryable: boolean): AttestationCommand => ({
      ...{ type: "failed", code, message: clip(message, 2_000), retryable, now_ms: clock.now_ms() },
    });
    await record(attestationSubject(run_id), await outcome());

    async function outcome(): Promise<AttestationCommand> {
      const template = attestationOf(store.bySubject(run_id) as readonly Recorded<RunEvent>[], options.owner);
      if (template === null) return failed("not_found", "the run is of no published release", false);
      const event = signEvent(template, options.secret_key, options.random(32));
      const gate = { ...options, now_ms: clock.now_ms, record: null };
      const answers = await publishOwn(event, options.relays, "setting/attest_runs", gate, signal);
      if (isRejection(answers)) return failed(answers.code, answers.message, false);
      const accepted = answers.filter((answer) => answer.accepted).map(({ relay }) => relay);
      const against = answers.filter((answer) => !answer.accepted).map(({ relay, message }) => `${relay}: ${message}`);
      const said = against.map((text) => clip(text, 2_000));
      if (accepted.length === 0) return failed("relay_refused", `no relay took it: ${against.join("; ")}`, true);
      return { type: "published", attestation_event_id: event.id, accepted, refused: said };
    }
  };

  const attest = async (signal: AbortSignal): Promise<number> => {
    await record(ATTESTATION_SETTING, { type: "set", enabled: options.enabled });
    if (!options.enabled || options.relays.length === 0) return 0;
    const runs = runsToAttest(database, clock.now_ms(), LIMITS.attestation_batch);
    for (const run_id of runs) {
      if (signal.aborted) break;
      await attestRun(run_id, signal);
    }
    return runs.length;
  };

  return {
    attest,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await attest(signal);
        } catch (error) {
          if (!signal.aborted) options.report(error);
        }
        await clock.sleep(LIMITS.attestation_backoff_ms, signal);
      }
    },
  };
}

/** What is told of a run; null where it is of no release that was published. Its time comes from the log. */
function attestationOf(events: readonly Recorded<RunEvent>[], owner: string): ReturnType<typeof toEvent> | null {
  const created = events.find((event) => event.event_type === "run.created");
  const completed = events.find((event) => event.event_type === "run.completed");
  if (created?.event_type !== "run.created" || completed === undefined) return null;
  const { upgrade_address: listing, release_event_id, manifest_sha256 } = created.data;
  if (release_event_id === null || !isListingAddress(listing)) return null;
  const run_sha256 = completed.event_hash.replace(/^sha256:/, "");
  return toEvent(
    { owner, listing, release_event_id, manifest_sha256, run_sha256 },
    { created_at: Math.floor(Date.parse(completed.occurred_at) / 1000) },
  );
}
