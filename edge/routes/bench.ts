import { eventHash, type NostrEvent, type SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import { Hono } from "hono";
import { instantiate } from "../adapters/schnorr.ts";
import type { Env } from "../env.ts";

/** `/bench`: there only where a benchmark has set the BENCH binding. */
export const benchRoutes = new Hono<{ Bindings: Env }>();

/** Remembers no keys: each check is a whole one. */
let schnorr: SchnorrVerify | undefined;

/**
 * Checks the bare signatures of the events in the body `rounds` times. Clocks stand still inside a request, so the
 * caller measures: the difference between two numbers of rounds is verification alone.
 */
benchRoutes.post("/verify", async (context) => {
  if (context.env.BENCH !== "1") return context.notFound();
  const events: readonly NostrEvent[] = await context.req.json();
  schnorr ??= instantiate(0);
  const prepared = events.map((event) => ({
    signature: bytes(event.sig),
    hash: eventHash(event),
    public_key: bytes(event.pubkey),
  }));
  let valid = 0;
  for (let round = 0; round < Number(context.req.query("rounds") ?? 1); round += 1) {
    for (const { signature, hash, public_key } of prepared) if (schnorr(signature, hash, public_key)) valid += 1;
  }
  return context.json({ valid });
});

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
