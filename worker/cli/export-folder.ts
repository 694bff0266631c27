import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdir, open, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ChainLink } from "@oa/shared/core/hash-chain.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { keptJson } from "@oa/shared/core/sql.ts";
import { throwIfCanceled } from "../adapters/canceled.ts";
import { copyFolder, folderSize } from "../adapters/copy-folder.ts";
import { fileFault } from "../adapters/file-faults.ts";
import { loadKey } from "../adapters/keys.ts";
import { writeTar } from "../adapters/tar.ts";

export interface Exported {
  readonly events: number;
  readonly artifacts: number;
  readonly installs: number;
  readonly state_bytes: number;
  readonly keys: number;
}

/** Keys that may be in a Keychain, which cannot be listed. */
const KEY_NAMES = ["author", "owner", "worker"];
const ABOUT = `events.jsonl    the event log; check it anywhere with \`oa audit verify events.jsonl\`
installs.json   every release that was installed: its manifest, inputs and pins
artifacts/      outputs of runs, each named by its SHA-256
state/          what upgrades keep for themselves, by install and release; links in it are left out
config.json     the settings
keys/           secret keys, if you asked for them, encrypted with your passphrase (NIP-49)
`;

/**
 * Writes an export whole or not at all: a folder beside the target, or what it is packed into, takes its name at the
 * end. Faults: unreachable (the log was cut short), canceled, file_access, disk_full, and those of the keys.
 */
export async function exportAll(request: {
  readonly data_dir: string;
  readonly to: string;
  /** The log as `oa audit export` writes it. */
  readonly events: AsyncIterable<string>;
  /** Null: no keys. */
  readonly passphrase: string | null;
  readonly signal: AbortSignal;
}): Promise<Exported> {
  const { data_dir, to, passphrase, signal } = request;
  const draft = join(dirname(to), `.${basename(to)}.part-${randomUUID()}`);
  const packed = `${draft}.tar`;
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(join(draft, "README"), ABOUT, { mode: 0o600 });
    const { events, installs } = await writeEvents(request.events, join(draft, "events.jsonl"), signal);
    await writeFile(join(draft, "installs.json"), `${JSON.stringify(installs, null, 2)}\n`, { mode: 0o600 });
    const artifacts = await copyArtifacts(join(data_dir, "artifacts"), join(draft, "artifacts"), signal);
    const state_bytes = await copyStates(join(data_dir, "state"), join(draft, "state"));
    // As they are: settings that hold a secret are refused when they are read.
    await copyIfThere(join(data_dir, "config.json"), join(draft, "config.json"));
    const keys = passphrase === null ? 0 : await writeKeys(data_dir, passphrase, join(draft, "keys"));
    if (to.endsWith(".tar")) {
      await writeTar(draft, packed, signal);
      await (await open(to, "wx", 0o600)).close(); // the name is taken first: a rename would overwrite
      await rename(packed, to);
    } else await rename(draft, to);
    return { events, artifacts, installs: installs.length, state_bytes, keys };
  } catch (error) {
    throwIfCanceled(signal, "the export");
    throw error instanceof Fault ? error : fileFault(error, "write", to);
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(packed, { force: true });
  }
}

/** Writes the log and picks out of it what was installed. Fault: unreachable, where it ends before its heads. */
async function writeEvents(chunks: AsyncIterable<string>, path: string, signal: AbortSignal) {
  const file = await open(path, "wx", 0o600);
  const installs: object[] = [];
  let [events, told, rest] = [-1, 0, ""]; // the first line holds the heads
  try {
    for await (const chunk of chunks) {
      throwIfCanceled(signal, "the export");
      await file.appendFile(chunk);
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      if (events < 0 && lines[0] !== undefined) told = eventsTold(lines[0]);
      events += lines.length;
      for (const line of lines) if (line.includes("install.requested")) installs.push(...installOf(line));
    }
    await file.sync();
  } catch (error) {
    // What fetch throws where its answer breaks off.
    if (error instanceof TypeError) throw new Fault("unreachable", cutShort(events), { cause: error });
    throw error;
  } finally {
    await file.close();
  }
  if (events < told || events < 0) throw new Fault("unreachable", cutShort(events));
  return { events, installs };
}

/** How many events the heads of a log say it has. */
function eventsTold(line: string): number {
  const { heads } = JSON.parse(line) as { readonly heads: readonly { readonly seq: number }[] };
  return heads.reduce((total, { seq }) => total + seq, 0);
}

function cutShort(events: number): string {
  return `the worker stopped in the middle of its log, after ${Math.max(0, events)} events: export again once it runs`;
}

function installOf(line: string): readonly object[] {
  const { body, sealed } = JSON.parse(line) as ChainLink;
  const { event_type, subject_id, occurred_at, data } = keptJson(body) as {
    readonly event_type: string;
    readonly subject_id: string;
    readonly occurred_at: string;
    readonly data: object;
  };
  if (event_type !== "install.requested") return [];
  const values = Object.fromEntries(Object.entries(sealed ?? {}).map(([field, { value }]) => [field, value]));
  return [{ install_id: subject_id, requested_at: occurred_at, ...data, ...values }];
}

async function copyArtifacts(from: string, to: string, signal: AbortSignal): Promise<number> {
  await mkdir(to, { mode: 0o700 });
  let copied = 0;
  for (const name of (await readdir(from)).filter((one) => /^[0-9a-f]{64}$/.test(one))) {
    throwIfCanceled(signal, "the export");
    // Its time may have come since it was listed.
    if (!(await copyIfThere(join(from, name), join(to, name)))) continue;
    copied += 1;
  }
  return copied;
}

/** A copy for its owner alone; false where there is nothing to copy. */
async function copyIfThere(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  await chmod(to, 0o600);
  return true;
}

/** The states that are whole; how many bytes their files have. */
async function copyStates(from: string, to: string): Promise<number> {
  let copied = 0;
  for (const install_id of await readdir(from).catch(noneIfMissing)) {
    for (const id of (await readdir(join(from, install_id))).filter((name) => /^[0-9]+$/.test(name))) {
      await mkdir(join(to, install_id), { recursive: true, mode: 0o700 });
      const target = join(to, install_id, id);
      await copyFolder(await realpath(join(from, install_id, id)), target);
      copied += (await folderSize(await realpath(target), LIMITS.state_files))?.bytes ?? 0;
    }
  }
  return copied;
}

function noneIfMissing(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

async function writeKeys(data_dir: string, passphrase: string, to: string): Promise<number> {
  const { encrypt } = await import("nostr-tools/nip49");
  await mkdir(to, { mode: 0o700 });
  const files = await readdir(join(data_dir, "keys")).catch(() => []); // in the Keychain there are none
  const found = files.filter((name) => name.endsWith(".key")).map((name) => name.slice(0, -".key".length));
  let written = 0;
  for (const name of new Set([...KEY_NAMES, ...found])) {
    const key = await loadKey(data_dir, name);
    if (key === null) continue;
    await writeFile(join(to, `${name}.ncryptsec`), `${encrypt(key.secret_key, passphrase)}\n`, { mode: 0o600 });
    written += 1;
  }
  return written;
}
