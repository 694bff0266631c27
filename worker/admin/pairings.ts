import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, parsePermission } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type PairingCommand, pairingDecider } from "@oa/shared/pairing/decider.ts";
import { invitationLink } from "@oa/shared/pairing/invitation.ts";
import { listPairings, type PairingView, pairingOf } from "@oa/shared/pairing/views.ts";
import type { Decide } from "./decide.ts";

const SECRET_BYTES = 16;

/** Which coordinators may order installs. */
export function pairingsPort(options: {
  readonly sql: Sql;
  readonly decide: Decide;
  readonly now_ms: () => number;
  readonly random: RandomBytes;
  /** This worker's public key, which a coordinator must know. */
  readonly worker: string;
  /** Where it listens, which a coordinator must know too. */
  readonly relays: readonly string[];
  readonly edge_url: string | null;
}): ControlPorts["pairings"] {
  const { sql, decide, now_ms, random, worker, relays, edge_url } = options;
  const view = (id: string): PairingView | undefined =>
    listPairings(sql, LIMITS.api_page).find(({ pairing_id }) => pairing_id === id);
  const change = async (id: string, command: PairingCommand): Promise<PairingView | Rejection> => {
    const done = await decide(pairingDecider, id, command);
    if (isRejection(done)) return done;
    return view(id) ?? reject("not_found", `there is no pairing ${id}`);
  };
  /** As a link for a coordinator to read; null where this worker listens nowhere. The edge serves a coordinator's page. */
  const invitationTo = (secret: string, expires_at_ms: number): string | null => {
    if (relays.length === 0) return null;
    const expires_at = Math.floor(expires_at_ms / 1_000);
    return invitationLink({ worker, secret, relays, edge_url, expires_at }, edge_url && `${edge_url}/install/`);
  };
  return {
    list: () => listPairings(sql, LIMITS.api_page),
    add: async ({ label, ceiling, pubkey, expires_in_ms, results = false }) => {
      const wrong = ceiling.find((permission: Permission) => parsePermission(permission) === null);
      if (wrong !== undefined) {
        return reject("schema_invalid", `"${wrong}" is no permission; one is e.g. network:egress:github.com`);
      }
      const id = newId("pair", now_ms(), random);
      if (pubkey !== undefined) {
        const already_paired = pairingOf(sql, pubkey) !== null;
        const done = await change(id, {
          type: "pair",
          pubkey,
          already_paired,
          ceiling,
          label,
          results,
          now_ms: now_ms(),
        });
        return isRejection(done) ? done : { ...done, worker };
      }
      const secret = Buffer.from(random(SECRET_BYTES)).toString("base64url");
      const expires_at_ms = now_ms() + (expires_in_ms ?? LIMITS.pairing_offer_ms);
      const offer = {
        type: "offer",
        secret_sha256: sha256Hex(secret),
        expires_at_ms,
        ceiling,
        label,
        results,
      } as const;
      const done = await change(id, offer);
      return isRejection(done) ? done : { ...done, worker, secret, invitation: invitationTo(secret, expires_at_ms) };
    },
    confirm: async (id, pubkey) => {
      const claimed = view(id)?.pubkey ?? null;
      const already_paired = claimed !== null && pairingOf(sql, claimed) !== null;
      return change(id, { type: "confirm", pubkey: pubkey ?? null, already_paired });
    },
    share: (id, { capabilities, results }) =>
      change(id, {
        type: "share",
        ...(capabilities === undefined ? {} : { capabilities }),
        ...(results === undefined ? {} : { results }),
      }),
    remove: (id, reason) => change(id, { type: "remove", reason }),
  };
}
