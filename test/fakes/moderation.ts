import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision, SnapshotPage } from "@oa/shared/generated/types.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as curatedEvent } from "@oa/shared/nostr/30267-curated.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { EdgeClient } from "@oa/worker/adapters/edge-client.ts";
import { HOSTILE_TITLE, PUBLISHED_AT } from "./catalog.ts";

const [OPERATOR, CURATOR, WATCH] = [41, 42, 43].map((digit) => new Uint8Array(32).fill(digit)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const GONE = `30051:${"ab".repeat(32)}:example.gone`;

/** What signs the lists of a moderated catalog. */
export const CURATOR_KEY = publicKeyOf(CURATOR);
export const OPERATOR_KEY = publicKeyOf(OPERATOR);
/** Offered to readers by the operator, and no curator. */
export const WATCH_KEY = publicKeyOf(WATCH);

/**
 * A FAKE edge's catalog with a curator who said something of it, truly signed: of the first listings one is reviewed and
 * recommended, one risky, one unmaintained, one in a list; one that is not there was taken down, and a hold has ended.
 * The tenth was taken down after its page was read. A moderator whom the operator offers sees it otherwise: it finds
 * nothing wrong with the second and holds back the eighth.
 */
export function moderated(edge: EdgeClient): EdgeClient {
  let said: Promise<readonly object[]> | undefined;
  return {
    ...edge,
    get: async <T extends object>(path: string, signal: AbortSignal) => {
      if (path.startsWith("/v1/moderation/roles")) {
        return { operator: publicKeyOf(OPERATOR), event: null, curators: [], moderators: [] } as unknown as T;
      }
      if (!path.startsWith("/v1/moderation/events")) return edge.get<T>(path, signal);
      said ??= decisionsOf(edge, signal);
      return { events: await said, next_cursor: null } as unknown as T;
    },
  };
}

async function decisionsOf(edge: EdgeClient, signal: AbortSignal): Promise<readonly object[]> {
  const page = await edge.get<SnapshotPage>("/v1/snapshot?cursor=", signal);
  if (isRejection(page)) throw new Error(page.message);
  const addresses = page.details.map(({ listing }) => listing.address);
  const [first = "", second = "", third = "", fourth = ""] = addresses;
  const [eighth = "", tenth = ""] = [addresses[7], addresses[9]];
  const people = [
    { pubkey: CURATOR_KEY, name: "Mo", roles: ["hold", "label", "take_down", "restore", "feature"] as const },
  ];
  const label = { action: "label", evidence_sha256: null } as const;
  const at = { created_at: PUBLISHED_AT };
  return [
    signedBy(OPERATOR, peopleEvent({ list: "curators", people }, at)),
    signedBy(
      OPERATOR,
      peopleEvent({ list: "moderators", people: [{ pubkey: WATCH_KEY, name: "Watch", roles: [] }] }, at),
    ),
    ...[
      decided(first, { action: "feature", reason: null, evidence_sha256: null }),
      decided(first, { ...label, reason: "quality", status: "reviewed", blast_radius: "none" }),
      decided(second, { ...label, reason: "deceptive_pricing", status: "risky", blast_radius: "money" }),
      decided(third, { ...label, reason: "broken", status: "unmaintained", blast_radius: "none" }),
      decided(fourth, { action: "hold", reason: "impersonation", expires_at: PUBLISHED_AT + 60 }),
      decided(GONE, { reason: "credential_theft" }),
      decided(tenth, { reason: "malware" }),
      decided(second, { ...label, reason: "quality", status: "reviewed", blast_radius: "none" }, WATCH),
      decided(eighth, { action: "hold", reason: "spam", expires_at: PUBLISHED_AT + 10 * 86_400 }, WATCH),
    ],
    signedBy(
      CURATOR,
      curatedEvent(
        {
          ...{ name: "top", title: "Top of the week", description: "What I run myself, and would run again." },
          listings: [first, third, fourth, GONE, `30051:${"cd".repeat(32)}:example.elsewhere`],
        },
        at,
      ),
    ),
  ];
}

function decided(value: string, change: Partial<ModerationDecision>, by = CURATOR): object {
  const decision = {
    ...({ action: "take_down", target: { kind: "listing", value }, reason: "malware", status: null } as const),
    ...{ blast_radius: null, evidence_sha256: "ef".repeat(32), expires_at: PUBLISHED_AT + 80 * 86_400 },
    ...({ answers: null, appeal: "possible", note: change.action === "feature" ? "" : HOSTILE_TITLE } as const),
    ...change,
  };
  return signedBy(by, decisionEvent(decision, { created_at: PUBLISHED_AT }));
}

function signedBy(key: Uint8Array, template: EventTemplate): object {
  return signEvent(template, key, key);
}
