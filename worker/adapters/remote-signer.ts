import { randomBytes } from "node:crypto";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import {
  type Bunker,
  connectAddress,
  filter,
  fromEvent,
  PERMISSIONS,
  toEvent,
} from "@oa/shared/nostr/remote-signing.ts";
import { checkSigned } from "@oa/shared/nostr/signed.ts";
import { type EventTemplate, signEvent } from "@oa/shared/nostr/template.ts";
import { isHex32, type NostrEvent, type SchnorrVerify, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { cancellation } from "./canceled.ts";
import type { Key } from "./keys.ts";
import type { RelayPool, Subscription } from "./relay-pool.ts";
import type { Signer } from "./signer.ts";

export interface RemoteSignerOptions {
  readonly pool: RelayPool;
  readonly schnorr: SchnorrVerify;
  /** The key that signers know this machine by; it signs nothing but requests to them. */
  readonly client: Key;
  /** Shows a person the web page on which the signer wants to be confirmed. */
  readonly showPage: (url: string) => void;
  readonly signal: AbortSignal;
  /** How long an answer may take; the defaults are in `limits.ts`. */
  readonly answer_ms?: number;
  readonly auth_ms?: number;
}

/**
 * A signer that holds the author's key elsewhere (NIP-46), spoken to through relays. What it signs is held against what
 * was asked. Faults: signer_refused, signer_answer_wrong, timeout, relay_unreachable, relay_refused, canceled.
 */
export async function openRemoteSigner(bunker: Bunker, options: RemoteSignerOptions): Promise<Signer> {
  const conversation = converse(bunker, options);
  try {
    if (bunker.secret !== null) {
      const answer = await conversation.ask("connect", [bunker.signer, bunker.secret, PERMISSIONS]);
      if (answer !== "ack" && answer !== bunker.secret) {
        throw new Fault("signer_answer_wrong", "the signer answered the connection with something else");
      }
    }
    const public_key = await conversation.ask("get_public_key", []);
    if (!isHex32(public_key)) throw new Fault("signer_answer_wrong", "the signer gave no public key of 64 hex digits");
    return {
      public_key,
      sign: async (template) => signedBy(public_key, template, conversation, options),
      close: conversation.close,
    };
  } catch (error) {
    conversation.close();
    throw error;
  }
}

async function signedBy(
  public_key: string,
  template: EventTemplate,
  { ask }: Conversation,
  { schnorr }: RemoteSignerOptions,
): Promise<NostrEvent> {
  const { kind, created_at, tags, content } = template;
  const text = await ask("sign_event", [JSON.stringify({ kind, created_at, tags, content })]);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new Fault("signer_answer_wrong", "the signer gave something that is no event");
  }
  const event = checkSigned(raw, template, public_key, schnorr);
  if (isRejection(event)) throw new Fault(event.code, event.message);
  return event;
}

interface Conversation {
  readonly ask: (method: "connect" | "get_public_key" | "sign_event", params: readonly string[]) => Promise<string>;
  readonly close: () => void;
}

interface Waiting {
  readonly answered: (result: string) => void;
  readonly failed: (fault: Fault) => void;
  readonly deferred: (url: string) => void;
}

/** Requests to one signer, each settled by the answer of the same id. */
function converse({ signer, relays }: Bunker, options: RemoteSignerOptions): Conversation {
  const { pool, client } = options;
  const { secret_key: client_key, public_key } = client;
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const waiting = new Map<string, Waiting>();

  const on_event = (event: VerifiedEvent): void => {
    const answer = fromEvent(event, client_key);
    if (isRejection(answer)) {
      for (const { failed } of waiting.values()) failed(new Fault(answer.code, answer.message));
      return;
    }
    const { id, result, error } = answer;
    const one = waiting.get(id);
    if (result === "auth_url") one?.deferred(error ?? "");
    else if (error != null && error !== "") one?.failed(refused(error));
    else if (typeof result === "string") one?.answered(result);
    else one?.failed(new Fault("signer_answer_wrong", "the signer answered neither with a result nor with an error"));
  };
  const listening = listen(filter(public_key, signer), { relays, on_event }, pool, signal);
  listening.catch(() => undefined); // told to whoever asks

  const ask: Conversation["ask"] = async (method, params) => {
    await listening;
    const id = randomBytes(16).toString("hex");
    const answer = answerTo(id, waiting, options, signal);
    const created_at = Math.floor(Date.now() / 1000);
    const sealed = { signer, client_key, nonce: randomBytes(32), created_at };
    const event = signEvent(toEvent({ id, method, params }, sealed), client_key, randomBytes(32));
    const sent = await pool.publish(event, relays, { timeout_ms: LIMITS.publish_timeout_ms, signal });
    if (!sent.some(({ accepted }) => accepted)) {
      const why = sent.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
      waiting
        .get(id)
        ?.failed(new Fault("relay_unreachable", `the signer cannot be asked: ${why}`, { retryable: true }));
    }
    return answer;
  };
  return { ask, close: () => closing.abort() };
}

/**
 * Resolves once answers are heard: relays do not keep them. A relay answers a connection's requests in order, so that
 * whoever has the answer to a later one is subscribed. Faults: relay_unreachable, canceled.
 */
async function listen(
  answers: ReturnType<typeof filter>,
  { relays, on_event }: Pick<Subscription, "relays" | "on_event">,
  pool: RelayPool,
  signal: AbortSignal,
): Promise<void> {
  pool.subscribe({ relays, filters: [answers], on_event }, signal);
  await pool.query(relays, [{ ...answers, limit: 1 }], { timeout_ms: LIMITS.publish_timeout_ms, signal });
}

/** The answer to one request, within its time; a signer that sends its owner to a web page gets longer. */
function answerTo(
  id: string,
  waiting: Map<string, Waiting>,
  { answer_ms = LIMITS.signer_answer_ms, auth_ms = LIMITS.signer_auth_ms, showPage }: RemoteSignerOptions,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let timer: NodeJS.Timeout;
  const late = (after_ms: number): void => {
    clearTimeout(timer);
    const fault = new Fault("timeout", `the signer did not answer within ${after_ms / 1000} s`, { retryable: true });
    timer = setTimeout(() => reject(fault), after_ms);
  };
  const onAbort = (): void => reject(cancellation(signal, "signing"));
  let shown = false;
  waiting.set(id, {
    answered: resolve,
    failed: reject,
    deferred: (url) => {
      if (shown) return;
      if (!/^https?:\/\/[^\s\p{Cc}]{1,2000}$/u.test(url)) {
        return reject(new Fault("signer_answer_wrong", "the signer wants to be confirmed at what is no web address"));
      }
      shown = true;
      late(auth_ms);
      showPage(url);
    },
  });
  late(answer_ms);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  // Whoever asked may already have failed: nobody else is to be told.
  promise.catch(() => undefined);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    waiting.delete(id);
  });
}

/** The signer's own words, as one short line. */
function refused(words: string): Fault {
  return new Fault("signer_refused", `the signer refused: ${words.replaceAll(/\p{Cc}/gu, " ").slice(0, 300)}`);
}

/**
 * Waits for a signer that its owner points at this client, by an address that `show` gives them (nostrconnect://).
 * Faults: timeout, canceled, relay_unreachable.
 */
export async function awaitSigner(
  relays: readonly string[],
  options: Pick<RemoteSignerOptions, "pool" | "client" | "signal" | "auth_ms"> & {
    readonly show: (address: string) => void;
  },
): Promise<Bunker> {
  const { pool, client, show, auth_ms = LIMITS.signer_auth_ms } = options;
  const secret = randomBytes(16).toString("hex");
  const found = Promise.withResolvers<Bunker>();
  found.promise.catch(() => undefined); // it may fail before it is waited for
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  const on_event = (event: VerifiedEvent): void => {
    const answer = fromEvent(event, client.secret_key);
    // Anybody may write to this key: only one who saw the address knows the secret.
    if (!isRejection(answer) && answer.result === secret) {
      found.resolve({ signer: event.pubkey, relays, secret: null });
    }
  };
  const fault = new Fault("timeout", `no signer connected within ${auth_ms / 1000} s`, { retryable: true });
  const timer = setTimeout(() => found.reject(fault), auth_ms);
  const onAbort = (): void => found.reject(cancellation(signal, "waiting for a signer"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    await listen(filter(client.public_key), { relays, on_event }, pool, signal);
    show(connectAddress({ client: client.public_key, relays, secret, name: "OpenAgents" }));
    return await found.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    done.abort();
  }
}
