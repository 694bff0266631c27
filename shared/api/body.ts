import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";

/**
 * The exact bytes of a message's body. A request that is too large is read on for a while, and thrown away:
 * who is answered while still sending may lose the answer with the connection, and the next request on it.
 * Refusal: too_large.
 */
export async function readBytes(message: Request | Response, bytes_max: number): Promise<Uint8Array | Rejection> {
  const tooLarge = (): Rejection => reject("too_large", `the body is larger than ${bytes_max} bytes`);
  const read_max = bytes_max + ("method" in message ? LIMITS.body_drained_bytes : 0);
  if (Number(message.headers.get("content-length") ?? 0) > read_max) return tooLarge();
  if (message.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = message.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > read_max) {
      await reader.cancel();
      return tooLarge();
    }
    if (bytes <= bytes_max) chunks.push(value);
  }
  if (bytes > bytes_max) return tooLarge();
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** A body as text. Refusal: json_invalid. */
export function asText(body: Uint8Array): string | Rejection {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body);
  } catch {
    return reject("json_invalid", "the body is not UTF-8");
  }
}
