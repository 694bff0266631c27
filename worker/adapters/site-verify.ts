import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { fromEvent, type Snapshot, snapshotRoot } from "@oa/shared/nostr/30078-snapshot.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { type SchnorrVerify, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { openEdgeEgress } from "./edge-client.ts";

/** Reads a file of a snapshot by its name. Refusals: not_found, too_large. Faults: those of egress. */
export type ReadPart = (name: string) => Promise<Uint8Array | Rejection>;

const PART = /^events(-[0-9a-f]{1,8})?\.ndjson$/;

/**
 * Checks a snapshot, whoever serves it: the head's signature, every event's id and signature, that none is missing, twice
 * or too many, and that together they have the root that the head names. Refusals: catalog_invalid, event_*,
 * signature_invalid, and those of `read`.
 */
export async function verifySnapshot(read: ReadPart, schnorr: SchnorrVerify): Promise<Snapshot | Rejection> {
  const head = await readValue(read, "head.json");
  if (isRejection(head)) return head;
  const signed = verifyEvent(head.value, schnorr);
  const snapshot = isRejection(signed) ? signed : fromEvent(signed);
  if (isRejection(snapshot)) return snapshot;
  const parts = await readValue(read, "parts.json");
  if (isRejection(parts)) return parts;
  const names: readonly unknown[] = Array.isArray(parts.value) ? parts.value : [];
  const ids = new Set<string>();
  let listings = 0;
  for (const name of names) {
    if (typeof name !== "string" || !PART.test(name)) return invalid("parts.json names a file that is no part of it");
    const text = await readText(read, name);
    if (isRejection(text)) return text;
    for (const line of text.text.split("\n").filter((each) => each !== "")) {
      const parsed = parseStrict(line);
      const event = isRejection(parsed) ? parsed : verifyEvent(parsed.value, schnorr);
      if (isRejection(event)) return event;
      if (ids.has(event.id)) return invalid(`event ${event.id} is in it twice`);
      ids.add(event.id);
      if (event.kind === KINDS.manifest.kind) listings += 1;
    }
  }
  if (ids.size !== snapshot.events) return invalid(`it has ${ids.size} events, and its head says ${snapshot.events}`);
  if (listings !== snapshot.listings) return invalid(`it has ${listings} listings, its head says ${snapshot.listings}`);
  const root = snapshotRoot([...ids]);
  return root === snapshot.root
    ? snapshot
    : invalid(`its events have the root ${root}, its head says ${snapshot.root}`);
}

/** The snapshot of a site in a folder. */
export function partsInFolder(site: string): ReadPart {
  return async (name) => {
    try {
      return await readFile(join(site, "snapshot", name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return reject("not_found", `${join(site, "snapshot", name)} does not exist`);
    }
  };
}

/** The snapshot of a site at an address. */
export function partsAt(site_url: string, signal: AbortSignal): ReadPart {
  const egress = openEdgeEgress(site_url);
  return async (name) => {
    const url = `${site_url}/snapshot/${name}`;
    const { status, body } = await egress.fetch({
      ...{ url, method: "GET", headers: {}, signal },
      ...{ timeout_ms: LIMITS.edge_timeout_ms, max_bytes: 2 * LIMITS.snapshot_part_bytes },
    });
    return status === 200 ? body : reject("not_found", `${url} answered ${status}`);
  };
}

async function readText(read: ReadPart, name: string): Promise<{ readonly text: string } | Rejection> {
  const bytes = await read(name);
  if (!(bytes instanceof Uint8Array)) return bytes;
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return invalid(`${name} is not UTF-8 text`);
  }
}

async function readValue(read: ReadPart, name: string): Promise<{ readonly value: unknown } | Rejection> {
  const text = await readText(read, name);
  return isRejection(text) ? text : parseStrict(text.text, { bytes: LIMITS.snapshot_part_bytes });
}

function invalid(why: string): Rejection {
  return reject("catalog_invalid", `the snapshot is not whole: ${why}`);
}
