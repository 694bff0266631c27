import type { ModerationRoles } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";

/** `--full` of every command that lists keys. */
export const FULL_OPTION = { type: "flag", summary: "Whole keys and addresses, to copy or compare" } as const;

/** What keys are called, by the key in hex. Names that their holders chose themselves are not among them. */
export type KeyNames = ReadonlyMap<string, string>;

/** How keys are shown; `full`: whole. */
export interface KeyStyle {
  readonly full: boolean;
  readonly names?: KeyNames;
}

/** Of an npub, what is shown of each end: 70 bits, which nobody makes another key for. */
const [HEAD, TAIL] = [13, 6];

/** A key in hex as people are shown it: its name where one is known, and its npub, shortened unless `full`. */
export function keyText(public_key: string | null, { full, names }: KeyStyle): string {
  if (public_key === null) return "no key yet";
  const npub = hexToNpub(public_key);
  const shown = full ? npub : `${npub.slice(0, HEAD)}…${npub.slice(-TAIL)}`;
  const name = names?.get(public_key) ?? "";
  return name === "" ? shown : `${name} (${shown})`;
}

/** What was decided or reported about: a listing by its name and author, a key as a key, an event by its id. */
export function targetText(
  { kind, value }: { readonly kind: string; readonly value: string },
  style: KeyStyle,
): string {
  if (kind === "key") return keyText(value, style);
  const [, author = "", slug = ""] = /^\d+:([0-9a-f]{64}):(.+)$/.exec(value) ?? [];
  return kind !== "listing" || style.full || author === "" ? value : `${slug} by ${keyText(author, style)}`;
}

/** What the edge's operator calls its curators and moderators; none where it does not say. */
export function curatorNames(roles: Pick<ModerationRoles, "curators" | "moderators"> | null): KeyNames {
  if (roles === null) return new Map();
  return new Map([...roles.moderators, ...roles.curators].map(({ pubkey, name }) => [pubkey, name]));
}

/** What the owner calls the keys that are paired with this worker. */
export function pairingNames(pairings: readonly Pick<PairingView, "pubkey" | "label">[]): KeyNames {
  return new Map(pairings.flatMap(({ pubkey, label }) => (pubkey === null ? [] : [[pubkey, label] as const])));
}

/** The keys of an answer for `--json`, whole: each in hex, as its npub, and by the name that is known. */
export function keyRows(
  keys: readonly string[],
  names: KeyNames = new Map(),
): readonly { readonly pubkey: string; readonly npub: string; readonly name: string | null }[] {
  return [...new Set(keys)].map((pubkey) => ({
    ...{ pubkey, npub: hexToNpub(pubkey), name: names.get(pubkey) ?? null },
  }));
}
