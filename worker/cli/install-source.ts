import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlInstallSource } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { KINDS } from "@oa/shared/nostr/kinds.ts";

const ADDRESS = /^(30051:[0-9a-f]{64}:.+|naddr1[a-z0-9]+)$/;
/** What may name an install: with a slash or the ending of a manifest's file, a file was meant. */
const NAME = /^(?!\.)(?!.*\.jsonl?$)[A-Za-z0-9_.-]{1,128}$/;

/** A listing as its address or another name of it, for the worker to read; null: a file is meant, and wins where there is one. */
export async function listingIn(what: string, cwd: string): Promise<{ readonly address: string } | null> {
  if (ADDRESS.test(what)) return { address: what };
  if (!NAME.test(what)) return null;
  const there = await stat(resolve(cwd, what)).catch(() => null);
  return there?.isFile() === true ? null : { address: what };
}

/**
 * What `oa install <what>` means: what names a listing, or a file with a manifest, with its signed event, or with the
 * signed events of manifest and release (an array, an object, or one a line).
 */
export async function installSource(what: string, cwd: string): Promise<ControlInstallSource | Rejection> {
  const listing = await listingIn(what, cwd);
  if (listing !== null) return listing;
  const path = resolve(cwd, what);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > LIMITS.json_bytes) return reject("too_large", `${path} is larger than ${LIMITS.json_bytes} bytes`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      return reject("not_found", `${path} cannot be read: ${(error as Error).message}`);
    }
    return reject("not_found", `there is no file ${what}; oa market search finds listings' addresses`);
  }
  const values = parseDocuments(text);
  if (isRejection(values)) return { ...values, message: `${path}: ${values.message}` };
  const events = values.filter((value) => validators.isNostrEvent(value));
  const manifest_event = events.find(({ kind }) => kind === KINDS.manifest.kind);
  const release_event = events.find(({ kind }) => kind === KINDS.release.kind);
  if (manifest_event !== undefined) {
    return release_event === undefined ? { manifest_event } : { manifest_event, release_event };
  }
  const [manifest] = values;
  if (values.length === 1 && typeof manifest === "object" && manifest !== null && !Array.isArray(manifest)) {
    return { manifest: manifest as Readonly<Record<string, unknown>> };
  }
  return reject("schema_invalid", `${path} holds neither a manifest nor its signed events`);
}

/** The documents of a file: one, the items of an array, the members of an object of events, or one a line. */
function parseDocuments(text: string): readonly unknown[] | Rejection {
  const whole = parseStrict(text);
  if (!isRejection(whole)) {
    const { value } = whole;
    if (Array.isArray(value)) return value;
    if (typeof value !== "object" || value === null) return [value];
    const members = Object.values(value).filter((member) => validators.isNostrEvent(member));
    return members.length > 0 ? members : [value];
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length < 2 || !text.startsWith("{")) return whole;
  const parsed = lines.map((line) => parseStrict(line));
  return parsed.some(isRejection) ? whole : parsed.flatMap((item) => (isRejection(item) ? [] : [item.value]));
}
