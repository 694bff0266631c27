import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type Said, saidOf } from "./said.ts";

/** What is wrong with a page that shows an event, in sentences; none: it shows what its author signed. */
export function faultsOf(
  raw: unknown,
  shown: { readonly [Name in keyof Said]?: readonly string[] },
): readonly string[] {
  const event = verifyEvent(raw, pureSchnorr);
  if (isRejection(event)) return [`The event does not verify: ${event.message}.`];
  const manifest = JSON.parse(event.content) as UpgradeManifest;
  const faults: string[] = [];
  if (manifestHash(manifest) !== tagValue(event, "x")) {
    faults.push("The manifest's hash is not the one that was signed.");
  }
  if (manifest.id !== tagValue(event, "d")) faults.push("The manifest is of another upgrade than the event names.");
  if (manifest.author.npub !== hexToNpub(event.pubkey)) faults.push("The manifest names another key than signed it.");
  for (const [name, said] of Object.entries(saidOf(manifest)) as [keyof Said, readonly string[]][]) {
    const texts = (shown[name] ?? []).map(flat);
    const signed = said.map(flat);
    const at = Array.from({ length: Math.max(signed.length, texts.length) }, (_, index) => index).find(
      (index) => signed[index] !== texts[index],
    );
    if (at === undefined) continue;
    faults.push(`The page shows ${quoted(texts[at])} as its ${name} where the author signed ${quoted(signed[at])}.`);
  }
  return faults;
}

/** White space is the layout's, not the author's. */
function flat(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function quoted(text: string | undefined): string {
  return text === undefined ? "nothing" : JSON.stringify(text);
}
