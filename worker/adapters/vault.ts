import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { hostOfUrl, isGrantableHost } from "@oa/shared/core/permission.ts";
import { Fault, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { writePrivate } from "./daemon-file.ts";
import { fileFault } from "./file-faults.ts";
import type { SecretStore } from "./keychain.ts";
import { refuseIfOpen } from "./keys.ts";
import { newSealer, type Sealer, seal, unseal, type VaultSource } from "./vault-box.ts";

/** A secret of the owner's, and the only hosts it may be sent to, whatever an upgrade was granted. */
export interface VaultSecret {
  readonly name: string;
  readonly value: string;
  /** `host` or `host:port`, the port left out where it is the scheme's own. */
  readonly hosts: readonly string[];
  /** When it was last set, ISO 8601 UTC. */
  readonly set_at: string;
}

/** The owner's secrets, encrypted at rest. Open, their values are in this process's memory and nowhere else. */
export interface Vault {
  /** `none`: nothing was ever kept. */
  readonly status: () => "none" | "locked" | "open";
  readonly kept_by: "keychain" | "passphrase";
  /** Empty unless it is open; another list after every change. */
  readonly all: () => readonly VaultSecret[];
  readonly get: (name: string) => VaultSecret | undefined;
  /** Opens it, or makes an empty one. Refusals: usage, secret_invalid. Faults: those of `openVault`. */
  readonly unlock: (passphrase: string) => Promise<Rejection | undefined>;
  /**
   * Encrypts it anew under another passphrase, whole or not at all; it is open then. Gives the file that a worker reads
   * its passphrase from when it starts, where that holds another one. Refusals: usage, not_found, secret_invalid. Faults:
   * vault_passphrase_wrong, vault_damaged, file_access.
   */
  readonly changePassphrase: (
    old_passphrase: string,
    new_passphrase: string,
  ) => Promise<{ readonly stale_passphrase_file: string | null } | Rejection>;
  /** Refusals: secret_invalid, vault_locked, too_large. Fault: file_access. */
  readonly set: (secret: VaultSecret) => Promise<Rejection | undefined>;
  /** Refusals: vault_locked, not_found. Fault: file_access. */
  readonly remove: (name: string) => Promise<Rejection | undefined>;
}

const KEY_NAME = "vault";
const NO_PASSPHRASE = reject("usage", "the Keychain keeps this vault's key: there is no passphrase");
const TOO_SHORT = reject(
  "secret_invalid",
  `a vault's passphrase has at least ${LIMITS.vault_passphrase_chars_min} characters`,
);

/**
 * The vault of a data folder: one file, `vault.json`, mode 0600, written whole or not at all. Its key is kept by the
 * Keychain (`store`), or worked out from a passphrase: the one in `passphrase_file`, or what `unlock` is given. The
 * caller holds the data folder's lock. Faults, told to `report` or thrown by `unlock` and `set`: vault_passphrase_wrong,
 * vault_damaged, key_file_permissions, key_store, file_access.
 */
export async function openVault(options: {
  readonly data_dir: string;
  readonly store: SecretStore | null;
  readonly passphrase_file: string | null;
  readonly random: RandomBytes;
  /** Told why it stays locked although its key is at hand: the rest of the worker goes on. */
  readonly report: (error: unknown) => void;
  /** Told the passphrase, each time that one opened the vault or became its own. */
  readonly learn?: (passphrase: string) => void;
  /** Of scrypt, for a new vault; the default is `LIMITS.vault_log_n`. */
  readonly log_n?: number;
}): Promise<Vault> {
  const { store, random, learn = () => {}, log_n = LIMITS.vault_log_n } = options;
  const path = join(options.data_dir, "vault.json");
  let sealer: Sealer | null = null;
  let secrets: ReadonlyMap<string, VaultSecret> = new Map();
  let list: readonly VaultSecret[] = [];
  const take = (next: ReadonlyMap<string, VaultSecret>): void => {
    secrets = next;
    list = [...next.values()];
  };

  const open = async (source: VaultSource): Promise<void> => {
    const text = readPrivate(path, LIMITS.vault_bytes);
    if (text === null) {
      sealer = await newSealer(source, random, log_n);
      take(new Map());
      // Kept at once, so that a passphrase chosen now is the passphrase from now on.
      await writePrivate(path, seal("[]", sealer, random));
      if ("passphrase" in source) learn(source.passphrase);
      return;
    }
    const opened = await unseal(text, source, path);
    const kept = JSON.parse(opened.content) as readonly VaultSecret[]; // authenticated: written below
    take(new Map(kept.map((secret) => [secret.name, secret])));
    sealer = opened.sealer;
    if ("passphrase" in source) learn(source.passphrase);
  };
  const save = async (
    next: ReadonlyMap<string, VaultSecret>,
    under: Sealer | null = sealer,
  ): Promise<Rejection | undefined> => {
    if (under === null) return reject("vault_locked", "the vault is locked: open it with `oa secrets unlock`");
    const content = JSON.stringify([...next.values()]);
    if (content.length > LIMITS.vault_bytes / 2) return reject("too_large", "the vault is full: remove a secret first");
    try {
      await writePrivate(path, seal(content, under, random));
    } catch (error) {
      throw fileFault(error, "write", path);
    }
    take(next);
    return undefined;
  };
  /** One after the other: each writes the whole file from what the one before it left. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const turn = last.then(change, change);
    last = turn.catch(() => undefined);
    return turn;
  };
  const exists = (): boolean => readPrivate(path, LIMITS.vault_bytes) !== null;

  const openAtHand = async (): Promise<void> => {
    if (store !== null && exists()) await open({ key: await keptKey(store) });
    const passphrase =
      store === null && options.passphrase_file !== null ? passphraseIn(options.passphrase_file) : null;
    if (passphrase !== null) await open({ passphrase });
  };
  await openAtHand().catch(options.report);
  return {
    kept_by: store === null ? "passphrase" : "keychain",
    status: () => (sealer !== null ? "open" : exists() ? "locked" : "none"),
    all: () => list,
    get: (name) => secrets.get(name),
    unlock: (given) =>
      inTurn(async () => {
        if (store !== null) return NO_PASSPHRASE;
        if (!exists() && given.length < LIMITS.vault_passphrase_chars_min) return TOO_SHORT;
        await open({ passphrase: given });
        return undefined;
      }),
    changePassphrase: (old_passphrase, new_passphrase) =>
      inTurn(async () => {
        if (store !== null) return NO_PASSPHRASE;
        if (!exists()) return reject("not_found", "there is no vault yet: `oa secrets set` makes one");
        await open({ passphrase: old_passphrase });
        if (new_passphrase.length < LIMITS.vault_passphrase_chars_min) return TOO_SHORT;
        if (new_passphrase.normalize("NFKC") === old_passphrase.normalize("NFKC")) {
          return reject("secret_invalid", "the new passphrase is the one the vault has already");
        }
        const next = await newSealer({ passphrase: new_passphrase }, random, log_n);
        const refused = await save(secrets, next);
        if (refused !== undefined) return refused;
        sealer = next;
        learn(new_passphrase);
        const { passphrase_file: file } = options;
        return { stale_passphrase_file: file !== null && passphraseIn(file) !== new_passphrase ? file : null };
      }),
    set: (secret) =>
      inTurn(async () => {
        const wrong = flawOf(secret);
        if (wrong !== null) return reject("secret_invalid", wrong);
        if (sealer === null && store !== null) await open({ key: await keptKey(store) });
        if (!secrets.has(secret.name) && secrets.size >= LIMITS.secrets) {
          return reject("too_large", `the vault holds ${secrets.size} secrets, the most there may be`);
        }
        return save(new Map(secrets).set(secret.name, secret));
      }),
    remove: (name) =>
      inTurn(async () => {
        const next = new Map(secrets);
        if (sealer !== null && !next.delete(name)) {
          return reject("not_found", `the vault holds no secret called ${name}`);
        }
        return save(next);
      }),
  };

  async function keptKey(kept: SecretStore): Promise<Uint8Array> {
    if ((await kept.read(KEY_NAME)) === null) {
      if (exists()) throw new Fault("key_store", `the Keychain has lost the key of the vault ${path}`);
      await kept.create(KEY_NAME, Buffer.from(random(32)).toString("hex"));
    }
    const key = await kept.read(KEY_NAME);
    if (key === null || !/^[0-9a-f]{64}$/.test(key)) {
      throw new Fault("key_store", "the Keychain did not keep the vault's key as 64 hex digits");
    }
    return Buffer.from(key, "hex");
  }
}

/** Why a secret cannot be kept; no sentence holds its value. */
function flawOf({ name, value, hosts }: VaultSecret): string | null {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name)) return "a secret's name is a letter, then letters, digits and _";
  const [least, most] = [LIMITS.secret_chars_min, LIMITS.secret_chars];
  if (value.length < least || value.length > most)
    return `the value of ${name} must have ${least} to ${most} characters`;
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    return `the value of ${name} must be one line of printable ASCII without spaces around it`;
  }
  // It is taken out of every record wherever it stands, so a word of everyday text would tear holes in them.
  const isWord = /^[A-Za-z]+$/.test(value) || /^[0-9]+$/.test(value) || new Set(value).size < 5;
  if (isWord && value.length < 20) return `the value of ${name} is too simple to be told from ordinary text`;
  const wrong = hosts.find((host) => !isGrantableHost(host) || host.startsWith("*") || host !== shortHost(host));
  if (hosts.length === 0 || hosts.length > LIMITS.secret_hosts)
    return `name 1 to ${LIMITS.secret_hosts} hosts for ${name}`;
  return wrong === undefined
    ? null
    : `${JSON.stringify(wrong)} is no exact host such as api.example.com or 127.0.0.1:8080`;
}

/** As permissions name it: in lower case, without https's own port. */
function shortHost(host: string): string | null {
  return hostOfUrl(`https://${host}/`);
}

/** Null where there is none, as with a service manager that was given no credential. */
function passphraseIn(path: string): string | null {
  const text = readPrivate(path, LIMITS.vault_passphrase_bytes)?.replace(/\r?\n$/, "") ?? null;
  if (text === "") throw new Fault("vault_passphrase_wrong", `${path} holds no passphrase`);
  return text;
}

/** A file's text, its permissions checked as it lies open; null where there is none. */
function readPrivate(path: string, bytes_max: number): string | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw fileFault(error, "read", path);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > bytes_max) throw new Fault("file_access", `${path} is not a file of this use`);
    refuseIfOpen(stat, path, "600");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
