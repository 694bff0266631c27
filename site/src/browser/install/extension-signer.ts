import { Fault } from "@oa/shared/core/refusal.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { asAsked, type Signer } from "./signer.ts";

/** What a browser extension offers pages (NIP-07). */
interface Extension {
  readonly getPublicKey: () => Promise<unknown>;
  readonly signEvent: (template: object) => Promise<unknown>;
  readonly nip44?: { readonly decrypt: (from: string, payload: string) => Promise<unknown> };
}

/** The extension, if the browser has one. */
export function findExtension(): Extension | null {
  const { nostr } = window as { readonly nostr?: Partial<Extension> };
  return typeof nostr?.getPublicKey === "function" && typeof nostr.signEvent === "function"
    ? (nostr as Extension)
    : null;
}

/** Signs with the key in a browser extension (NIP-07). Faults: signer_refused, signer_answer_wrong. */
export async function extensionSigner(): Promise<Signer> {
  const extension = findExtension();
  if (extension === null) throw new Fault("signer_refused", "this browser has no Nostr extension");
  const { nip44 } = extension;
  if (nip44 === undefined) {
    throw new Fault("signer_refused", "the extension does not offer nip44, with which orders and answers are sealed");
  }
  const public_key = await asked(() => extension.getPublicKey());
  if (!isHex32(public_key)) throw new Fault("signer_answer_wrong", "the extension gave no public key of 64 hex digits");
  return {
    kind: "extension",
    public_key,
    sign: async ({ kind, created_at, tags, content }) => {
      const template = { kind, created_at, tags, content };
      return asAsked(await asked(() => extension.signEvent(structuredClone(template))), template, public_key);
    },
    decrypt: async (from, payload) => {
      const text = await nip44.decrypt(from, payload).catch(() => null); // not for this key, or not allowed to be read
      return typeof text === "string" ? text : null;
    },
    close: () => {},
  };
}

async function asked(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Fault("signer_refused", `the extension refused: ${words.slice(0, 200)}`);
  }
}
