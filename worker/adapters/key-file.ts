import { open, writeFile } from "node:fs/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { openEncryptedKey } from "@oa/shared/nostr/encrypted-key.ts";
import { decode, nsecEncode } from "nostr-tools/nip19";
import { encrypt } from "nostr-tools/nip49";

/** Gives the passphrase of an encrypted key when it is needed. */
export type AskPassphrase = (what: string) => Promise<string>;

/**
 * The secret key in a file: nsec, 64 hex digits, or ncryptsec (NIP-49), for which the passphrase is asked. Faults:
 * not_found, key_invalid, passphrase_wrong, and those of `ask`. No message repeats what the file holds.
 */
export async function readKeyFile(path: string, ask: AskPassphrase): Promise<Uint8Array> {
  const text = await readText(path);
  if (text.startsWith("ncryptsec1")) {
    const opened = await openEncryptedKey(text, () => ask(path));
    if (isRejection(opened)) throw new Fault(opened.code, `${path}: ${opened.message}`);
    return opened;
  }
  if (/^[0-9a-f]{64}$/i.test(text)) return new Uint8Array(Buffer.from(text, "hex"));
  const secret_key = nsec(text);
  if (secret_key === null) {
    throw new Fault("key_invalid", `${path} does not hold a secret key as nsec, ncryptsec or 64 hex digits`);
  }
  return secret_key;
}

/** Writes a key to a new file, mode 0600: encrypted (NIP-49), or as nsec without a passphrase. Fault: file_exists. */
export async function writeKeyFile(path: string, secret_key: Uint8Array, passphrase: string | null): Promise<void> {
  // 0x01: the key was never handled in the clear outside this program.
  const text = passphrase === null ? nsecEncode(secret_key) : encrypt(secret_key, passphrase, NEW_LOG_N, 0x01);
  try {
    await writeFile(path, `${text}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new Fault("file_exists", `${path} is there already and was left as it is`);
    throw new Fault("internal", `${path} cannot be written: ${message}`, { cause: error });
  }
}

/** 2^17 rounds of scrypt take half a second and 128 MiB. */
const NEW_LOG_N = 17;

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(LIMITS.key_file_bytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return new TextDecoder().decode(bytes.subarray(0, bytesRead)).trim();
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new Fault("not_found", `there is no file ${path}`);
    throw new Fault("internal", `${path} cannot be read: ${message}`, { cause: error });
  }
}

function nsec(text: string): Uint8Array | null {
  try {
    const decoded = decode(text as `nsec1${string}`);
    return decoded.type === "nsec" ? decoded.data : null;
  } catch {
    return null; // what could be a secret is not repeated
  }
}
