import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { fromEvent, type Snapshot } from "@oa/shared/nostr/30078-snapshot.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";

/** The signed snapshot these pages are built from; null in a build without a catalog. */
export const snapshot: Snapshot | null = readHead(process.env.OA_SNAPSHOT);

function readHead(folder: string | undefined): Snapshot | null {
  if (folder === undefined || !existsSync(join(folder, "head.json"))) return null;
  const event = verifyEvent(JSON.parse(readFileSync(join(folder, "head.json"), "utf8")), pureSchnorr);
  const head = isRejection(event) ? event : fromEvent(event);
  if (isRejection(head)) throw new Error(`head.json: ${head.message}`);
  return head;
}

/** `2026-11-21`, in UTC. */
export function day(unix_s: number): string {
  return new Date(unix_s * 1000).toISOString().slice(0, 10);
}

/** `2026-11-21 03:04 UTC`. */
export function minute(unix_s: number): string {
  return `${new Date(unix_s * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
