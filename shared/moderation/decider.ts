import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { MODERATION_ACTIONS } from "../core/moderation-words.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { ModerationDecision, ModerationEvent, ModerationReport, ModerationTarget } from "../generated/types.ts";
import { hasEnded, isAbout, repeatsIn } from "./reader.ts";
import { mayReverse, type Trust, whyNot } from "./trust.ts";

/** Everything reported and decided of one target. Nothing is ever taken out of it. */
export interface CaseState {
  readonly target: ModerationTarget | null;
  readonly reports: readonly ModerationReport[];
  /** Reports since the last answer to them. */
  readonly unanswered: readonly ModerationReport[];
  /** Decisions and appeals, in the order in which they came. */
  readonly decisions: readonly ModerationDecision[];
}

export type CaseCommand =
  | { readonly type: "report"; readonly target: ModerationTarget; readonly report: ModerationReport }
  | {
      readonly type: "decide";
      readonly decision: ModerationDecision;
      readonly trust: Trust;
      /** The signed list that gives roles here; null where there is none yet. */
      readonly roles_event_id: string | null;
      /** Whose the target is, where that is known. */
      readonly target_key: string | null;
      readonly now_s: number;
    };

/**
 * A case of moderation: what was reported of one target, and what those who may decided. Reports open it and never
 * decide it. Every decision can be reversed, and stays in the history. A repeat changes nothing. Refusals: not_permitted,
 * own_listing, own_decision, not_found, decision_stale, already_decided, already_appealed, case_full.
 */
export const moderationCase: Decider<CaseState, ModerationEvent, CaseCommand> = {
  initial: { target: null, reports: [], unanswered: [], decisions: [] },

  evolve(state, event) {
    switch (event.event_type) {
      case "moderation.reported": {
        const { report, target } = event.data;
        return { ...state, target, reports: [...state.reports, report], unanswered: [...state.unanswered, report] };
      }
      case "moderation.decided":
      case "moderation.appealed": {
        const { decision } = event.data;
        const answered = ["hold", "label", "take_down", "dismiss"].includes(decision.action);
        return {
          ...{ ...state, target: decision.target, decisions: [...state.decisions, decision] },
          unanswered: answered ? [] : state.unanswered,
        };
      }
      default:
        return assertNever(event);
    }
  },

  decide(state, command) {
    switch (command.type) {
      case "report":
        return decideReport(state, command);
      case "decide":
        return decide(state, command);
      default:
        return assertNever(command);
    }
  },
};

function decideReport(
  { reports }: CaseState,
  { target, report }: Extract<CaseCommand, { type: "report" }>,
): readonly ModerationEvent[] | Rejection {
  if (reports.some(({ reporter }) => reporter === report.reporter)) return [];
  const unknown = reports.filter(({ standing }) => standing === "unknown").length;
  // Keys that nobody knows must not use up the room of those who are known.
  const full =
    report.standing === "unknown"
      ? unknown >= LIMITS.moderation_reports_unknown
      : reports.length - unknown >= LIMITS.moderation_reports_per_case;
  if (full) return reject("case_full", "this was reported often enough: another report of its kind adds nothing");
  return [{ event_type: "moderation.reported", data: { target, report } }];
}

type Deciding = Extract<CaseCommand, { type: "decide" }>;

function decide(state: CaseState, command: Deciding): readonly ModerationEvent[] | Rejection {
  const { decision, roles_event_id, now_s } = command;
  if (state.decisions.some(({ event_id }) => event_id === decision.event_id)) return [];
  const refusal = refuseMaker(command) ?? refuseTime(decision, now_s) ?? refuseRoom(state, decision);
  if (refusal !== null) return refusal;
  if (decision.action === "appeal") {
    return refuseAppeal(state, decision, now_s) ?? [{ event_type: "moderation.appealed", data: { decision } }];
  }
  const no = MODERATION_ACTIONS[decision.action].measure ? refuseRepeat(state, decision) : refuseAnswer(state, command);
  return no ?? [{ event_type: "moderation.decided", data: { decision, roles_event_id } }];
}

function refuseMaker({ decision, trust, target_key }: Deciding): Rejection | null {
  const { action, moderator } = decision;
  const code = whyNot(decision, trust, target_key);
  if (code === null) return null;
  if (code === "own_listing") return reject(code, "a curator does not moderate what is their own");
  if (action === "appeal")
    return reject(code, `only the author of what was decided about may appeal, not ${moderator}`);
  return reject(
    code,
    `the key ${moderator} may not ${action} here: no list of this edge's operator gives it that role`,
  );
}

/** A label is fresh when it is first handed in, so that an old one cannot be brought up later by somebody else. */
function refuseTime({ created_at }: ModerationDecision, now_s: number): Rejection | null {
  const stale =
    created_at > now_s + LIMITS.moderation_decision_ahead_s || created_at < now_s - LIMITS.moderation_decision_old_s;
  return stale ? reject("decision_stale", "the decision was not signed just now: sign it again") : null;
}

function refuseRoom({ decisions }: CaseState, { action }: ModerationDecision): Rejection | null {
  // What reverses is always taken.
  if (decisions.length < LIMITS.moderation_decisions_per_case || action === "restore") return null;
  return reject("case_full", `this case has ${decisions.length} decisions: only reversing is still possible`);
}

function refuseAppeal({ decisions }: CaseState, appeal: ModerationDecision, now_s: number): Rejection | null {
  const against = standingOf(decisions, appeal, now_s);
  if (against === null) return notStanding(appeal);
  return decisions.some((one) => one.action === "appeal" && isAbout(one, against))
    ? reject("already_appealed", "an appeal against this decision was made before; each is heard once")
    : null;
}

function refuseRepeat({ decisions }: CaseState, decision: ModerationDecision): Rejection | null {
  return repeatsIn([...decisions, decision])(decision)
    ? reject("already_decided", "another curator reversed this on the same evidence: it takes new evidence")
    : null;
}

function refuseAnswer({ decisions, unanswered }: CaseState, { decision, trust, now_s }: Deciding): Rejection | null {
  if (decision.action === "dismiss") {
    return unanswered.length > 0 ? null : reject("not_found", "no report waits for an answer here");
  }
  const about = standingOf(decisions, decision, now_s);
  if (about === null) return notStanding(decision);
  if (decision.action === "restore") {
    return mayReverse(decision, about, trust)
      ? null
      : reject("not_permitted", `the key ${decision.moderator} may reverse what it decided itself, and nothing else`);
  }
  const appeal = decisions.find((one) => one.action === "appeal" && isAbout(one, about));
  if (appeal === undefined) return reject("not_found", "nobody appealed against this decision");
  if (decisions.some((one) => one.action === "uphold" && isAbout(one, about))) {
    return reject("already_decided", "the appeal against this decision was heard before");
  }
  const others = [...trust].filter(([key, roles]) => key !== about.moderator && roles.has("restore"));
  // Where nobody else could hear it, it is better heard by the same one than never.
  return about.moderator === decision.moderator && others.length > 0
    ? reject("own_decision", "an appeal is heard by another curator than the one it is against")
    : null;
}

/** The decision that this one answers, if it still stands. */
function standingOf(
  decisions: readonly ModerationDecision[],
  answer: ModerationDecision,
  now_s: number,
): ModerationDecision | null {
  const about = decisions.find((one) => isAbout(answer, one));
  if (about === undefined || !MODERATION_ACTIONS[about.action].measure || hasEnded(about, now_s)) return null;
  return decisions.some((one) => one.action === "restore" && isAbout(one, about)) ? null : about;
}

function notStanding({ answers }: ModerationDecision): Rejection {
  return reject("not_found", `no decision ${answers} stands here: it ended, was reversed, or is about something else`);
}
