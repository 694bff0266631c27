import { once } from "node:events";
import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44";
import { toBunkerURL } from "nostr-tools/nip46";
import { type EventTemplate, finalizeEvent, getPublicKey, type NostrEvent } from "nostr-tools/pure";

/** What a request to it held. */
export interface Asked {
  readonly id: string;
  readonly method: string;
  readonly params: readonly string[];
  readonly client: string;
}

/**
 * A FAKE remote signer for tests: it speaks NIP-46 (kind 24133, NIP-44) through a real relay, has the author's key in
 * memory, agrees to everything, and misbehaves on request.
 */
export interface FakeSigner {
  /** `bunker://…` with the secret of its first connection. */
  readonly url: string;
  readonly public_key: string;
  readonly asked: Asked[];
  /** Connects to a client that shows a nostrconnect:// address, as its owner would make it do. */
  readonly connectTo: (address: string) => void;
  /** Sends a client any message, as if it had been asked. */
  readonly say: (client: string, message: object) => void;
  readonly close: () => void;
}

export interface FakeSignerOptions {
  readonly author_key: Uint8Array;
  /** Its own key, by which it is reached; not the author's. */
  readonly signer_key: Uint8Array;
  /** What it answers: null nothing, an error, or the result; by default what NIP-46 asks for. */
  readonly answer?: (asked: Asked) => { readonly result?: string; readonly error?: string } | null | undefined;
  /** What it signs in place of what it was asked to. */
  readonly tamper?: (template: EventTemplate) => EventTemplate;
  /** Sends its owner to this page first, and goes on once they have been there. */
  readonly auth_url?: string;
  /** Something that is no NIP-44 payload goes out before every answer. */
  readonly noise?: boolean;
}

const SECRET = "first-time-only";

export async function openFakeSigner(relay: string, options: FakeSignerOptions): Promise<FakeSigner> {
  const { author_key, signer_key } = options;
  const signer = getPublicKey(signer_key);
  const asked: Asked[] = [];
  const socket = new WebSocket(relay);
  await once(socket, "open");
  const send = (client: string, content: string): void => {
    const event = { kind: 24133, created_at: Math.floor(Date.now() / 1000), tags: [["p", client]], content };
    socket.send(JSON.stringify(["EVENT", finalizeEvent(event, signer_key)]));
  };
  const answer = (client: string, message: object): void => {
    if (options.noise === true) send(client, "not for anybody");
    send(client, encrypt(JSON.stringify(message), getConversationKey(signer_key, client)));
  };
  const resultOf = ({ method, params }: Asked): string => {
    if (method === "connect") return "ack";
    if (method === "get_public_key") return getPublicKey(author_key);
    if (method === "nip44_decrypt") {
      return decrypt(params[1] ?? "", getConversationKey(author_key, params[0] ?? ""));
    }
    if (method !== "sign_event") throw new Error(`this fake knows no ${method}`);
    const { kind, created_at, tags, content } = JSON.parse(params[0] ?? "") as EventTemplate;
    const template = { kind, created_at, tags, content };
    return JSON.stringify(finalizeEvent(options.tamper?.(template) ?? template, author_key));
  };
  socket.addEventListener("message", ({ data }) => {
    const [verb, , event] = JSON.parse(String(data)) as [string, string, NostrEvent];
    if (verb !== "EVENT" || event.kind !== 24133) return;
    const text = decrypt(event.content, getConversationKey(signer_key, event.pubkey));
    const request = { ...(JSON.parse(text) as Omit<Asked, "client">), client: event.pubkey };
    asked.push(request);
    const { id } = request;
    if (options.auth_url !== undefined) answer(event.pubkey, { id, result: "auth_url", error: options.auth_url });
    const special = options.answer?.(request);
    if (special !== null) answer(event.pubkey, { id, ...(special ?? { result: resultOf(request) }) });
  });
  socket.send(JSON.stringify(["REQ", "requests", { kinds: [24133], "#p": [signer] }]));
  const url = toBunkerURL({ pubkey: signer, relays: [relay], secret: SECRET });
  return {
    ...{ url, public_key: getPublicKey(author_key), asked },
    connectTo: (address) => {
      const { host, searchParams } = new URL(address);
      answer(host, { id: "connection", result: searchParams.get("secret") });
    },
    say: answer,
    close: () => socket.close(),
  };
}
