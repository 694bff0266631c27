import { decode, npubEncode } from "nostr-tools/nip19";

/** The hex public key of an npub, or null where it is not one (NIP-19: bech32 with a checksum). */
export function npubToHex(npub: string): string | null {
  try {
    const decoded = decode(npub);
    return decoded.type === "npub" ? decoded.data : null;
  } catch {
    return null; // a failed checksum is an answer here
  }
}

/** The npub of a hex public key (NIP-19). */
export function hexToNpub(public_key: string): string {
  return npubEncode(public_key);
}
