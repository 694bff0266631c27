import { LIMITS } from "@oa/shared/core/limits.ts";
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
      const text = await asked(() => nip44.decrypt(from, payload)).catch((error: unknown) => {
        if (error instanceof Fault && error.code === "signer_refused") return null; // not for this key, or not allowed
        throw error;
      });
      return typeof text === "string" ? text : null;
    },
    close: () => {},
  };
}

/** What the extension answers, within the time its owner has to allow it. */
async function asked(ask: () => Promise<unknown>): Promise<unknown> {
  const late = Promise.withResolvers<never>();
  const after_ms = LIMITS.signer_auth_ms;
  const fault = new Fault("timeout", `the extension did not answer within ${after_ms / 1_000} s`);
  const timer = setTimeout(() => late.reject(fault), after_ms);
  try {
    return await Promise.race([ask(), late.promise]);
  } catch (error) {
    if (error === fault) throw fault;
    const words = error instanceof Error ? error.message : String(error);
    throw new Fault("signer_refused", `the extension refused: ${words.slice(0, 200)}`);
  } finally {
    clearTimeout(timer);
  }
}
