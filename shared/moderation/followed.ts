import { isRejection, type Rejection } from "../core/refusal.ts";
import type { ModerationDecision } from "../generated/types.ts";
import { fromEvent as decisionIn, TARGET_TAGS } from "../nostr/01985-moderation.ts";
import { type Mutes, fromEvent as mutesIn } from "../nostr/10000-mutes.ts";
import { type People, fromEvent as peopleIn } from "../nostr/30000-people.ts";
import { fromEvent as kindMutesIn } from "../nostr/30007-kind-mutes.ts";
import { KINDS } from "../nostr/kinds.ts";
import type { VerifiedEvent } from "../nostr/verify.ts";
import { blocked, type Judgeable, judge, keyOf, push, readerView, targetsOf } from "./reader.ts";
import { type Trust, trustIn } from "./trust.ts";

/** What moderators that a reader chose say, out of events that somebody else hands over and nobody has checked. */
export interface Followed {
  /** Whom the reader trusts by that choice. */
  readonly trust: Trust;
  /** What the lists of those who were chosen call a key; null where they do not name it. */
  readonly nameOf: (pubkey: string) => string | null;
  /** Whether anything is said of a listing at all; it costs no signature. */
  readonly concerns: (listing: Judgeable) => boolean;
  /** What stands of a listing; each event that could decide it has been verified by then. */
  readonly judge: (listing: Judgeable, now_s: number) => ReturnType<typeof judge>;
  /** How many events were left out so far, since they are not what somebody signed. */
  readonly left_out: () => number;
}

/**
 * Reads what was said by whom a reader chose. A signature is checked when something depends on it and once, so that many
 * decisions about other listings cost nothing. It comes to the same as `readerView` over all of them.
 */
export function openFollowed(
  chosen: readonly string[],
  events: readonly unknown[],
  verify: (raw: unknown) => VerifiedEvent | Rejection,
): Followed {
  let left_out = 0;
  const checked = new Map<unknown, VerifiedEvent | null>();
  const check = (raw: unknown): readonly VerifiedEvent[] => {
    let event = checked.get(raw);
    if (event === undefined) {
      const found = verify(raw);
      event = isRejection(found) ? null : found;
      if (event === null) left_out += 1;
      checked.set(raw, event);
    }
    return event === null ? [] : [event];
  };
  const verified = <Value extends object>(
    raws: readonly unknown[],
    read: (event: VerifiedEvent) => Value | Rejection,
  ): readonly Value[] =>
    raws.flatMap(check).flatMap((event) => {
      const value = read(event);
      return isRejection(value) ? [] : [value];
    });
  const by = (signers: Pick<ReadonlySet<string>, "has">, ...kinds: readonly number[]): readonly unknown[] =>
    events.filter((raw) => {
      const { kind, pubkey } = Object(raw) as { readonly kind?: unknown; readonly pubkey?: unknown };
      return kinds.some((one) => one === kind) && typeof pubkey === "string" && signers.has(pubkey);
    });

  const people = newest(verified<People>(by(new Set(chosen), KINDS.people.kind), peopleIn), ({ list }) => list);
  const trust = trustIn(chosen, people);
  const blocks = [
    ...newest(verified<Mutes>(by(trust, KINDS.mutes.kind), mutesIn), () => "mutes"),
    ...newest(verified<Mutes>(by(trust, KINDS.kind_mutes.kind), kindMutesIn), () => "kind mutes"),
  ].flatMap(blocked);
  const blocksOf = new Map<string, ModerationDecision[]>();
  for (const block of blocks) push(blocksOf, keyOf(block.target), block);
  const labels = new Map<string, unknown[]>();
  for (const raw of by(trust, KINDS.label.kind)) {
    for (const target of sketchedTargets(raw)) push(labels, target, raw);
  }
  const names = new Map(people.flatMap((list) => list.people.map(({ pubkey, name }) => [pubkey, name] as const)));
  return {
    trust,
    nameOf: (pubkey) => names.get(pubkey) || null,
    concerns: (listing) => targetsOf(listing).some((target) => labels.has(target) || blocksOf.has(target)),
    judge: (listing, now_s) => {
      const targets = targetsOf(listing);
      const raws = new Set(targets.flatMap((target) => labels.get(target) ?? []));
      const decisions = verified<ModerationDecision>([...raws], decisionIn);
      // The same one may be handed over for each who is followed.
      const once = [...new Map(decisions.map((decision) => [decision.event_id, decision])).values()];
      const view = readerView([...once, ...targets.flatMap((target) => blocksOf.get(target) ?? [])], trust, now_s);
      return judge(view, listing);
    },
    left_out: () => left_out,
  };
}

/** The newest list of each signer and name: somebody who hands over an old one too brings nothing back. */
function newest<List extends { readonly signer: string; readonly created_at: number; readonly event_id: string }>(
  lists: readonly List[],
  nameOf: (list: List) => string,
): readonly List[] {
  const found = new Map<string, List>();
  for (const list of lists) {
    const name = `${list.signer} ${nameOf(list)}`;
    const before = found.get(name);
    const later = before === undefined || list.created_at > before.created_at;
    if (later || (list.created_at === before.created_at && list.event_id < before.event_id)) found.set(name, list);
  }
  return [...found.values()];
}

/** What an event claims to be about, as `keyOf` names it, before anything of it is checked. */
function sketchedTargets(raw: unknown): readonly string[] {
  const { tags } = Object(raw) as { readonly tags?: unknown };
  const kinds = Object.entries(TARGET_TAGS);
  return (Array.isArray(tags) ? tags : []).flatMap((tag: unknown) => {
    const [letter, value] = Array.isArray(tag) ? (tag as readonly unknown[]) : [];
    const [kind] = kinds.find(([, name]) => name === letter) ?? [];
    return kind === undefined ? [] : [`${kind} ${value}`];
  });
}
