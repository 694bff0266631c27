import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { readBytes } from "../routes/request.ts";

/**
 * The key that signs zap receipts for a lightning address: `nostrPubkey` of its LNURL server (LUD-16, NIP-57). Only
 * public host names are asked, over HTTPS; `local_hosts` names exact host:port pairs that may be asked over HTTP.
 * Refusals: usage, unreachable, too_large.
 */
export async function zapProviderOf(lud16: string, local_hosts: readonly string[]): Promise<string | Rejection> {
  const [, name, host = ""] = /^([a-z0-9._+-]{1,64})@([A-Za-z0-9.:-]{1,253})$/.exec(lud16) ?? [];
  if (name === undefined) return reject("usage", "the author's profile has no lightning address");
  const local = local_hosts.includes(host);
  if (!local && !/^([A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}$/.test(host)) {
    return reject("usage", `${host} is not a public host name`);
  }
  const url = `${local ? "http" : "https"}://${host}/.well-known/lnurlp/${name}`;
  let bytes: Uint8Array | Rejection;
  try {
    const answer = await fetch(url, {
      headers: { accept: "application/json" },
      redirect: "manual", // a redirect is no answer: its target was not looked at
      signal: AbortSignal.timeout(LIMITS.lnurl_timeout_ms),
    });
    if (answer.status !== 200) return reject("unreachable", `${host} answered ${answer.status}`);
    bytes = await readBytes(answer, LIMITS.lnurl_bytes);
  } catch (error) {
    return reject("unreachable", `${host} could not be asked: ${error instanceof Error ? error.message : "no answer"}`);
  }
  if (isRejection(bytes)) return bytes;
  const parsed = parseStrict(new TextDecoder().decode(bytes));
  if (isRejection(parsed)) return reject("unreachable", `${host} answered no JSON`);
  const { allowsNostr, nostrPubkey } = (parsed.value ?? {}) as Readonly<Record<string, unknown>>;
  if (allowsNostr !== true || !isHex32(nostrPubkey)) return reject("unreachable", `${host} signs no zaps for ${name}`);
  return nostrPubkey;
}

/** The lightning address of a profile (kind 0), or null. */
export function lud16Of(profile: string): string | null {
  const parsed = parseStrict(profile);
  if (isRejection(parsed)) return null;
  const { lud16 } = (parsed.value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof lud16 === "string" ? lud16.trim() : null;
}
