import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { parseFrame } from "@oa/shared/nostr/frame.ts";

/** One connection to one relay, which is not trusted with anything: time, size or sense. */
export interface UpstreamConnection {
  /** Stored events that the relay says meet the filter, unverified; at most what it was asked for. */
  readonly request: (filter: WireFilter) => Promise<readonly unknown[]>;
  /** Begins a comparison and hands each answer to `step`, which returns what to say next, or null when it is done. */
  readonly compare: (filter: WireFilter, first: string, step: (answer: string) => string | null) => Promise<Comparison>;
  readonly close: () => void;
}

/** How a comparison went: the relay may not know how (`unknown`), or not want to for this filter (`refused`). */
export type Comparison = "done" | "refused" | "unknown";

/** Where connections are made: the runtime's own, or one that reaches public addresses only. */
export type Connect = (url: string, init: RequestInit) => Promise<Response>;

interface Wait {
  readonly verb: string;
  readonly take: (frame: readonly unknown[]) => void;
  readonly fail: (fault: Fault) => void;
}

/**
 * Connects to a relay. A redirect is no answer: its target was not looked at. Faults, here and in all it does:
 * relay_unreachable, relay_refused.
 */
export async function connectUpstream(url: string, connect: Connect, ends_at_ms: number): Promise<UpstreamConnection> {
  const socket = await open(url, connect);
  const waits = new Map<string, Wait>();
  let [chars, count] = [0, 0];
  let ended: Fault | null = null;
  const end = (fault: Fault): void => {
    if (ended !== null) return;
    ended = fault;
    for (const { fail } of [...waits.values()]) fail(fault);
    try {
      socket.close(1000);
    } catch {
      // it is closed already
    }
  };
  const hostile = (why: string): void => end(new Fault("relay_refused", `${url} ${why}`));
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") return hostile("sent a frame that is not text");
    if (data.length > LIMITS.upstream_frame_chars) return hostile(`sent a frame of ${data.length} characters`);
    chars += data.length;
    if (chars > LIMITS.upstream_chars) return hostile(`sent more than ${LIMITS.upstream_chars} characters`);
    const frame = parseFrame(data);
    if (frame === null) return hostile("sent a frame that is not a JSON array");
    if (frame[0] === "NOTICE") {
      // It names nobody: only a comparison that the relay does not know is answered so.
      for (const wait of waits.values()) if (wait.verb === "NEG-OPEN") wait.take(frame);
    } else if (typeof frame[1] === "string") waits.get(frame[1])?.take(frame);
  });
  socket.addEventListener("close", () => end(new Fault("relay_unreachable", `${url} closed the connection`)));
  socket.addEventListener("error", () => end(new Fault("relay_unreachable", `the connection to ${url} was lost`)));

  /** Says something and listens to its answers until `done`; a relay that goes silent, or never ends, is left. */
  const ask = <T>(
    verb: string,
    rest: readonly unknown[],
    silence_ms: number,
    listen: (frame: readonly unknown[], done: (value: T) => void, id: string) => void,
    onSilence: (() => T) | null,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      if (ended !== null) return reject(ended);
      count += 1;
      const id = `oa${count}`;
      let timer: number | null = null;
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        waits.delete(id);
        settle();
      };
      const fail = (fault: Fault): void => finish(() => reject(fault));
      const watch = (): void => {
        clearTimeout(timer);
        const left_ms = Math.min(silence_ms, ends_at_ms - Date.now());
        timer = setTimeout(
          () => {
            if (onSilence !== null && Date.now() < ends_at_ms) finish(() => resolve(onSilence()));
            else fail(new Fault("relay_unreachable", `${url} did not come to an end of its answer`));
          },
          Math.max(0, left_ms),
        );
      };
      waits.set(id, {
        ...{ verb, fail },
        take: (frame) => {
          watch();
          try {
            listen(frame, (value) => finish(() => resolve(value)), id);
          } catch (error) {
            finish(() => reject(error));
          }
        },
      });
      watch();
      socket.send(JSON.stringify([verb, id, ...rest]));
    });

  return {
    request: (filter) => {
      const events: unknown[] = [];
      const most = filter.limit ?? filter.ids?.length ?? LIMITS.upstream_page;
      return ask<readonly unknown[]>(
        "REQ",
        [filter],
        LIMITS.upstream_answer_ms,
        ([verb, , value], done, id) => {
          if (verb === "EVENT") events.push(value);
          else if (verb === "CLOSED") {
            return end(new Fault("relay_refused", `${url} refused: ${String(value).slice(0, 100)}`));
          }
          if (verb !== "EOSE" && events.length < most) return;
          socket.send(JSON.stringify(["CLOSE", id]));
          done(events);
        },
        null,
      );
    },
    compare: (filter, first, step) => {
      let rounds = 0;
      return ask<Comparison>(
        "NEG-OPEN",
        [filter, first],
        LIMITS.upstream_sync_ms,
        ([verb, , value], done, id) => {
          if (verb === "NOTICE" || verb === "CLOSED") return done(rounds === 0 ? "unknown" : "refused");
          if (verb === "NEG-ERR" || typeof value !== "string") return done("refused");
          if (verb !== "NEG-MSG") return;
          rounds += 1;
          const next = rounds > LIMITS.upstream_sync_rounds ? null : step(value);
          socket.send(JSON.stringify(next === null ? ["NEG-CLOSE", id] : ["NEG-MSG", id, next]));
          if (next === null) done("done");
        },
        () => (rounds === 0 ? "unknown" : "refused"),
      );
    },
    close: () => end(new Fault("relay_unreachable", `the connection to ${url} is closed`)),
  };
}

async function open(url: string, connect: Connect): Promise<WebSocket> {
  let response: Response;
  // A signal of its own: one that timed out later would end the open connection.
  const opening = new AbortController();
  const timer = setTimeout(() => opening.abort(new Error("it took too long")), LIMITS.upstream_connect_ms);
  try {
    response = await connect(url.replace(/^ws/, "http"), {
      headers: { Upgrade: "websocket" },
      redirect: "manual",
      signal: opening.signal,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Fault("relay_unreachable", `${url} could not be reached: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (response.webSocket === null) {
    await response.body?.cancel();
    throw new Fault("relay_unreachable", `${url} answered ${response.status} and opened no WebSocket`);
  }
  response.webSocket.accept();
  return response.webSocket;
}
