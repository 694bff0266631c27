import { isRejection } from "@oa/shared/core/refusal.ts";
import { filter } from "@oa/shared/nostr/24051-install-config.ts";
import { fromInner } from "@oa/shared/nostr/24056-worker-status.ts";
import { innerOf } from "@oa/shared/nostr/gift-wrap.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { type Box, withSeen, withStatus } from "./kept.ts";
import { nowSeconds } from "./random.ts";
import type { Relays } from "./relays.ts";
import type { Signer } from "./signer.ts";

/** Hears what workers say, for as long as the signer is open. Returns how to stop. */
export function listenToWorkers(
  box: Box,
  signer: Signer,
  relays: Relays,
  report: (error: unknown) => void,
): () => void {
  const ends = new Map<string, () => void>();
  let reading = Promise.resolve();
  let stopped = false;
  /** One at a time: a signer elsewhere asks its owner for each. */
  const hear = (wrap: VerifiedEvent): void => {
    reading = reading.then(() => (stopped ? undefined : read(wrap))).catch(report);
  };
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
  box.onChange(follow);
  follow();
  return () => {
    stopped = true;
    for (const end of ends.values()) end();
  };
}
