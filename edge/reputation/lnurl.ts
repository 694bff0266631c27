import { readBytes } from "@oa/shared/api/body.ts";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { payServer } from "@oa/shared/core/lnurl.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";

/**
 * The key that signs zap receipts for a profile's `lud16` or `lud06`: `nostrPubkey` of its LNURL server (NIP-57). Only
 * public host names are asked, over HTTPS; `local_hosts` names exact host:port pairs that may be asked over HTTP.
 * Refusals: usage, unreachable, too_large.
 */
export async function zapProviderOf(address: string, local_hosts: readonly string[]): Promise<string | Rejection> {
  const server = payServer(address);
  if (isRejection(server)) return server;
  const { host, path } = server;
  const local = local_hosts.includes(host);
  if (!local && !/^([A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}$/.test(host)) {
    return reject("usage", `${host} is not a public host name`);
  }
  const url = `${local ? "http" : "https"}://${host}${path}`;
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
  if (allowsNostr !== true || !isHex32(nostrPubkey))
    return reject("unreachable", `${host} signs no zaps for ${address.slice(0, 100)}`);
  return nostrPubkey;
}

/** What a profile (kind 0) says of where it is paid: its `lud16`, else its `lud06`; null where it has neither. */
export function payAddressOf(profile: string): string | null {
  const parsed = parseStrict(profile);
  if (isRejection(parsed)) return null;
  const { lud16, lud06 } = (parsed.value ?? {}) as Readonly<Record<string, unknown>>;
  const given = [lud16, lud06].find((one) => typeof one === "string" && one.trim() !== "");
  return typeof given === "string" ? given.trim() : null;
}
