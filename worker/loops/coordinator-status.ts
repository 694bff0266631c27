import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { InstallEvent, WorkerStatus } from "@oa/shared/generated/types.ts";
import { listInstalls } from "@oa/shared/install/views.ts";
import { toEvent } from "@oa/shared/nostr/24056-worker-status.ts";
import { wrap } from "@oa/shared/nostr/gift-wrap.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { getPairing, pairingOf } from "@oa/shared/pairing/views.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { ownEvent, refuseOwn } from "@oa/shared/policy/own-publish.ts";
import type { Clock } from "../adapters/clock.ts";
import type { ToldCursor } from "../adapters/told-cursor.ts";
import { type AnswerTo, answerIn, installOfRun, installStatus, pairingStatus, signersOf } from "./status-content.ts";

export interface CoordinatorStatusOptions {
  readonly sql: Sql;
  readonly store: Pick<EventStore, "bySubject">;
  readonly events: ControlPorts["events"];
  readonly head: () => number;
  readonly cursor: ToldCursor;
  readonly clock: Clock;
  readonly secret_key: Uint8Array;
  readonly random: (count: number) => Uint8Array;
  /** Takes secrets out of what is told. */
  readonly clean: <T>(value: T) => T;
  readonly aup: AupMode;
  readonly kill_switch: { readonly isOn: () => boolean };
  /** Sends a gift wrap to one key, on every way there is; throws where none took it. */
  readonly send: (event: NostrEvent, recipient: string, signal: AbortSignal) => Promise<void>;
  readonly report: (error: unknown) => void;
}

const PAIRING: ReadonlySet<string> = new Set(
  ["claimed", "confirmed", "removed", "results_set"].map((what) => `pairing.${what}`),
);
const QUARANTINE: ReadonlySet<string> = new Set(["policy.quarantined", "policy.quarantine_lifted"]);
const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.canceled"]);

/** One thing to tell one key, as it stands when it is sent. */
interface Telling {
  readonly to: string;
  readonly make: () => WorkerStatus | null;
}

/**
 * Tells coordinators' keys, sealed to each, where their pairing stands and, where the owner lets it, what became of
 * what they ordered: an answer to each order, each change of an install, each run that ended. Never what is in a file.
 * Telling is an external write, judged by the policy; the owner's pairing is what approves it. Never throws.
 */
export function openCoordinatorStatus(options: CoordinatorStatusOptions): {
  readonly run: (signal: AbortSignal) => Promise<void>;
} {
  const { events, cursor, clock, report } = options;

  const tell = async ({ to, make }: Telling, signal: AbortSignal): Promise<void> => {
    const status = make();
    if (status === null) return;
    const now_ms = clock.now_ms();
    const { aup, secret_key, random } = options;
    const judged = { kill_switch: options.kill_switch.isOn(), aup, now_ms };
    const refused = refuseOwn(ownEvent(KINDS.gift_wrap.kind, "setting/pairing_results"), judged);
    if (refused !== null) throw new Fault(refused.code, refused.message, { retryable: true });
    const created_at = Math.floor(now_ms / 1_000);
    const inner = signEvent(toEvent(options.clean(status), { to, created_at }), secret_key, random(32));
    const fresh = { one_time_key: random(32), nonce: random(32), aux_random: random(32), created_at };
    await options.send(wrap(inner, to, fresh), to, signal);
  };

  /** Later each time, then not at all: the next change tells where things stand again. */
  const tellInTheEnd = async (telling: Telling, signal: AbortSignal): Promise<void> => {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await tell(telling, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const stopped = error instanceof Fault && error.code === "kill_switch_active";
        if (attempt === 1 || !stopped) report(error);
        if (!stopped && attempt >= LIMITS.worker_status_attempts) return;
        await clock.sleep(LIMITS.worker_status_backoff_ms * 2 ** Math.min(attempt - 1, 6), signal);
      }
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        let seq = cursor.get();
        if (seq === null) {
          seq = options.head(); // what was before nobody asked to be told
          cursor.set(seq);
        }
        const page = events.page(seq, LIMITS.telemetry_page);
        for (const telling of tellingsOf(options, page.events)) {
          await tellInTheEnd(telling, signal);
          if (signal.aborted) return;
        }
        if (page.next_seq > seq) cursor.set(page.next_seq);
        else await events.wait(seq, LIMITS.telemetry_wait_ms, signal);
      } catch (error) {
        if (signal.aborted) return;
        report(error);
        await clock.sleep(LIMITS.worker_status_backoff_ms, signal);
      }
    }
  };
  return { run };
}

/** What some events lead to telling: an install once for each order, however much happened to it; each run that ended. */
function tellingsOf(
  { sql, store }: Pick<CoordinatorStatusOptions, "sql" | "store">,
  events: readonly Recorded[],
): readonly Telling[] {
  const tellings = new Map<string, Telling>();
  const answers = new Map<string, AnswerTo>();
  const tellInstall = (install_id: string, { stream_seq: seq }: Recorded, run_id: string | null, only?: string) => {
    const answered = answers.get(install_id);
    for (const to of signersOf(store, install_id)) {
      if ((only !== undefined && to !== only) || pairingOf(sql, to)?.results !== true) continue;
      const answer = answered?.signer === to ? answered.answer : null;
      const key = [to, install_id, run_id ?? "", answer?.config_event_id ?? ""].join();
      tellings.delete(key); // the latest of one install counts, and stands where it happened
      tellings.set(key, { to, make: () => installStatus(sql, install_id, { seq, answer, run_id }) });
    }
  };
  for (const event of events) {
    const { event_type, subject_id, stream_seq: seq } = event;
    if (PAIRING.has(event_type)) {
      const to = getPairing(sql, subject_id)?.pubkey ?? null;
      if (to === null) continue;
      tellings.set(`${to},${subject_id}`, { to, make: () => pairingStatus(sql, subject_id, seq) });
      if (event_type !== "pairing.results_set") continue;
      for (const { install_id } of listInstalls(sql, { limit: LIMITS.api_page }))
        tellInstall(install_id, event, null, to);
    } else if (event_type.startsWith("install.")) {
      const answer = answerIn(event as Recorded<InstallEvent>);
      if (answer !== null) answers.set(subject_id, answer);
      tellInstall(subject_id, event, null);
    } else if (QUARANTINE.has(event_type)) {
      for (const { install_id } of listInstalls(sql, { limit: LIMITS.api_page }))
        if (conductSubject(install_id) === subject_id) tellInstall(install_id, event, null);
    } else if (ENDS.has(event_type)) {
      const install_id = installOfRun(sql, subject_id);
      if (install_id !== null) tellInstall(install_id, event, subject_id);
    }
  }
  return [...tellings.values()];
}
