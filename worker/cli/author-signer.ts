import { resolve } from "node:path";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { parseBunker } from "@oa/shared/nostr/remote-signing.ts";
import { readKeyFile } from "../adapters/key-file.ts";
import { loadOrCreateKey } from "../adapters/keys.ts";
import { openRelayPool } from "../adapters/relay-pool.ts";
import { openRemoteSigner } from "../adapters/remote-signer.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import { localSigner, type Signer } from "../adapters/signer.ts";
import type { Config } from "../config.ts";
import type { CommandContext } from "./command.ts";
import { passphraseFrom } from "./passphrase.ts";
import { plain } from "./terminal.ts";

/** The key that remote signers know this machine by. */
export const CLIENT_KEY = "signer-client";

type Context = Pick<CommandContext, "cwd" | "data_dir" | "env" | "signal" | "note" | "progress">;

/**
 * The signer that was named, else the one of the settings, else this machine's own author key, made on first use.
 * Refusal: usage. Faults: those of the key file and of the remote signer.
 */
export async function openSigner(
  named: string | undefined,
  config: Pick<Config, "signer">,
  context: Context,
): Promise<Signer | Rejection> {
  const text = named ?? config.signer ?? "local";
  if (text === "local") return localSigner((await loadOrCreateKey(context.data_dir, "author")).secret_key);
  if (text.startsWith("bunker:")) return openBunker(text, context);
  if (/^(nsec1|ncryptsec1|[0-9a-f]{64}$)/i.test(text)) {
    return reject("usage", "--signer takes the file that holds a key, never the key: other users could read it there");
  }
  const ask = passphraseFrom(context.env, { input: process.stdin, output: process.stderr });
  return localSigner(await readKeyFile(resolve(context.cwd, text), ask));
}

async function openBunker(text: string, { data_dir, signal, note, progress }: Context): Promise<Signer | Rejection> {
  const bunker = parseBunker(text);
  if (isRejection(bunker)) return bunker;
  const schnorr = await loadSchnorr();
  const client = await loadOrCreateKey(data_dir, CLIENT_KEY);
  const pool = openRelayPool({ schnorr });
  progress("Asking the signer");
  const showPage = (url: string): void => note(`Your signer asks you to confirm at ${plain(url)}`);
  try {
    const signer = await openRemoteSigner(bunker, { ...{ pool, schnorr, client, showPage, signal } });
    const close = (): void => {
      signer.close();
      pool.close();
    };
    return { ...signer, close };
  } catch (error) {
    pool.close();
    throw error;
  }
}
