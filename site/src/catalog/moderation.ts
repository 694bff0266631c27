import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type MirroredModeration, type Moderator, moderationView, moderatorsIn } from "@oa/shared/moderation/mirror.ts";
import { type Judgeable, judge } from "@oa/shared/moderation/reader.ts";
import { trustIn } from "@oa/shared/moderation/trust.ts";
import { fromEvent as decisionIn } from "@oa/shared/nostr/01985-moderation.ts";
import { fromEvent as peopleIn } from "@oa/shared/nostr/30000-people.ts";
import type { CuratedList } from "@oa/shared/nostr/30267-curated.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { snapshot } from "./snapshot.ts";

const said = read(process.env.OA_SNAPSHOT);
const events = new Map(said.events.map((event) => [event.id, event]));
const now_s = snapshot?.created_at ?? 0;

/** What the edge's moderators decided, reckoned here from their signed events as of the snapshot. */
export const moderation: MirroredModeration = moderationView(said, now_s);

/** Whose signed list of curators applies to a reader who chose nothing; null: nobody moderates here. */
export const operator: string | null = said.operator;

/** Whom a reader may choose, by what the operator signed. */
export const moderators: readonly Moderator[] = moderatorsIn(said);

const bySigner = Map.groupBy(said.events, ({ pubkey }) => pubkey);
const decisions = new Map(
  said.events.flatMap((event) => {
    const decision = event.kind === KINDS.label.kind ? decisionIn(event) : null;
    return decision === null || isRejection(decision) ? [] : [[event.id, decision] as const];
  }),
);
const appeals = said.events.filter(({ id }) => decisions.get(id)?.action === "appeal");

/** What a moderator's own followers would see of its decisions. */
export function moderationBy({ pubkey }: Pick<Moderator, "pubkey">): MirroredModeration {
  const own = trustedBy(pubkey).flatMap((key) => bySigner.get(key) ?? []);
  return moderationView({ operator: pubkey, events: [...own, ...appeals] }, now_s);
}

/** Curated lists by the mirror's own moderators, then by those whom it offers. */
export const allLists: readonly CuratedList[] = [
  ...moderation.lists,
  ...moderators.flatMap((one) => (one.standing === "offered" ? moderationBy(one).lists : [])),
].filter(({ address }, index, lists) => lists.findIndex((other) => other.address === address) === index);

/** The signed events that a reader's view needs of one whom they chose: its lists, and what it and its curators decided. */
export function eventsFor(pubkey: string): readonly VerifiedEvent[] {
  const kinds: readonly number[] = [KINDS.people.kind, KINDS.mutes.kind, KINDS.kind_mutes.kind];
  return trustedBy(pubkey).flatMap((key) =>
    (bySigner.get(key) ?? []).filter(({ id, kind }) => {
      const action = decisions.get(id)?.action;
      return kinds.includes(kind) || (action !== undefined && !["appeal", "uphold", "dismiss"].includes(action));
    }),
  );
}

function trustedBy(pubkey: string): readonly string[] {
  const lists = (bySigner.get(pubkey) ?? []).flatMap((event) => {
    const list = peopleIn(event);
    return isRejection(list) ? [] : [list];
  });
  return [...trustIn([pubkey], lists).keys()];
}

const judgedEvents = new Set(
  [...decisions.values()].flatMap(({ target }) => (target.kind === "event" ? [target.value] : [])),
);

/** A listing's event where somebody decided of just that one, so that pages name it only where it matters. */
export function judgedEvent({ event_id }: Pick<Judgeable, "event_id">): string | undefined {
  return judgedEvents.has(event_id) ? event_id : undefined;
}

/** A decision or a list as it was signed. */
export function signedEvent(id: string): VerifiedEvent | undefined {
  return events.get(id);
}

function read(folder: string | undefined): Parameters<typeof moderationView>[0] {
  const file = folder === undefined ? undefined : join(folder, "moderation.json");
  const nothing = { operator: null, events: [] };
  // The mirror verified the events before it wrote them.
  return file === undefined || !existsSync(file) ? nothing : JSON.parse(readFileSync(file, "utf8"));
}

/** What stands of a listing. */
export function saidOf({ address, pubkey, event_id }: Judgeable): ReturnType<typeof judge> {
  return judge(moderation, { address, pubkey, event_id });
}

export function listPath({ signer, name }: Pick<CuratedList, "signer" | "name">): string {
  return `/lists/${signer}/${name}/`;
}

/** Where a moderator's decisions are shown: those of the operator are the ledger itself. */
export function moderatorPath({ pubkey, standing }: Pick<Moderator, "pubkey" | "standing">): string {
  return standing === "operator" ? "/ledger/" : `/moderators/${hexToNpub(pubkey)}/`;
}
