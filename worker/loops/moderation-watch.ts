import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { moderationFilters } from "@oa/shared/moderation/asked.ts";
import { blocked, judge, type ReaderView, readerView } from "@oa/shared/moderation/reader.ts";
import { type Trust, trustIn } from "@oa/shared/moderation/trust.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { fromEvent as decisionIn } from "@oa/shared/nostr/01985-moderation.ts";
import { type Mutes, fromEvent as mutesIn } from "@oa/shared/nostr/10000-mutes.ts";
import { type People, fromEvent as peopleIn } from "@oa/shared/nostr/30000-people.ts";
import { fromEvent as kindMutesIn } from "@oa/shared/nostr/30007-kind-mutes.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { Clock } from "../adapters/clock.ts";

export interface ModerationWatchOptions {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly workspace_id: string;
  /** This worker's public key. */
  readonly worker: string;
  /** Whose decisions the owner chose to apply; empty: nobody's. Null where that cannot be said now. */
  readonly chosen: (signal: AbortSignal) => Promise<readonly string[] | null>;
  /** Whether what they take down stops, or the owner is only told. */
  readonly stops: boolean;
  /** Hears what meets the filters, also from before, until the signal aborts; null without relays. */
  readonly listen:
    | ((filters: readonly WireFilter[], on_event: (event: VerifiedEvent) => Promise<void>, signal: AbortSignal) => void)
    | null;
  /** Ends what is running of an install. */
  readonly cancelRuns: (install_id: string, reason: string) => Promise<void>;
  readonly report: (error: unknown) => void;
}

export interface ModerationWatch {
  /** Until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Called after an install may have changed. */
  readonly refresh: () => void;
}

/** What was heard of whom. Lists and decisions are signed, so that a relay can withhold them and not make them up. */
interface Heard {
  readonly decisions: Map<string, ModerationDecision>;
  readonly people: Map<string, People>;
  readonly mutes: Map<string, Mutes>;
}

/**
 * Watches what moderators that the owner trusts decide of what is installed, and stops it or starts it again as they
 * do. Silence lifts nothing: a decision goes on until it ends, is reversed, or its maker is trusted no more.
 */
export function openModerationWatch(options: ModerationWatchOptions): ModerationWatch {
  const { sql, clock, report } = options;
  const heard: Heard = { decisions: new Map(), people: new Map(), mutes: new Map() };
  let alarm = new AbortController();
  let chosen: readonly string[] = [];
  let known = false;

  const trust = (): Trust => trustIn(chosen, [...heard.people.values()]);
  const view = (now_s: number): ReaderView => {
    const mutes = [...heard.mutes.values()].flatMap(blocked);
    return readerView([...heard.decisions.values(), ...mutes], trust(), now_s);
  };

  const settle = async (): Promise<number | null> => {
    const now_s = Math.floor(clock.now_ms() / 1_000);
    const seen = view(now_s);
    const ends: (number | null)[] = [seen.until];
    for (const install of listInstalls(sql, { limit: LIMITS.api_page })) {
      const command = commandFor(install, seen, now_s);
      if (command !== null) await record(options, install, command);
      ends.push(install.takedown?.expires_at ?? null);
    }
    const later = ends.filter((end): end is number => end !== null && end > now_s);
    return later.length === 0 ? null : Math.min(...later);
  };
  const commandFor = (install: InstallView, seen: ReaderView, now_s: number): InstallCommand | null => {
    const { active, pending, takedown } = install;
    const pins = active ?? pending;
    if (pins === null || install.status === "removed") return null;
    const { upgrade_address: address, author_pubkey: pubkey, manifest_event_id: event_id } = pins;
    const { hidden } = judge(seen, { address, pubkey, event_id });
    if (hidden !== null) {
      return hidden.event_id === takedown?.decision_event_id ? null : takeDown(hidden, options.stops);
    }
    const by = takedown === null ? null : liftedBy(takedown, { heard, trust: trust(), chosen, known }, now_s);
    return takedown === null || by === null
      ? null
      : { type: "lift_takedown", decision_event_id: takedown.decision_event_id, by };
  };

  const hear = async (event: VerifiedEvent): Promise<void> => {
    if (keep(heard, event)) alarm.abort();
  };

  const run: ModerationWatch["run"] = async (signal) => {
    let asked = "";
    let listening = new AbortController();
    let next_choice_ms = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      alarm = new AbortController();
      let end_s: number | null = null;
      try {
        if (clock.now_ms() >= next_choice_ms) {
          const found = await options.chosen(signal);
          known = found !== null;
          chosen = found ?? chosen;
          next_choice_ms = clock.now_ms() + (known ? LIMITS.release_check_ms : LIMITS.release_check_ms_min);
        }
        const filters = filtersFor(chosen, trust(), listInstalls(sql, { limit: LIMITS.api_page }));
        const name = JSON.stringify(filters);
        if (options.listen !== null && name !== asked) {
          listening.abort();
          listening = new AbortController();
          asked = name;
          if (filters.length > 0) options.listen(filters, hear, AbortSignal.any([signal, listening.signal]));
        }
        end_s = await settle();
      } catch (error) {
        if (!signal.aborted) report(error);
      }
      const now_ms = clock.now_ms();
      const wait_ms = Math.min(next_choice_ms, end_s === null ? Number.POSITIVE_INFINITY : end_s * 1_000) - now_ms;
      await clock.sleep(Math.max(0, wait_ms), AbortSignal.any([signal, alarm.signal]));
    }
    listening.abort();
  };

  return { run, refresh: () => alarm.abort() };
}

/** Keeps what was heard; false for what says nothing new. */
function keep({ decisions, people, mutes }: Heard, event: VerifiedEvent): boolean {
  if (event.kind === KINDS.label.kind) {
    const decision = decisionIn(event);
    if (isRejection(decision) || decisions.has(decision.event_id)) return false;
    if (decisions.size >= LIMITS.moderation_decisions_heard) return false;
    decisions.set(decision.event_id, decision);
    return true;
  }
  if (event.kind === KINDS.people.kind) {
    const list = peopleIn(event);
    return !isRejection(list) && newest(people, `${list.signer} ${list.list}`, list);
  }
  const list = event.kind === KINDS.mutes.kind ? mutesIn(event) : kindMutesIn(event);
  return !isRejection(list) && newest(mutes, `${list.signer} ${event.kind}`, list);
}

function newest<List extends { readonly created_at: number; readonly event_id: string }>(
  lists: Map<string, List>,
  name: string,
  list: List,
): boolean {
  const before = lists.get(name);
  if (before !== undefined && (before.created_at > list.created_at || before.event_id === list.event_id)) return false;
  lists.set(name, list);
  return true;
}

function takeDown(decision: ModerationDecision, stops: boolean): InstallCommand {
  const { event_id: decision_event_id, moderator, expires_at } = decision;
  const action = decision.action === "hold" ? "hold" : "take_down";
  return {
    ...{ type: "take_down", decision_event_id, moderator, action, expires_at, stops },
    why: sentenceOf(decision),
  };
}

/** Why a decision that nothing hides by any more holds no longer; null: nothing was heard that says so. */
function liftedBy(
  { decision_event_id, moderator, expires_at }: NonNullable<InstallView["takedown"]>,
  around: { readonly heard: Heard; readonly trust: Trust; readonly chosen: readonly string[]; readonly known: boolean },
  now_s: number,
): "end" | "reversal" | "choice" | null {
  const { heard, trust, chosen, known } = around;
  if (expires_at !== null && expires_at <= now_s) return "end";
  const lists = chosen.every((key) => heard.people.has(`${key} curators`));
  if (known && lists && !trust.has(moderator)) return "choice";
  if (heard.decisions.has(decision_event_id) && trust.has(moderator)) return "reversal";
  const blocklists = [...heard.mutes.values()].filter(({ signer }) => signer === moderator);
  return blocklists.some(({ event_id }) => event_id !== decision_event_id) && trust.has(moderator) ? "reversal" : null;
}

/** What is asked of relays: the lists of whom the owner chose, and what those decide of what is installed. */
function filtersFor(chosen: readonly string[], trust: Trust, installs: readonly InstallView[]): readonly WireFilter[] {
  const pins = installs.flatMap(({ active, pending }) => active ?? pending ?? []);
  const listings = pins.map(({ upgrade_address: address, author_pubkey: pubkey, manifest_event_id: event_id }) => ({
    ...{ address, pubkey, event_id },
  }));
  return moderationFilters(chosen, trust, listings);
}

/** What moderators decide is done by the worker itself, under the owner's choice. */
async function record(options: ModerationWatchOptions, install: InstallView, command: InstallCommand): Promise<void> {
  const { store, commit, clock, workspace_id, worker } = options;
  const { install_id } = install;
  const by = { actor_type: "service", actor_id: worker } as const;
  const context = inWorkspace(workspace_id, { now_ms: clock.now_ms(), ...by, correlation_id: install_id });
  const done = await commit(() => store.handle(context, [task(installDecider, install_id, command)]));
  if (isRejection(done)) throw new Fault(done.code, done.message);
  const stopped = done.find(({ event_type }) => event_type === "install.disabled");
  if (stopped !== undefined && command.type === "take_down") {
    await options.cancelRuns(install_id, `a moderator you trust decided: it ${command.why}`.slice(0, 500));
  }
}
