import { type Rejection, reject } from "../core/refusal.ts";

/** Namespace of our labels (NIP-32): numbers near 30051 are used by others, so our events always carry it. */
export const LABEL_NAMESPACE = "openagents.upgrade";

export interface Kind {
  readonly kind: number;
  readonly name: string;
  /** Whether our relay takes it at all. */
  readonly relayed: boolean;
  /**
   * What our relay asks of it beyond a valid signature: our `L` label on kinds that the whole network shares, a listing
   * that it is about in its `a`, or a `p` recipient on sealed ones.
   */
  readonly requires: "label" | "listing" | "recipient" | null;
  /** The value of its `l` tag in our namespace, where it has one. */
  readonly label: string | null;
}

const row = (
  kind: number,
  name: string,
  relayed: boolean,
  requires: Kind["requires"] = null,
  label: string | null = null,
): Kind => ({ kind, name, relayed, requires, label });

/** Every Nostr kind the project reads or writes. */
export const KINDS = {
  profile: row(0, "profile", true),
  note: row(1, "note", true, "label", "completion"),
  follows: row(3, "follow list", true),
  deletion: row(5, "deletion", true),
  seal: row(13, "seal", false),
  gift_wrap: row(1059, "gift wrap", true, "recipient"),
  report: row(1984, "report", true, "listing", "report"),
  label: row(1985, "label", true, "label"),
  zap_request: row(9734, "zap request", false),
  zap: row(9735, "zap receipt", true, "listing"),
  mutes: row(10000, "mute list", true),
  relay_list: row(10002, "relay list", true),
  ephemeral_gift_wrap: row(21059, "ephemeral gift wrap", true, "recipient"),
  relay_auth: row(22242, "relay authentication", false),
  install_config: row(24051, "install config", false, null, "install-config"),
  pairing_claim: row(24052, "pairing claim", false),
  receipt_proof: row(24054, "receipt proof", false, null, "receipt-proof"),
  worker_capabilities: row(24055, "worker capabilities", false),
  worker_status: row(24056, "worker status", false),
  remote_signing: row(24133, "remote signing", true, "recipient"),
  http_auth: row(27235, "HTTP authentication", false),
  people: row(30000, "list of people", true, "label"),
  old_list: row(30001, "list of the old kind", true),
  kind_mutes: row(30007, "mute list of a kind", true),
  manifest: row(30051, "upgrade manifest", true, null, "manifest"),
  release: row(30052, "upgrade release", true, null, "release"),
  receipt: row(30053, "licence receipt", true, null, "license-receipt"),
  rating: row(30054, "rating", true, null, "rating"),
  curated: row(30267, "curated list", true, "label", "curated-list"),
  reputation: row(30384, "trusted assertion", true, "label", "reputation"),
  snapshot: row(30078, "catalog snapshot", true, "label", "snapshot"),
  key_rotation: row(3164, "key rotation", true, "label", "key-rotation"),
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;

const BY_NUMBER: ReadonlyMap<number, Kind> = new Map(Object.values(KINDS).map((entry) => [entry.kind, entry]));

/** The row of a kind's number, if the project knows it. */
export function kindOf(kind: number): Kind | undefined {
  return BY_NUMBER.get(kind);
}

/** Kinds that only their recipient may read, once it has shown who it is (NIP-42, NIP-59). */
export const SEALED_KINDS: readonly number[] = [KINDS.gift_wrap.kind, KINDS.ephemeral_gift_wrap.kind];

export type Retention = "regular" | "replaceable" | "addressable" | "ephemeral";

/** How relays keep a kind (NIP-01): every event, the newest by author, the newest by author and `d`, or none. */
export function retentionOf(kind: number): Retention {
  if (kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)) return "replaceable";
  if (kind >= 20_000 && kind < 30_000) return "ephemeral";
  if (kind >= 30_000 && kind < 40_000) return "addressable";
  return "regular";
}

interface Tagged {
  readonly kind: number;
  readonly tags: readonly (readonly string[])[];
}

/** The first value of a tag, if the event carries it. */
export function tagValue(event: Pick<Tagged, "tags">, name: string): string | undefined {
  return event.tags.find((tag) => tag[0] === name)?.[1];
}

/** Whether an event declares our label namespace. */
export function isOurs(event: Pick<Tagged, "tags">): boolean {
  return event.tags.some((tag) => tag[0] === "L" && tag[1] === LABEL_NAMESPACE);
}

/** The address of a replaceable or addressable event: `kind:pubkey:d`. */
export function addressOf(event: Tagged & { readonly pubkey: string }): string {
  const d = retentionOf(event.kind) === "addressable" ? (tagValue(event, "d") ?? "") : "";
  return `${event.kind}:${event.pubkey}:${d}`;
}

/** Null where our relay takes the event's kind; else why not. Refusal: kind_not_relayed. */
export function refuseKind(event: Tagged): Rejection | null {
  const entry = kindOf(event.kind);
  if (entry === undefined || !entry.relayed) {
    return reject("kind_not_relayed", `this relay does not take events of kind ${event.kind}`);
  }
  if (entry.requires === "label" && !isOurs(event)) {
    return reject(
      "kind_not_relayed",
      `this relay takes a ${entry.name} (kind ${event.kind}) only with the label ["L","${LABEL_NAMESPACE}"]`,
    );
  }
  if (entry.requires === "listing" && !tagValue(event, "a")?.startsWith(`${KINDS.manifest.kind}:`)) {
    return reject(
      "kind_not_relayed",
      `this relay takes a ${entry.name} (kind ${event.kind}) only about a listing, which it names in its a tag`,
    );
  }
  if (entry.requires === "recipient") {
    const recipients = event.tags.filter(([name, value]) => name === "p" && value !== undefined).length;
    // A sealed one is kept with its recipient's, of whom there is one (NIP-59).
    if (recipients === 0 || (recipients > 1 && SEALED_KINDS.includes(event.kind))) {
      const many = SEALED_KINDS.includes(event.kind) ? "one p tag" : "a p tag";
      return reject("kind_not_relayed", `this relay takes a ${entry.name} (kind ${event.kind}) only with ${many}`);
    }
  }
  return null;
}
