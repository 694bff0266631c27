import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { filter } from "@oa/shared/nostr/24051-install-config.ts";
import { fromInner } from "@oa/shared/nostr/24056-worker-status.ts";
import { innerOf } from "@oa/shared/nostr/gift-wrap.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { type Box, type Kept, withSeen, withStatus } from "./kept.ts";
import { openMailboxes } from "./mailbox.ts";
import { nowSeconds } from "./random.ts";
import type { Relays } from "./relays.ts";
import type { Signer } from "./signer.ts";

export interface Listening {
  /** Reads what workers left in mailboxes, which tell nobody by themselves. Faults: those of `openMailboxes`. */
  readonly readMailbox: () => Promise<void>;
  readonly stop: () => void;
}

/** Hears what workers say, for as long as the signer is open. */
export function listenToWorkers(box: Box, signer: Signer, relays: Relays, report: (error: unknown) => void): Listening {
  const ends = new Map<string, () => void>();
  let reading = Promise.resolve();
  let stopped = false;
  /** One at a time: a signer elsewhere asks its owner for each. */
  const readInTurn = (wrap: VerifiedEvent): Promise<void> => {
    const done = reading.then(() => (stopped ? undefined : read(wrap)));
    reading = done.catch(() => undefined); // told by whoever waits for it
    return done;
  };
  const hear = (wrap: VerifiedEvent): void => void readInTurn(wrap).catch(report);
  const read = async (wrap: VerifiedEvent): Promise<void> => {
    if (box.read().seen.includes(wrap.id)) return;
    const text = await signer.decrypt(wrap.pubkey, wrap.content);
    const inner = innerOf(wrap, text, pureSchnorr);
    const opened = isRejection(inner) ? inner : fromInner(inner, { recipient: signer.public_key, now_s: nowSeconds() });
    // A gift wrap is for many uses: what is no status is for somebody else to read.
    box.change((kept) => withSeen(isRejection(opened) ? kept : withStatus(kept, opened), wrap.id));
  };
  const follow = (): void => {
    if (stopped) return;
    const wanted = new Set(box.read().workers.flatMap((worker) => worker.relays));
    for (const url of wanted) {
      if (!ends.has(url)) ends.set(url, relays.at(url).subscribe(filter(signer.public_key), hear).end);
    }
  };
  const readMailbox = async (): Promise<void> => {
    for (const edge_url of edgesAsked(box.read())) {
      await openMailboxes(edge_url, signer).empty(async (wrap) => {
        await readInTurn(wrap);
        if (stopped) throw new Fault("signer_refused", "the key was locked before all was read");
      });
    }
  };
  // A key of this page asks nobody before it signs; any other may ask its owner each time.
  const asking =
    signer.kind === "local" ? setInterval(() => readMailbox().catch(report), LIMITS.coordinator_mailbox_ms) : undefined;
  box.onChange(follow);
  follow();
  return {
    readMailbox,
    stop: () => {
      stopped = true;
      clearInterval(asking);
      for (const end of ends.values()) end();
    },
  };
}

/** The edges where an order went by mailbox, since no relay took it. */
function edgesAsked({ installs, workers }: Kept): ReadonlySet<string> {
  const asked = new Set(installs.flatMap(({ order, worker }) => (order.way === "mailbox" ? worker : [])));
  return new Set(workers.flatMap(({ public_key, edge_url }) => (asked.has(public_key) ? (edge_url ?? []) : [])));
}
