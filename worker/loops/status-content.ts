import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { clip } from "@oa/shared/core/text.ts";
import type {
  InstallEvent,
  InstallSigner,
  InstallStatus,
  PairingStatus,
  StatusAnswer,
  StatusRun,
} from "@oa/shared/generated/types.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { getPairing } from "@oa/shared/pairing/views.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { getQuarantine } from "@oa/shared/policy/views.ts";
import { getRun, runSummary } from "@oa/shared/run/views.ts";

/** Where a pairing stands; null where its secret has not been shown yet. */
export function pairingStatus(sql: Sql, pairing_id: string, seq: number): PairingStatus | null {
  const pairing = getPairing(sql, pairing_id);
  if (pairing === null || pairing.status === "offered") return null;
  const { status: state, label, results, ceiling } = pairing;
  return { about: "pairing", seq, state, label, results, ceiling };
}

/** Where an install stands, with the answer to the order and the run that led to telling of it. */
export function installStatus(
  sql: Sql,
  install_id: string,
  {
    seq,
    answer,
    run_id,
  }: { readonly seq: number; readonly answer: StatusAnswer | null; readonly run_id: string | null },
): InstallStatus {
  const install = getInstall(sql, install_id);
  const stopped = install?.status === "enabled" && getQuarantine(sql, conductSubject(install_id)) !== null;
  const pins = install?.active ?? install?.pending ?? null;
  return {
    ...{ about: "install", seq, install_id, answer },
    listing: pins?.upgrade_address ?? null,
    title: pins?.title ?? null,
    version: pins?.upgrade_version ?? null,
    state: stopped ? "quarantined" : (install?.status ?? "none"),
    waits_for: install?.approval_reasons ?? [],
    run: run_id === null ? null : runStatus(sql, run_id),
  };
}

/** How a run ended; null while it goes on. Outputs by name and size: what is in them stays on the machine. */
function runStatus(sql: Sql, run_id: string): StatusRun | null {
  const run = getRun(sql, run_id);
  if (run === null || run.finished_at === null) return null;
  const { status, reason, code, message, started_at, finished_at, steps_done, steps_total, artifacts } = run;
  if (status === "queued" || status === "running") return null;
  return {
    ...{ run_id, status, reason, code, started_at, finished_at, steps_done, steps_total },
    message: message === null ? null : clip(message, 2_000),
    outputs: artifacts
      .slice(0, LIMITS.worker_status_outputs)
      .map(({ name, media_type, bytes }) => ({ name: clip(name, 500), media_type: clip(media_type, 200), bytes })),
  };
}

/** The install that a run is of; null: of none. */
export function installOfRun(sql: Sql, run_id: string): string | null {
  return runSummary(sql, run_id)?.install_id ?? null;
}

/** An answer to an order, for the key that gave it. */
export interface AnswerTo {
  readonly signer: string;
  readonly answer: StatusAnswer;
}

/** The answer that an event of an install is to the order behind it; null where no order is. */
export function answerIn(event: InstallEvent): AnswerTo | null {
  const signed_by = signerIn(event);
  if (signed_by === undefined) return null;
  const { signer, config_event_id, revision } = signed_by;
  const refused = event.event_type === "install.refused" ? event.data : null;
  return {
    signer,
    answer: { config_event_id, revision, code: refused?.code ?? null, message: refused?.message ?? null },
  };
}

/** Every key that ordered this install, or was refused it. */
export function signersOf(store: Pick<EventStore, "bySubject">, install_id: string): ReadonlySet<string> {
  const events = store.bySubject(install_id) as readonly Recorded<InstallEvent>[]; // an install has its own events only
  return new Set(
    events.flatMap((event) => {
      if (event.event_type !== "install.requested" && event.event_type !== "install.refused") return [];
      return signerIn(event)?.signer ?? [];
    }),
  );
}

function signerIn(event: InstallEvent): InstallSigner | undefined {
  if (event.event_type === "install.requested") return event.data.pins.signed_by;
  return "signed_by" in event.data ? event.data.signed_by : undefined;
}
