import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";

/** One relay's answer to an event. */
export interface RelayAnswer {
  readonly relay: string;
  readonly accepted: boolean;
  readonly message: string;
}

export interface Relay {
  readonly publish: (event: NostrEvent) => Promise<RelayAnswer>;
  /** Until the returned function is called. Resolves once the relay has sent what it had; events are verified. */
  readonly subscribe: (filter: object, on_event: (event: VerifiedEvent) => void) => Subscription;
  readonly close: () => void;
}

export interface Subscription {
  readonly ready: Promise<void>;
  readonly end: () => void;
}

interface Listening {
  readonly filter: object;
  readonly on_event: (event: VerifiedEvent) => void;
  readonly arrived: () => void;
}

const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 60_000] as const;

/**
 * One relay over a WebSocket (NIP-01; NIP-42 where it asks and `signAuth` is given). A connection that is lost while
 * somebody listens is made again, later each time.
 */
export function openRelay(
  url: string,
  signAuth: ((template: EventTemplate) => Promise<NostrEvent>) | null = null,
): Relay {
  const listening = new Map<string, Listening>();
  const waiting = new Map<string, (answer: RelayAnswer) => void>();
  let socket: WebSocket | null = null;
  let opening: Promise<WebSocket> | null = null;
  let [closed, failures, count] = [false, 0, 0];
  let challenge: string | null = null;

  const connect = (): Promise<WebSocket> => {
    if (socket?.readyState === WebSocket.OPEN) return Promise.resolve(socket);
    opening ??= new Promise<WebSocket>((resolve, reject) => {
      const made = new WebSocket(url);
      const late = setTimeout(() => made.close(), LIMITS.relay_connect_ms);
      made.onopen = () => {
        clearTimeout(late);
        [socket, failures] = [made, 0];
        for (const [id, { filter }] of listening) made.send(JSON.stringify(["REQ", id, filter]));
        resolve(made);
      };
      made.onmessage = ({ data }) => void hear(made, String(data)).catch(() => made.close());
      made.onclose = () => {
        clearTimeout(late);
        [socket, opening, challenge] = [null, null, null];
        reject(new Error(`the relay ${url} cannot be reached`));
        for (const answer of waiting.values()) {
          answer({ relay: url, accepted: false, message: "the connection was lost" });
        }
        if (closed || listening.size === 0) return;
        const after_ms = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
        failures += 1;
        setTimeout(() => void (closed ? undefined : connect().catch(() => undefined)), after_ms);
      };
    }).finally(() => {
      opening = null;
    });
    return opening;
  };

  const hear = async (from: WebSocket, text: string): Promise<void> => {
    const frame: unknown = JSON.parse(text);
    if (!Array.isArray(frame)) return;
    const [verb, first, second, third] = frame as readonly unknown[];
    if (verb === "EVENT") {
      const event = verifyEvent(second, pureSchnorr);
      if (!isRejection(event)) listening.get(String(first))?.on_event(event);
    } else if (verb === "EOSE") listening.get(String(first))?.arrived();
    else if (verb === "OK") {
      waiting.get(String(first))?.({ relay: url, accepted: second === true, message: String(third ?? "") });
    } else if (verb === "AUTH") challenge = String(first);
    else if (verb === "CLOSED" && String(second).startsWith("auth-required:") && (await authenticate(from))) {
      const again = listening.get(String(first));
      if (again !== undefined) from.send(JSON.stringify(["REQ", first, again.filter]));
    }
  };
  const authenticate = async (at: WebSocket): Promise<boolean> => {
    if (challenge === null || signAuth === null) return false;
    const tags = [
      ["relay", url],
      ["challenge", challenge],
    ];
    challenge = null; // one answer for each challenge, so that a relay cannot make us sign without end
    const event = await signAuth({
      kind: KINDS.relay_auth.kind,
      created_at: Math.floor(Date.now() / 1_000),
      tags,
      content: "",
    });
    return (await ask(at, "AUTH", event)).accepted;
  };
  const ask = (at: WebSocket, verb: "EVENT" | "AUTH", event: NostrEvent): Promise<RelayAnswer> =>
    new Promise((resolve) => {
      const done = (answer: RelayAnswer): void => {
        clearTimeout(late);
        waiting.delete(event.id);
        resolve(answer);
      };
      const late = setTimeout(
        () => done({ relay: url, accepted: false, message: "it did not answer in time" }),
        LIMITS.publish_timeout_ms,
      );
      waiting.set(event.id, done);
      at.send(JSON.stringify([verb, event]));
    });

  return {
    publish: async (event) => {
      try {
        const at = await connect();
        const answer = await ask(at, "EVENT", event);
        const retried = !answer.accepted && answer.message.startsWith("auth-required:") && (await authenticate(at));
        return retried ? await ask(at, "EVENT", event) : answer;
      } catch (error) {
        return { relay: url, accepted: false, message: error instanceof Error ? error.message : String(error) };
      }
    },
    subscribe: (filter, on_event) => {
      count += 1;
      const id = `oa-${count}`;
      const { promise: ready, resolve: arrived } = Promise.withResolvers<void>();
      listening.set(id, { filter, on_event, arrived });
      const send = (verb: readonly unknown[]): void => {
        if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(verb));
      };
      if (socket?.readyState === WebSocket.OPEN) send(["REQ", id, filter]);
      else connect().catch(() => undefined); // it is tried again
      return {
        ready,
        end: () => {
          listening.delete(id);
          send(["CLOSE", id]);
        },
      };
    },
    close: () => {
      closed = true;
      socket?.close();
    },
  };
}
