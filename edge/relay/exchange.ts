import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { Connection } from "./connection.ts";
import type { AnswerRoom } from "./fan-out.ts";
import { frames } from "./protocol.ts";
import type { Answer } from "./replies.ts";
import type { ShardTasks } from "./shard-tasks.ts";
import type { LiveEvent } from "./subscription.ts";

/** What handling a client's messages may use. */
export interface SessionContext {
  readonly tasks: ShardTasks;
  readonly room: AnswerRoom;
  readonly schnorr: SchnorrVerify;
  readonly now_ms: number;
  readonly newChallenge: () => string;
  /** How many comparisons are under way on all connections. */
  readonly openSyncs: () => number;
  /** Writes down what of a connection must survive hibernation. */
  readonly save: (connection: Connection) => void;
  /** What a client of this door has just published, for the others here. */
  readonly tell: (live: LiveEvent) => void;
}

/** A refusal's answer; where authenticating helps, after the challenge to answer (NIP-42). */
export function askWho(context: SessionContext, connection: Connection, { code }: Rejection, answer: string): Answer {
  if (code !== "auth_required") return [answer];
  connection.challenge ??= context.newChallenge();
  context.save(connection);
  return [frames.auth(connection.challenge), answer];
}
