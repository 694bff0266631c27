import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { PolicyApproval } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { toEvent } from "@oa/shared/nostr/00001-note.ts";
import { evaluate } from "@oa/shared/policy/evaluate.ts";
import type { RunCommand } from "@oa/shared/run/decider.ts";
import type { RunState, RunStep } from "@oa/shared/run/process.ts";
import { circumstances, quotasOf, usesOf } from "./circumstances.ts";
import type { EngineOptions } from "./options.ts";

/** Posts the completion note and gives the command that records how it went; undefined: nothing to record. */
export async function postNote(
  options: Pick<EngineOptions, "store" | "notes" | "clock" | "report" | "config" | "kill_switch" | "database">,
  engine_id: string,
  run_id: string,
  { relays, attempt, state }: Extract<RunStep, { kind: "post_note" }> & { readonly state: RunState },
  signal: AbortSignal,
): Promise<RunCommand | undefined> {
  const { store, notes, clock, report } = options;
  const { created } = state;
  const completed = store.bySubject(run_id).find(({ event_type }) => event_type === "run.completed");
  if (created?.release_event_id == null || completed === undefined) return undefined;
  const { upgrade_address: listing, title, upgrade_version: version, release_event_id, manifest_sha256 } = created;
  const note = { listing, title, version, release_event_id, manifest_sha256, outcome: "succeeded" } as const;
  // The time comes from the log, so that a note posted again after a crash is the same event.
  const created_at = Math.floor(Date.parse(completed.occurred_at) / 1000);
  const event = toEvent(note, { created_at });
  const against = judgeNote(options, created, event.content, relays);
  if (against !== null) {
    return { type: "note_failed", engine_id, attempt, ...against, now_ms: clock.now_ms() };
  }
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.note_timeout_ms)]);
    const sent = await notes.publish(event, { relays, created_at, signal: limit });
    if (sent.accepted.length > 0) {
      return {
        type: "note_posted",
        engine_id,
        note_event_id: sent.event_id,
        accepted: sent.accepted,
        refused: sent.refused,
      };
    }
    const message = clip(`no relay took the completion note: ${sent.refused.join("; ")}`, 2_000);
    return { type: "note_failed", engine_id, attempt, code: "note_not_posted", message, now_ms: clock.now_ms() };
  } catch (error) {
    if (signal.aborted) return undefined;
    report(error);
    const message = error instanceof Fault ? clip(error.message, 2_000) : "the completion note could not be posted";
    return { type: "note_failed", engine_id, attempt, code: "note_not_posted", message, now_ms: clock.now_ms() };
  }
}

/**
 * A note is a write to the outside like any other. That its owner, or the install they consented to, names the relays
 * for it is what approves it; null: it may be posted.
 */
function judgeNote(
  options: Pick<EngineOptions, "store" | "clock" | "config" | "kill_switch" | "database">,
  { install_id, manifest_sha256 }: NonNullable<RunState["created"]>,
  text: string,
  relays: readonly string[],
): { readonly code: string; readonly message: string } | null {
  const named = { action_type: "event.publish", op: "completion_note", needs: ["event:publish:1"] } as const;
  const approval: PolicyApproval = {
    ...{ approval_id: `the choice of ${relays.join(", ")} for completion notes`, scope: "run" },
    ...{ manifest_sha256, op: named.op, action_type: named.action_type, targets: named.needs },
  };
  const now_ms = options.clock.now_ms();
  const { verdict, reasons } = evaluate(
    { ...named, manifest_sha256, text },
    {
      ...circumstances(options, options.store.load, install_id),
      ...{ now_ms, grant: named.needs, approvals: [approval] },
      quotas: install_id === null ? [] : quotasOf({ ...options, now_ms }, install_id, usesOf(named)),
    },
  );
  if (verdict === "allow") return null;
  const [first] = reasons.filter((reason) => reason.verdict === verdict);
  const said = reasons.filter((reason) => reason.verdict === verdict).map(({ message }) => message);
  return {
    code: first?.code === "kill_switch_active" ? first.code : "policy_denied",
    message: clip(`the policy stops the completion note: ${said.join("; ")}`, 2_000),
  };
}

/** Where the owner wants to be told that a run has succeeded. */
export function noteRelays(
  { store, config }: Pick<EngineOptions, "store" | "config">,
  { created }: RunState,
): readonly string[] {
  if (created === null || created.release_event_id === null || config.completion_note_relays === null) return [];
  const { active: release } = store.load(installDecider, created.install_id ?? "");
  return release?.pins.completion_relays ?? config.completion_note_relays;
}
