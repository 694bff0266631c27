import { bech32 } from "@scure/base";
import { LIMITS } from "./limits.ts";
import { type Rejection, reject } from "./refusal.ts";

/** Where a receiver of payments is asked how to pay them. */
export interface PayServer {
  /** With its port, where one is named. */
  readonly host: string;
  /** With its query. */
  readonly path: string;
}

/**
 * The server behind a lightning address `name@host` (LUD-16) or a bech32 `lnurl1…` (LUD-01, LUD-06) that holds an
 * https address. Whether the host may be asked is not looked at. Refusal: usage.
 */
export function payServer(given: string): PayServer | Rejection {
  const [, name, host = ""] = /^([a-z0-9._+-]{1,64})@([A-Za-z0-9.:-]{1,253})$/.exec(given) ?? [];
  if (name !== undefined) return { host, path: `/.well-known/lnurlp/${name}` };
  const none = reject("usage", "the author's profile has no lightning address");
  if (given.length > LIMITS.lnurl_chars || !/^(lnurl1[a-z0-9]+|LNURL1[A-Z0-9]+)$/.test(given)) return none;
  const decoded = bech32.decodeUnsafe(given.toLowerCase(), LIMITS.lnurl_chars);
  const bytes = decoded === undefined ? undefined : bech32.fromWordsUnsafe(decoded.words);
  if (bytes === undefined) return none;
  // No key or password before the host, no port that is none, no fragment in what is asked.
  const [address, at, path = "/"] =
    /^https:\/\/([A-Za-z0-9.-]{1,253}(?::\d{1,5})?)(\/[!-"$-~]*)?(?:#[!-~]*)?$/.exec(text(bytes)) ?? [];
  if (address === undefined || at === undefined) {
    return reject("usage", "the author's lnurl leads to no https address");
  }
  return { host: at.toLowerCase(), path };
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
