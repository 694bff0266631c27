import { bytesToHex } from "@noble/hashes/utils.js";

/** Where randomness comes from: a port, so that `shared/` stays deterministic. */
export type RandomBytes = (count: number) => Uint8Array;

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID with a prefix, e.g. `run_01J…`: 48 bits of Unix milliseconds, 80 random bits; sorts by time. */
export function newId(prefix: string, now_ms: number, random: RandomBytes): string {
  let bits = BigInt(Math.trunc(now_ms));
  for (const byte of random(10)) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let digit = 0; digit < 26; digit += 1) {
    text = CROCKFORD.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return `${prefix}_${text}`;
}

/** A UUIDv7 (RFC 9562): Unix milliseconds, then random bits. */
export function newUuid(now_ms: number, random: RandomBytes): string {
  const bytes = random(16);
  let time = Math.trunc(now_ms);
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
