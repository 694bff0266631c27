import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { Connection } from "./connection.ts";
import { frames } from "./protocol.ts";

/** What one message leads to: frames for its sender, and whether its connection must be saved. */
export interface Outcome {
  readonly replies: readonly string[];
  readonly changed?: true;
}

export interface SessionContext {
  readonly sql: Sql;
  readonly schnorr: SchnorrVerify;
  readonly now_ms: number;
  readonly newChallenge: () => string;
  /** How many comparisons are under way on all connections. */
  readonly openSyncs: () => number;
}

/** A refusal's answer; where authenticating helps, after the challenge to answer (NIP-42). */
export function askWho(context: SessionContext, connection: Connection, { code }: Rejection, answer: string): Outcome {
  if (code !== "auth_required") return { replies: [answer] };
  connection.challenge ??= context.newChallenge();
  return { replies: [frames.auth(connection.challenge), answer], changed: true };
}
