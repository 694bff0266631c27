import { readFile } from "node:fs/promises";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type Secp256k1Exports, secp256k1Imports, secp256k1Schnorr } from "@oa/shared/nostr/secp256k1.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";

/** The part of the standard's WebAssembly namespace used here; Node's own types leave it out. */
declare const WebAssembly: {
  readonly compile: (bytes: Uint8Array) => Promise<object>;
  readonly instantiate: (module: object, imports: object) => Promise<{ readonly exports: unknown }>;
};

let loading: Promise<SchnorrVerify> | undefined;

/** The fastest BIP-340 verifier this machine runs: libsecp256k1 as WebAssembly, else plain JavaScript. Loaded once. */
export function loadSchnorr(): Promise<SchnorrVerify> {
  loading ??= loadWasm().catch(() => pureSchnorr);
  return loading;
}

/** libsecp256k1 from the binary inside nostr-wasm, remembering `keys_max` keys. Throws where WebAssembly cannot run. */
export async function loadWasm(keys_max?: number): Promise<SchnorrVerify> {
  const file = new URL("../public/out/secp256k1.wasm", import.meta.resolve("nostr-wasm"));
  const module = await WebAssembly.compile(await readFile(file));
  const instance = await WebAssembly.instantiate(
    module,
    secp256k1Imports(() => exports),
  );
  const exports = instance.exports as unknown as Secp256k1Exports;
  return secp256k1Schnorr(exports, keys_max);
}
