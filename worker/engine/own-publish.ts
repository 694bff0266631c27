import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { findSecrets } from "@oa/shared/core/secrets.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { ControlOutwardEnd, OutwardWrite } from "@oa/shared/generated/types.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import { ownEvent, ownSite, refuseOwn } from "@oa/shared/policy/own-publish.ts";
import type { RelayAnswer, RelayPool } from "../adapters/relay-pool.ts";
import { type PublishedSite, publishSite } from "../adapters/site-publish.ts";

/** Keeps in the log what leaves: judged as it begins, in the transaction that records it. */
export interface OutwardRecord {
  /** Refusals: those of `refuseOwn`. */
  readonly begin: (write: OutwardWrite) => Promise<{ readonly outward_id: string } | Rejection>;
  readonly end: (outward_id: string, outcome: ControlOutwardEnd) => Promise<object | Rejection>;
}

/** What is asked before anything is published outside of runs. */
export interface OwnGate {
  readonly aup: AupMode;
  readonly kill_switch: { readonly isOn: () => boolean };
  readonly now_ms: () => number;
  /** Null where there is no log, or one of its own: a data folder without a worker, what a loop tells and records. */
  readonly record: OutwardRecord | null;
}

/**
 * Lets one thing leave: judged, recorded before it is sent, and with what came of it. Refusals: those of `refuseOwn`
 * and of `send`.
 */
export async function passOwn<T extends object>(
  write: OutwardWrite,
  { record, kill_switch, aup, now_ms }: OwnGate,
  send: () => Promise<T | Rejection>,
  outcomeOf: (answer: T) => ControlOutwardEnd,
): Promise<T | Rejection> {
  const begun = await record?.begin(write);
  const refused =
    begun === undefined ? refuseOwn(write, { kill_switch: kill_switch.isOn(), aup, now_ms: now_ms() }) : begun;
  if (isRejection(refused)) return refused;
  let outcome: ControlOutwardEnd = { accepted: [], refused: ["what came of it is not known"] };
  try {
    const answer = await send();
    outcome = isRejection(answer) ? { accepted: [], refused: [said(answer)] } : outcomeOf(answer);
    return answer;
  } finally {
    if (begun !== undefined && !isRejection(begun)) await ended(record?.end(begun.outward_id, outcome));
  }
}

async function ended(answer: Promise<object | Rejection> | undefined): Promise<void> {
  const kept = await answer;
  if (isRejection(kept)) throw new Fault(kept.code, `it was sent, and the log does not say so: ${kept.message}`);
}

function said({ code, message }: Pick<Rejection, "code" | "message">): string {
  return clip(`${message} (${code})`, 2_000);
}

/**
 * Sends an event that was signed in the worker's, its owner's or an author's name, outside of any run: the one way to
 * relays beside the publisher of runs. `approval_id` names the owner's command or setting that approves it. Gives each
 * relay's answer. Refusals: those of `refuseOwn`, secret_leak.
 */
export async function publishOwn(
  event: NostrEvent,
  relays: readonly string[],
  approval_id: string,
  { pool, ...gate }: OwnGate & { readonly pool: Pick<RelayPool, "publish"> },
  signal: AbortSignal,
): Promise<readonly RelayAnswer[] | Rejection> {
  const leak = refuseSecrets(event);
  if (leak !== null) return leak;
  const timeout_ms = LIMITS.publish_timeout_ms;
  return passOwn(
    { ...ownEvent(event.kind, approval_id), content: event.id },
    gate,
    async () => (relays.length === 0 ? [] : pool.publish(event, relays, { timeout_ms, signal })),
    (answers) => ({
      accepted: answers.flatMap(({ relay, accepted }) => (accepted ? [relay] : [])),
      refused: answers.flatMap(({ relay, accepted, message }) =>
        accepted ? [] : [clip(`${relay}: ${message}`, 2_000)],
      ),
    }),
  );
}

/** Refusal: secret_leak, where an event holds what looks like a credential; it is not repeated. */
export function refuseSecrets(event: Pick<NostrEvent, "kind" | "content" | "tags">): Rejection | null {
  const [found] = findSecrets(`${event.content}\n${JSON.stringify(event.tags)}`);
  if (found === undefined) return null;
  return reject("secret_leak", `the event of kind ${event.kind} holds ${found.name}, so it was not published`);
}

/** Publishes a built site at an edge: the one way there. Refusals: usage, those of `refuseOwn` and of `publishSite`. */
export async function publishOwnSite(
  site: Parameters<typeof publishSite>[0],
  approval_id: string,
  gate: OwnGate,
): Promise<PublishedSite | Rejection> {
  const write = ownSite(site.edge_url, approval_id);
  if (isRejection(write)) return write;
  return passOwn(
    { ...write, content: site.of.root },
    gate,
    () => publishSite(site),
    () => ({ accepted: [site.edge_url], refused: [] }),
  );
}
