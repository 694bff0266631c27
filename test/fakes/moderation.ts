import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision, SnapshotPage } from "@oa/shared/generated/types.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as curatedEvent } from "@oa/shared/nostr/30267-curated.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { EdgeClient } from "@oa/worker/adapters/edge-client.ts";
import { HOSTILE_TITLE, PUBLISHED_AT } from "./catalog.ts";

const [OPERATOR, CURATOR] = [new Uint8Array(32).fill(41), new Uint8Array(32).fill(42)];
const GONE = `30051:${"ab".repeat(32)}:example.gone`;

/** What signs the lists of a moderated catalog. */
export const CURATOR_KEY = publicKeyOf(CURATOR);

/**
 * A FAKE edge's catalog with a curator who said something of it, truly signed: of the first listings one is reviewed and
 * recommended, one risky, one unmaintained, one in a list; one that is not there was taken down, and a hold has ended.
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
  const people = [
    { pubkey: CURATOR_KEY, name: "Mo", roles: ["hold", "label", "take_down", "restore", "feature"] as const },
  ];
  const label = { action: "label", evidence_sha256: null } as const;
  const at = { created_at: PUBLISHED_AT };
  return [
    signedBy(OPERATOR, peopleEvent({ list: "curators", people }, at)),
    ...[
      decided(first, { action: "feature", reason: null, evidence_sha256: null }),
      decided(first, { ...label, reason: "quality", status: "reviewed", blast_radius: "none" }),
      decided(second, { ...label, reason: "deceptive_pricing", status: "risky", blast_radius: "money" }),
      decided(third, { ...label, reason: "broken", status: "unmaintained", blast_radius: "none" }),
      decided(fourth, { action: "hold", reason: "impersonation", expires_at: PUBLISHED_AT + 60 }),
      decided(GONE, { reason: "credential_theft" }),
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

function decided(value: string, change: Partial<ModerationDecision>): object {
  const decision = {
    ...({ action: "take_down", target: { kind: "listing", value }, reason: "malware", status: null } as const),
    ...{ blast_radius: null, evidence_sha256: "ef".repeat(32), expires_at: PUBLISHED_AT + 80 * 86_400 },
    ...({ answers: null, appeal: "possible", note: change.action === "feature" ? "" : HOSTILE_TITLE } as const),
    ...change,
  };
  return signedBy(CURATOR, decisionEvent(decision, { created_at: PUBLISHED_AT }));
}

function signedBy(key: Uint8Array, template: EventTemplate): object {
  return signEvent(template, key, key);
}
