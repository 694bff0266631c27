import { bytesToHex } from "@noble/hashes/utils.js";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import {
  type Bunker,
  COORDINATOR_PERMISSIONS,
  connectAddress,
  filter,
  fromEvent,
  type SigningRequest,
  toEvent,
} from "@oa/shared/nostr/remote-signing.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { nowSeconds, random } from "./random.ts";
import { openRelay, type Relay } from "./relay.ts";
import { asAsked, type Signer } from "./signer.ts";

interface Waiting {
  readonly answered: (result: string) => void;
  readonly failed: (fault: Fault) => void;
  readonly deferred: (url: string) => void;
}

interface Conversation {
  readonly ask: (method: SigningRequest["method"], params: readonly string[]) => Promise<string>;
  readonly close: () => void;
}

/**
 * A signer elsewhere (NIP-46) over its relays. `client_key` is what it knows this page by. `showPage` is given the web
 * address on which a signer wants its owner to confirm. Faults: signer_refused, signer_answer_wrong, timeout,
 * relay_unreachable.
 */
export async function remoteSigner(
  bunker: Bunker,
  client_key: Uint8Array,
  showPage: (url: string) => void,
): Promise<Signer> {
  const { ask, close } = converse(bunker, client_key, showPage);
  try {
    if (bunker.secret !== null) {
      const answer = await ask("connect", [bunker.signer, bunker.secret, COORDINATOR_PERMISSIONS]);
      if (answer !== "ack" && answer !== bunker.secret) {
        throw new Fault("signer_answer_wrong", "the signer answered the connection with something else");
      }
    }
    const public_key = await ask("get_public_key", []);
    if (!isHex32(public_key)) throw new Fault("signer_answer_wrong", "the signer gave no public key of 64 hex digits");
    return {
      kind: "remote",
      public_key,
      sign: async ({ kind, created_at, tags, content }) => {
        const template = { kind, created_at, tags, content };
        return asAsked(parsed(await ask("sign_event", [JSON.stringify(template)])), template, public_key);
      },
      decrypt: (from, payload) =>
        ask("nip44_decrypt", [from, payload]).catch((error: unknown) => {
          if (error instanceof Fault && error.code === "signer_refused") return null; // not for this key
          throw error;
        }),
      close: () => {
        close();
        client_key.fill(0);
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Waits for a signer that its owner points at this page with the address that `show` gives them (nostrconnect://). */
export async function awaitSigner(
  relays: readonly string[],
  client_key: Uint8Array,
  show: (address: string) => void,
): Promise<Bunker> {
  const client = publicKeyOf(client_key);
  const secret = bytesToHex(random(16));
  const found = Promise.withResolvers<Bunker>();
  const open = relays.map((url) => openRelay(url, as(client_key)));
  const hear = (event: VerifiedEvent): void => {
    const answer = fromEvent(event, client_key);
    // Anybody may write to this key: only one who saw the address knows the secret.
    if (!isRejection(answer) && answer.result === secret) {
      found.resolve({ signer: event.pubkey, relays, secret: null });
    }
  };
  const late = setTimeout(
    () => found.reject(new Fault("timeout", "no signer connected in time")),
    LIMITS.signer_auth_ms,
  );
  try {
    await Promise.any(open.map((relay) => relay.subscribe(filter(client), hear).ready));
    show(connectAddress({ client, relays, secret, name: "OpenAgents", permissions: COORDINATOR_PERMISSIONS }));
    return await found.promise;
  } finally {
    clearTimeout(late);
    for (const relay of open) relay.close();
  }
}

/** Relays tell sealed events to their recipient alone (NIP-42): here that is the key the signer knows this page by. */
function as(client_key: Uint8Array): Parameters<typeof openRelay>[1] {
  return async (template) => signEvent(template, client_key, random(32));
}

/** Requests to one signer, each settled by the answer of the same id. */
function converse({ signer, relays }: Bunker, client_key: Uint8Array, showPage: (url: string) => void): Conversation {
  const open: readonly Relay[] = relays.map((url) => openRelay(url, as(client_key)));
  const waiting = new Map<string, Waiting>();
  const hear = (event: VerifiedEvent): void => {
    const answer = fromEvent(event, client_key);
    if (isRejection(answer)) return; // anybody may write to this key
    const { id, result, error } = answer;
    const one = waiting.get(id);
    if (result === "auth_url") one?.deferred(error ?? "");
    else if (error != null && error !== "") {
      one?.failed(
        new Fault("signer_refused", `the signer refused: ${error.replaceAll(/\p{Cc}/gu, " ").slice(0, 300)}`),
      );
    } else if (typeof result === "string") one?.answered(result);
  };
  const client = publicKeyOf(client_key);
  const listening = Promise.any(open.map((relay) => relay.subscribe(filter(client, signer), hear).ready));
  const reached = Promise.race([
    listening,
    new Promise<never>((_, reject) =>
      setTimeout(
        () => reject(new Fault("relay_unreachable", "none of the signer's relays can be reached")),
        LIMITS.relay_connect_ms,
      ),
    ),
  ]);
  reached.catch(() => undefined); // told to whoever asks

  const ask: Conversation["ask"] = async (method, params) => {
    await reached;
    const id = bytesToHex(random(16));
    const answer = answerTo(id, waiting, showPage);
    const options = { signer, client_key, nonce: random(32), created_at: nowSeconds() };
    const event = signEvent(toEvent({ id, method, params }, options), client_key, random(32));
    const sent = await Promise.all(open.map((relay) => relay.publish(event)));
    if (!sent.some(({ accepted }) => accepted)) {
      const why = sent.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
      waiting.get(id)?.failed(new Fault("relay_unreachable", `the signer cannot be asked: ${why}`));
    }
    return answer;
  };
  return {
    ask,
    close: () => {
      for (const relay of open) relay.close();
    },
  };
}

/** The answer to one request, within its time; a signer that sends its owner to a web page gets longer. */
function answerTo(id: string, waiting: Map<string, Waiting>, showPage: (url: string) => void): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let timer = 0;
  const late = (after_ms: number): void => {
    clearTimeout(timer);
    const fault = new Fault("timeout", `the signer did not answer within ${after_ms / 1_000} s`);
    timer = setTimeout(() => reject(fault), after_ms);
  };
  late(LIMITS.signer_answer_ms);
  waiting.set(id, {
    answered: resolve,
    failed: reject,
    deferred: (url) => {
      if (!/^https:\/\/[^\s\p{Cc}]{1,2000}$/u.test(url)) {
        reject(new Fault("signer_answer_wrong", "the signer wants to be confirmed at what is no web address"));
        return;
      }
      late(LIMITS.signer_auth_ms);
      showPage(url);
    },
  });
  promise.catch(() => undefined); // whoever asked may have failed already
  return promise.finally(() => {
    clearTimeout(timer);
    waiting.delete(id);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault("signer_answer_wrong", "the signer gave something that is no event");
  }
}
