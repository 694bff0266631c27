import { LIMITS } from "@oa/shared/core/limits.ts";
import type { CallShard, Outcome, ShardPort } from "./shard-tasks.ts";

/** What is known of one shard. */
interface Line {
  /** Calls through one stub arrive in the order they were made. Null where a new one is due. */
  port: ShardPort | null;
  unanswered: number;
  answered_at_ms: number;
  /** Whether it answered nothing at all for longer than it may. */
  silent: boolean;
}

/**
 * Calls to shards. A call fails when its shard has answered nothing for `relay_silent_ms`; one that is only busy answers
 * others meanwhile, and has `relay_answer_ms`. After a silence the shard gets one call at a time until it answers again,
 * and all others fail at once, so that it does not fill what its caller may have in hand.
 */
export function shardCalls(portOf: (shard: number) => ShardPort): CallShard {
  const lines = new Map<number, Line>();
  const lineTo = (shard: number): Line => {
    const line = lines.get(shard) ?? { port: null, unanswered: 0, answered_at_ms: 0, silent: false };
    lines.set(shard, line);
    return line;
  };
  const attempt = async <T>(
    shard: number,
    line: Line,
    call: (port: ShardPort) => Promise<T>,
    isLast: boolean,
  ): Promise<Outcome<T>> => {
    const silence = untilSilent(line);
    let { port } = line;
    const mayBeStale = port !== null && !isLast;
    line.unanswered += 1;
    try {
      port = line.port ??= portOf(shard);
      const answer = await Promise.race([call(port), silence.over]);
      line.answered_at_ms = Date.now();
      line.silent = false;
      return { answer };
    } catch (error) {
      // A stub that has failed once stays broken; what hangs in one would hold what comes after it.
      if (line.port === port) line.port = null;
      line.silent ||= error instanceof Silence;
      console.error(`shard ${shard} of the relay did not do what it was asked`, error);
      if (!mayBeStale || error instanceof Silence || isOverloaded(error)) return { made: true };
    } finally {
      line.unanswered -= 1;
      silence.stop();
    }
    // The shard has started anew since the stub was made, or just now. To store or to ask again changes nothing.
    return attempt(shard, line, call, true);
  };
  return async (shard, call) => {
    const line = lineTo(shard);
    return line.silent && line.unanswered > 0 ? { made: false } : attempt(shard, line, call, false);
  };
}

/** Cloudflare says so of an object that has more to do than it can: to ask it again would be more of that. */
function isOverloaded(error: unknown): boolean {
  return error instanceof Error && "overloaded" in error && error.overloaded === true;
}

class Silence extends Error {}

/** Rejects when the shard has answered nothing for too long, or not this call; counted from now. */
function untilSilent(line: Line): { readonly over: Promise<never>; readonly stop: () => void } {
  const began_at_ms = Date.now();
  let timer: number | null = null;
  const over = new Promise<never>((_, refuse) => {
    const look = (): void => {
      const now_ms = Date.now();
      const silent_in_ms = Math.max(line.answered_at_ms, began_at_ms) + LIMITS.relay_silent_ms - now_ms;
      const late_in_ms = began_at_ms + LIMITS.relay_answer_ms - now_ms;
      if (silent_in_ms <= 0) refuse(new Silence("it answered nothing in time"));
      else if (late_in_ms <= 0) refuse(new Error("it answered others, and not this in time"));
      else timer = setTimeout(look, Math.min(silent_in_ms, late_in_ms));
    };
    look();
  });
  return { over, stop: () => clearTimeout(timer) };
}
