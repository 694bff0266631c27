import type { Actor } from "@oa/shared/api/actor.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { refuseIdleScope, scopesOf } from "@oa/shared/api/scopes.ts";
import { capabilityDecider } from "@oa/shared/capability/decider.ts";
import { allows } from "@oa/shared/capability/scope.ts";
import { type Capability, delegateToken, mintToken, verifyToken } from "@oa/shared/capability/token.ts";
import { getCapability, listCapabilities, standingOf } from "@oa/shared/capability/views.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { Decide } from "./decide.ts";

export interface TokensOptions {
  readonly sql: Sql;
  readonly decide: Decide;
  readonly random: RandomBytes;
  readonly now_ms: () => number;
  /** This workspace, and its secret key for tokens. */
  readonly workspace_id: string;
  readonly token_key: Uint8Array;
}

const NONCE_BYTES = 16;

/** Capability tokens: made, made narrower, listed and taken back. */
export function tokensPort(options: TokensOptions): ControlPorts["tokens"] {
  const { sql, decide, random, now_ms, workspace_id, token_key } = options;
  const shown = (id: string, token?: string): object | Rejection => {
    const view = getCapability(sql, id);
    if (view === null) return reject("not_found", `there is no token ${id}`);
    return token === undefined ? view : { ...view, token };
  };
  const endOf = (expires_in_ms: number): number => Math.floor((now_ms() + expires_in_ms) / 1_000);
  return {
    list: () => listCapabilities(sql, LIMITS.api_page),
    mint: async ({ label, principal, scope, expires_in_ms }) => {
      const idle = refuseIdleScope(scope);
      if (idle !== null) return idle;
      const expires_at = endOf(expires_in_ms);
      const nonce = Buffer.from(random(NONCE_BYTES)).toString("hex");
      const whose = principal === undefined ? {} : { principal };
      const { token, id } = mintToken({ workspace_id, nonce, ...whose, scope, expires_at }, token_key);
      const record = { label, principal: principal ?? null, scope, expires_at_ms: expires_at * 1_000 };
      const done = await decide(capabilityDecider, id, { type: "mint", ...record });
      return isRejection(done) ? done : shown(id, token);
    },
    delegate: async ({ token, label, scope, expires_in_ms }) => {
      const parent = standing(options, token);
      if (isRejection(parent)) return parent;
      const expires_at = endOf(expires_in_ms);
      const made = delegateToken(token, { scope, expires_at });
      if (isRejection(made)) return made;
      const idle = refuseIdleScope(scope);
      if (idle !== null) return idle;
      const parent_id = parent.ids.at(-1) ?? parent.ids[0];
      const { principal, depth } = parent;
      const record = { parent_id, principal, depth: depth + 1, label, scope, expires_at_ms: expires_at * 1_000 };
      const done = await decide(capabilityDecider, made.id, { type: "delegate", ...record });
      return isRejection(done) ? done : shown(made.id, made.token);
    },
    revoke: async (id, reason) => {
      if (!/^cap_[0-9a-f]{32}$/.test(id)) return reject("not_found", `${id} is not the id of a token`);
      const done = await decide(capabilityDecider, id, { type: "revoke", reason });
      return isRejection(done) ? done : shown(id);
    },
  };
}

/** The token as it counts now. Refusals: those of `verifyToken`, capability_token_revoked, capability_token_not_found. */
function standing(
  { sql, now_ms, workspace_id, token_key }: Pick<TokensOptions, "sql" | "now_ms" | "workspace_id" | "token_key">,
  token: string,
): Capability | Rejection {
  const capability = verifyToken(token, { key: token_key, workspace_id, now_s: Math.floor(now_ms() / 1_000) });
  if (isRejection(capability)) return capability;
  switch (standingOf(sql, capability.ids)) {
    case "revoked":
      return reject("capability_token_revoked", "the token, or one that it was made of, was revoked");
    case "unknown":
      return reject("capability_token_not_found", "the token was not made here, as far as the log goes");
    case "known":
      return capability;
  }
}

/**
 * Who acts with a capability token, where it opens a route of the control API: its principal, told apart from all
 * others by the token's own id. Refusals: those of `verifyToken`, capability_token_revoked, capability_token_not_found,
 * capability_scope_not_allowed.
 */
export function authorize(
  options: Pick<TokensOptions, "sql" | "now_ms" | "workspace_id" | "token_key">,
  token: string,
  method: string,
  path: string,
): Actor | Rejection {
  const capability = standing(options, token);
  if (isRejection(capability)) return capability;
  const scopes = scopesOf(method, path);
  const { scope: held, ids, principal } = capability;
  if (scopes.some((scope) => allows(held, "api", scope))) {
    const id = ids.at(-1) ?? ids[0];
    return { actor_type: "service", actor_id: principal === null ? id : `${principal}@${id}`, scope: held };
  }
  const wanted = scopes.length === 0 ? "the admin token" : scopes.join(" or ");
  return reject("capability_scope_not_allowed", `${method} ${path} needs ${wanted}, which the token does not give`);
}
