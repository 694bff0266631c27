import { LIMITS } from "../core/limits.ts";
import { MODERATION_ROLES, type ModerationAction, type ModerationRole } from "../core/moderation-words.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { ModerationDecision, ModerationEntry } from "../generated/types.ts";
import { fromEvent as decisionIn } from "../nostr/01985-moderation.ts";
import { type Mutes, fromEvent as mutesIn } from "../nostr/10000-mutes.ts";
import { type People, type Person, fromEvent as peopleIn } from "../nostr/30000-people.ts";
import { fromEvent as oldListIn } from "../nostr/30001-old-list.ts";
import { fromEvent as kindMutesIn } from "../nostr/30007-kind-mutes.ts";
import { type CuratedList, fromEvent as curatedIn } from "../nostr/30267-curated.ts";
import type { VerifiedEvent } from "../nostr/verify.ts";
import { entryOf } from "./case.ts";
import { blocked, hasEnded, keyOf, type ReaderView, readerView } from "./reader.ts";
import { type Trust, trustIn } from "./trust.ts";

/** What signed decisions and lists come to for an operator's readers, read from nothing but the events themselves. */
export interface MirroredModeration extends ReaderView {
  readonly curators: readonly Person[];
  /** Holds, labels and take-downs by those who may decide now, the latest first. */
  readonly ledger: readonly ModerationEntry[];
  /** Curated lists, the latest first. */
  readonly lists: readonly CuratedList[];
}

/** `now_s`: the time that the reader's pages are of. */
export function moderationView(
  { operator, events }: { readonly operator: string | null; readonly events: readonly VerifiedEvent[] },
  now_s: number,
): MirroredModeration {
  const chosen = operator === null ? [] : [operator];
  const people = all<People>(events, peopleIn);
  const trust = trustIn(chosen, people);
  const said = all<ModerationDecision>(events, decisionIn);
  const mutes = [...all<Mutes>(events, mutesIn), ...all<Mutes>(events, kindMutesIn)].filter(({ signer }) =>
    trust.has(signer),
  );
  const view = readerView([...said, ...mutes.flatMap(blocked)], trust, now_s);
  const own = people.find(({ signer, list }) => signer === operator && list === "curators");
  const lists = [...all<CuratedList>(events, curatedIn), ...all<CuratedList>(events, oldListIn)].filter(({ signer }) =>
    trust.has(signer),
  );
  return {
    ...view,
    curators: own?.people ?? [],
    ledger: ledgerOf(said, trust, now_s),
    lists: lists.sort((a, b) => b.created_at - a.created_at || (a.address < b.address ? -1 : 1)),
  };
}

/** How many decisions have ended by then: it grows without anybody saying anything, and then pages are others. */
export function endedIn(events: readonly VerifiedEvent[], now_s: number): number {
  return all<ModerationDecision>(events, decisionIn).filter((decision) => hasEnded(decision, now_s)).length;
}

/** A moderator whose decisions a reader may choose, by what an operator's signed lists say. */
export interface Moderator {
  readonly pubkey: string;
  /** What the operator's lists call it; empty where they do not say. */
  readonly name: string;
  /** `curator`: decides for the operator's readers too. `offered`: decides for those alone who choose it. */
  readonly standing: "operator" | "curator" | "offered";
  /** Of its curator's roles; all for everybody else. */
  readonly roles: readonly ModerationRole[];
  /** How many holds, labels and take-downs of its own are known. */
  readonly decisions: number;
}

/** Whom readers may choose: the operator, the curators that it names, and the moderators that it offers, each once. */
export function moderatorsIn({
  operator,
  events,
}: {
  readonly operator: string | null;
  readonly events: readonly VerifiedEvent[];
}): readonly Moderator[] {
  const own = all<People>(events, peopleIn).filter(({ signer }) => signer === operator);
  const named = (list: People["list"]): readonly Person[] => own.find((one) => one.list === list)?.people ?? [];
  const counts = new Map<string, number>();
  for (const { action, moderator } of all<ModerationDecision>(events, decisionIn)) {
    if (IN_LEDGER.includes(action)) counts.set(moderator, (counts.get(moderator) ?? 0) + 1);
  }
  const rows: readonly Omit<Moderator, "decisions">[] = [
    ...(operator === null
      ? []
      : [{ pubkey: operator, name: "", standing: "operator", roles: MODERATION_ROLES } as const]),
    ...named("curators").map(({ pubkey, name, roles }) => ({ pubkey, name, standing: "curator", roles }) as const),
    ...named("moderators")
      .slice(0, LIMITS.moderation_offered)
      .map(({ pubkey, name }) => ({ pubkey, name, standing: "offered", roles: MODERATION_ROLES }) as const),
  ];
  return rows
    .filter(({ pubkey }, index) => rows.findIndex((other) => other.pubkey === pubkey) === index)
    .map((row) => ({ ...row, decisions: counts.get(row.pubkey) ?? 0 }));
}

const IN_LEDGER: readonly ModerationAction[] = ["hold", "label", "take_down"];

function ledgerOf(said: readonly ModerationDecision[], trust: Trust, now_s: number): readonly ModerationEntry[] {
  const byTarget = new Map<string, ModerationDecision[]>();
  for (const decision of said) {
    const key = keyOf(decision.target);
    const held = byTarget.get(key) ?? [];
    held.push(decision);
    byTarget.set(key, held);
  }
  return said
    .filter(({ action, moderator }) => IN_LEDGER.includes(action) && trust.has(moderator))
    .map((decision) => entryOf(decision, byTarget.get(keyOf(decision.target)) ?? [], { trust, now_s }))
    .sort(
      (a, b) => b.decision.created_at - a.decision.created_at || (a.decision.event_id < b.decision.event_id ? -1 : 1),
    );
}

function all<Value extends object>(
  events: readonly VerifiedEvent[],
  read: (event: VerifiedEvent) => Value | Rejection,
): readonly Value[] {
  return events.flatMap((event) => {
    const value = read(event);
    return isRejection(value) ? [] : [value];
  });
}
