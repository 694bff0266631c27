import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";
import { keychain, type SecretStore } from "./keychain.ts";
import { openProcesses } from "./process.ts";
import { nativePublicKeyOf } from "./public-key.ts";

export interface Key {
  /** 32 bytes. */
  readonly secret_key: Uint8Array;
  /** 64 hex digits (BIP-340). */
  readonly public_key: string;
}

/**
 * A named key of this data folder, made on first use: in the macOS Keychain where there is one, else in
 * `keys/<name>.key` as hex, folder 0700 and file 0600. A key file that is there is always the one that is used.
 *
 * Faults: key_file_permissions (others could read it; the sentence has the command that closes it), key_invalid,
 * key_store (the Keychain is locked, say: no other key is made in its place).
 */
export async function loadOrCreateKey(
  data_dir: string,
  name: string,
  store: SecretStore | null = process.platform === "darwin" ? keychain(openProcesses(), data_dir) : null,
): Promise<Key> {
  const found = await loadKey(data_dir, name, store);
  if (found !== null) return found;
  const { folder, path } = keyFile(data_dir, name);
  if (store === null) return keyOf(createKeyFile(folder, path), path);
  await store.create(name, newSecret());
  const made = await store.read(name);
  if (made === null) throw new Fault("key_store", `the Keychain did not keep the key ${name}`);
  return keyOf(made, `the Keychain's entry ${name}`);
}

/** A key of this data folder that is there already, else null. Faults: those of `loadOrCreateKey`. */
export async function loadKey(
  data_dir: string,
  name: string,
  store: SecretStore | null = process.platform === "darwin" ? keychain(openProcesses(), data_dir) : null,
): Promise<Key | null> {
  const { folder, path } = keyFile(data_dir, name);
  const found = readKeyFile(folder, path);
  if (found !== null) return keyOf(found, path);
  const kept = store === null ? null : await store.read(name);
  return kept === null ? null : keyOf(kept, `the Keychain's entry ${name}`);
}

function keyFile(data_dir: string, name: string): { readonly folder: string; readonly path: string } {
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name)) {
    throw new Fault("key_invalid", `${JSON.stringify(name)} is not a key's name: use a-z, 0-9, "-" and "_"`);
  }
  const folder = join(data_dir, "keys");
  return { folder, path: join(folder, `${name}.key`) };
}

/** A secret that is on the curve, which all but one in 2^127 are. */
function newSecret(): string {
  return randomBytes(32).toString("hex");
}

function keyOf(hex: string, where: string): Key {
  const invalid = (cause?: unknown): Fault =>
    new Fault("key_invalid", `${where} does not hold a secret key of 64 hex digits`, { cause });
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalid();
  const secret_key = new Uint8Array(Buffer.from(hex, "hex"));
  try {
    return { secret_key, public_key: nativePublicKeyOf(secret_key) };
  } catch {
    throw invalid(); // zero or above the curve's order; the cause could quote the secret
  }
}

/** Null where there is none. Its permissions are checked on the open file, so that it cannot be swapped after. */
function readKeyFile(folder: string, path: string): string | null {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return null;
    throw new Fault("key_invalid", `the key file ${path} cannot be opened (${code})`, { cause: error });
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) throw new Fault("key_invalid", `${path} is not a regular file`);
    refuseIfOpen(stat, path, "600");
    refuseIfOpen(fs.statSync(folder), folder, "700");
    return fs.readFileSync(fd, "utf8").trim();
  } finally {
    fs.closeSync(fd);
  }
}

/** Throws where others than its owner could open it, with the command that closes it. Fault: key_file_permissions. */
export function refuseIfOpen(stat: fs.Stats, path: string, mode: "600" | "700"): void {
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    throw new Fault("key_file_permissions", `${path} belongs to another user: run "sudo chown ${uid} '${path}'"`);
  }
  if ((stat.mode & 0o077) !== 0) {
    throw new Fault("key_file_permissions", `other users can open ${path}: run "chmod ${mode} '${path}'"`);
  }
}

/** Made whole under another name and linked into place, so that two processes agree and a crash leaves no half key. */
function createKeyFile(folder: string, path: string): string {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  const fd = fs.openSync(temporary, "wx", 0o600);
  try {
    fs.writeFileSync(fd, `${newSecret()}\n`);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  syncFolder(folder);
  const made = readKeyFile(folder, path);
  if (made === null) throw new Fault("key_invalid", `the key file ${path} vanished while it was being made`);
  return made;
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
