import { sha256Hex } from "@oa/shared/core/hash.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import type { SignRequest } from "../adapters/edge-client.ts";
import type { Signer } from "../adapters/signer.ts";

/** Each request is signed by the same key as what it hands in, once (NIP-98). */
export function requestSigner({
  signer,
  random,
  now_ms,
}: {
  readonly signer: Pick<Signer, "sign">;
  readonly random: RandomBytes;
  readonly now_ms: () => number;
}): SignRequest {
  return async (request) => {
    const template = httpAuthTemplate(request, Math.floor(now_ms() / 1_000), sha256Hex(random(32)));
    return httpAuthHeader(await signer.sign(template));
  };
}
