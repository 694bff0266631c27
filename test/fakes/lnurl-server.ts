import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeInvoice } from "@oa/shared/core/bolt11.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { msats } from "@oa/shared/core/money.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

/** A fake, for tests: an LNURL server that names its key (LUD-16, NIP-57) and signs zaps that nobody paid. */
export interface FakeLnurlServer {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly asked: () => number;
  readonly close: () => Promise<void>;
  /** The receipt of a zap request, over a real invoice by a made-up node. */
  readonly zap: (request: NostrEvent, amount_msats: number, by?: Uint8Array) => NostrEvent;
}

export async function startFakeLnurlServer(key: Uint8Array): Promise<FakeLnurlServer> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (!request.url?.startsWith("/.well-known/lnurlp/")) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        ...{ tag: "payRequest", callback: "http://127.0.0.1/none", minSendable: 1_000, maxSendable: 1_000_000_000 },
        ...{ metadata: '[["text/plain","fake"]]', allowsNostr: true, nostrPubkey: publicKeyOf(key) },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    asked: () => asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
    zap: (request, amount_msats, by = key) => {
      const description = JSON.stringify(request);
      const bolt11 = encodeInvoice(
        {
          network: "bitcoin",
          amount_msats: msats(amount_msats),
          timestamp_s: request.created_at,
          payment_hash: sha256Hex(request.id),
          payment_secret: "f".repeat(64),
          describes: { description_hash: sha256Hex(description) },
        },
        new Uint8Array(32).fill(8),
      );
      const told = request.tags.filter(([name]) => name === "p" || name === "a");
      const tags = [...told, ["P", request.pubkey], ["bolt11", bolt11], ["description", description]];
      const template = { kind: 9735, created_at: request.created_at, content: "", tags };
      return signEvent(template, by, new Uint8Array(32).fill(9));
    },
  };
}
