import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { parseFrame } from "@oa/shared/nostr/frame.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { WebSocket } from "ws";
import { cancellation } from "./canceled.ts";
import { pinnedLookup } from "./http-exchange.ts";
import { ipFamily } from "./ip-address.ts";

/** Signs NIP-42's event for a relay that asks who is there. */
export type SignAuth = (template: {
  readonly kind: 22242;
  readonly created_at: number;
  readonly tags: readonly (readonly string[])[];
  readonly content: "";
}) => NostrEvent;

/** The checked addresses at which a relay may be connected to. A `Fault` where it may not. */
export type RelayAddresses = (url: string, signal: AbortSignal) => Promise<readonly string[]>;

/** What a subscription hears; nothing after `closed`. Events are unverified. */
export interface RelayListener {
  readonly event: (raw: unknown) => void;
  readonly eose: () => void;
  /** The relay ended it, or the connection was lost. */
  readonly closed: (reason: string) => void;
}

/** One open connection to one relay. It ends once; whoever waits on it is told. */
export interface RelayConnection {
  readonly isOpen: () => boolean;
  /** The relay's answer to an event; a lost connection is an answer too. */
  readonly publish: (event: NostrEvent, signal: AbortSignal) => Promise<{ accepted: boolean; message: string }>;
  /** Returns what ends the subscription. */
  readonly request: (filters: readonly WireFilter[], listener: RelayListener) => () => void;
  readonly close: (reason: string) => void;
}

type Answer = { readonly accepted: boolean; readonly message: string };

/** Connects to a relay (NIP-01, NIP-42). Faults: relay_unreachable, canceled. */
export async function connectRelay(
  url: string,
  options: {
    readonly signAuth?: SignAuth | undefined;
    /** The system's own look-up where absent. */
    readonly addresses?: RelayAddresses | undefined;
    readonly signal: AbortSignal;
    readonly timeout_ms: number;
  },
): Promise<RelayConnection> {
  const socket = await openSocket(url, options);
  const answers = new Map<string, (answer: Answer) => void>();
  const subscriptions = new Map<string, { filters: readonly WireFilter[]; listener: RelayListener; authed: boolean }>();
  let ended: string | null = null;
  let challenge: string | null = null;
  let count = 0;

  const send = (frame: readonly unknown[]): void => {
    if (ended === null) socket.send(JSON.stringify(frame));
  };
  const end = (reason: string): void => {
    if (ended !== null) return;
    ended = reason;
    clearInterval(probe);
    socket.close();
    // A relay that does not say goodbye too must not hold the worker's end.
    setTimeout(() => socket.terminate(), LIMITS.relay_close_ms).unref();
    for (const answer of [...answers.values()]) answer({ accepted: false, message: reason });
    for (const [id, { listener }] of [...subscriptions]) {
      subscriptions.delete(id);
      listener.closed(reason);
    }
  };
  // After a machine's sleep a connection can be dead without a sign: after a silence the relay is asked something.
  let silences = 0;
  const probe = setInterval(() => {
    silences += 1;
    if (silences > 2) end("it went silent");
    else if (silences === 2) send(["REQ", "oa-probe", { ids: ["0".repeat(64)], limit: 1 }]);
  }, LIMITS.relay_silence_ms).unref();
  const ask = (verb: "EVENT" | "AUTH", event: NostrEvent, signal: AbortSignal): Promise<Answer> =>
    new Promise((resolve) => {
      const done = (answer: Answer): void => {
        answers.delete(event.id);
        signal.removeEventListener("abort", onAbort);
        resolve(answer);
      };
      const onAbort = (): void => done({ accepted: false, message: cancellation(signal, "publishing").message });
      if (ended !== null) return resolve({ accepted: false, message: ended });
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      answers.set(event.id, done);
      send([verb, event]);
    });
  const authenticate = async (signal: AbortSignal): Promise<boolean> => {
    if (options.signAuth === undefined || challenge === null) return false;
    const tags = [
      ["relay", url],
      ["challenge", challenge],
    ];
    const created_at = Math.floor(Date.now() / 1_000);
    return (await ask("AUTH", options.signAuth({ kind: 22242, created_at, tags, content: "" }), signal)).accepted;
  };
  const closed = async (id: string, reason: string): Promise<void> => {
    const subscription = subscriptions.get(id);
    if (subscription === undefined) return;
    if (reason.startsWith("auth-required:") && !subscription.authed) {
      subscription.authed = true;
      if (await authenticate(AbortSignal.timeout(options.timeout_ms)))
        return send(["REQ", id, ...subscription.filters]);
    }
    subscriptions.delete(id);
    subscription.listener.closed(reason);
  };
  const onFrame = (frame: readonly unknown[]): void => {
    const [verb, id, value, message] = frame;
    if (typeof id !== "string") return;
    if (verb === "EVENT") subscriptions.get(id)?.listener.event(value);
    else if (verb === "EOSE") subscriptions.get(id)?.listener.eose();
    else if (verb === "CLOSED") void closed(id, typeof value === "string" ? value : "");
    else if (verb === "OK") {
      answers.get(id)?.({ accepted: value === true, message: typeof message === "string" ? message : "" });
    } else if (verb === "AUTH") challenge = id;
  };
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return end("it sent a frame that is not text");
    if (data.length > LIMITS.relay_frame_chars) return end(`it sent a frame of ${data.length} characters`);
    const frame = parseFrame(data);
    if (frame === null) return end("it sent a frame that is not a JSON array");
    silences = 0;
    if (frame[0] === "EOSE" && frame[1] === "oa-probe") send(["CLOSE", "oa-probe"]);
    else onFrame(frame);
  };
  socket.onclose = () => end("the connection was lost");
  socket.onerror = () => end("the connection was lost");
  socket.resume();
  return {
    isOpen: () => ended === null,
    close: end,
    publish: async (event, signal) => {
      const first = await ask("EVENT", event, signal);
      if (first.accepted || !first.message.startsWith("auth-required:")) return first;
      return (await authenticate(signal)) ? await ask("EVENT", event, signal) : first;
    },
    request: (filters, listener) => {
      count += 1;
      const id = `oa${count}`;
      if (ended !== null) {
        listener.closed(ended);
        return () => undefined;
      }
      subscriptions.set(id, { filters, listener, authed: false });
      send(["REQ", id, ...filters]);
      return () => {
        if (subscriptions.delete(id)) send(["CLOSE", id]);
      };
    },
  };
}

/** The most that a UTF-16 unit takes on the wire. */
const UTF8_BYTES = 3;
type SocketOptions = Pick<Parameters<typeof connectRelay>[1], "addresses" | "signal" | "timeout_ms">;

async function openSocket(url: string, options: SocketOptions): Promise<WebSocket> {
  const { signal, timeout_ms } = options;
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) {
    throw new Fault("relay_unreachable", `${JSON.stringify(url)} is not a relay's address`);
  }
  if (signal.aborted) throw cancellation(signal, `connecting to ${url}`);
  const addresses = await options.addresses?.(url, signal);
  // Connected to what was checked, whatever the name stands for by then.
  const found = addresses?.map((address) => ({ address, family: ipFamily(address) }));
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      ...(found === undefined ? {} : { lookup: pinnedLookup(found) }),
      maxPayload: LIMITS.relay_frame_chars * UTF8_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    const settle = (fault: Fault | null): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.onopen = socket.onerror = socket.onclose = null;
      if (fault === null) {
        resolve(socket);
        return;
      }
      // Ending one that is still connecting reports an error of its own, which is expected.
      socket.onerror = () => undefined;
      socket.terminate();
      reject(fault);
    };
    const unreachable = (why: string): void =>
      settle(new Fault("relay_unreachable", `${url} ${why}`, { retryable: true }));
    const onAbort = (): void => settle(cancellation(signal, `connecting to ${url}`));
    const timer = setTimeout(() => unreachable(`did not open a connection within ${timeout_ms} ms`), timeout_ms);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.onopen = () => {
      // What the relay says at once waits for who listens to it.
      socket.pause();
      settle(null);
    };
    socket.onerror = () => unreachable("could not be reached");
    socket.onclose = () => unreachable("refused the connection");
  });
}
