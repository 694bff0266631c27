import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { Connection } from "./connection.ts";
import type { AnswerRoom } from "./fan-out.ts";
import { frames } from "./protocol.ts";
import type { Answer } from "./replies.ts";
import type { ShardTasks } from "./shard-tasks.ts";

/** What handling a client's messages may use. */
export interface SessionContext {
  readonly tasks: ShardTasks;
  readonly room: AnswerRoom;
  readonly schnorr: SchnorrVerify;
  readonly now_ms: number;
  readonly newChallenge: () => string;
  /** All connections of this door. */
  readonly connections: () => Iterable<Connection>;
  /** Whether a client may be sent so many characters more. */
  readonly maySend: (connection: Connection, chars: number) => boolean;
  /** Writes down what of a connection must survive hibernation. `changed`: the subscription that is opened or closed. */
  readonly save: (connection: Connection, changed?: string) => void;
}

/** A refusal's answer; where authenticating helps, after the challenge to answer (NIP-42). */
export function askWho(context: SessionContext, connection: Connection, { code }: Rejection, answer: string): Answer {
  if (code !== "auth_required") return [answer];
  connection.challenge ??= context.newChallenge();
  context.save(connection);
  return [frames.auth(connection.challenge), answer];
}
