import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { heldReceipt, licenseDecider, licenseSubject } from "@oa/shared/license/decider.ts";
import { readEvidence } from "@oa/shared/license/evidence.ts";
import { refuseInvalid } from "@oa/shared/license/verify.ts";
import { listLicences } from "@oa/shared/license/views.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import { pairingOf } from "@oa/shared/pairing/views.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Signer } from "../adapters/signer.ts";
import type { Config } from "../config.ts";
import type { Decide } from "./decide.ts";
import { checkReceipt, refuseInTheClear } from "./receipts.ts";
import { requestSigner } from "./request-signer.ts";

/** The licences of this worker, as the control API lists them and takes new ones. */
export function licencesPort(options: {
  readonly sql: Sql;
  readonly decide: Decide;
  readonly schnorr: SchnorrVerify;
  readonly edge: Pick<EdgeClient, "post"> | null;
  readonly config: Pick<Config, "payment_networks" | "edge_url">;
  /** This worker's key in hex. */
  readonly worker: string;
  /** The keys of this machine that a receipt can be made out to: a payment is claimed by its buyer alone. */
  readonly buyers: readonly Pick<Signer, "public_key" | "sign">[];
  readonly random: RandomBytes;
  readonly now_ms: () => number;
}): ControlPorts["receipts"] {
  const { sql, decide, schnorr, edge, config, buyers, random } = options;
  const list = () => listLicences(sql, LIMITS.api_page);
  return {
    list,
    add: async ({ bundle, online = false, trusted_edges = [] }, signal) => {
      if (online) {
        const { edge_url } = config;
        const none = reject("usage", "no edge is set: set edge_url in config.json (with local_only none is used)");
        const refused = edge === null || edge_url === null ? none : refuseInTheClear(edge_url);
        if (refused !== null) return refused;
      }
      const now_ms = options.now_ms();
      const { receipt } = readEvidence(bundle, schnorr);
      const readable = receipt === null || isRejection(receipt) ? null : receipt;
      const signer = buyers.find(({ public_key }) => public_key === readable?.buyer);
      const report = await checkReceipt(bundle, {
        ...{ networks: config.payment_networks, trusted_edges, schnorr, signal },
        ...{ edge: online ? edge : null, now_s: Math.floor(now_ms / 1_000) },
        claim: signer === undefined ? null : requestSigner({ signer, random, now_ms: options.now_ms }),
      });
      if (isRejection(report)) return report;
      if (readable === null) return refuseInvalid(report) ?? reject("receipt_signature", "it is not signed");
      const subject = licenseSubject(readable.payment_hash);
      const taken_back = report.checks.find(({ code, ok }) => code === "receipt_withdrawal" && ok === false);
      if (taken_back !== undefined) {
        const { event_id: receipt_event_id } = readable;
        const reason = taken_back.message.slice(0, 1_000);
        const done = await decide(licenseDecider, subject, { type: "withdraw", receipt_event_id, reason, now_ms });
        if (isRejection(done)) return done;
      }
      // Valid means that somebody vouched for it: the edge just now, or the edge whose proof came with it.
      const vouched_ms = online ? now_ms : (bundle.proof?.created_at ?? 0) * 1_000;
      const done = await decide(licenseDecider, subject, {
        ...{ type: "add", receipt: heldReceipt(readable, now_ms), bundle, report },
        proved_ms: report.verdict === "valid" ? vouched_ms : null,
      });
      if (isRejection(done)) return done;
      const licence = list().find((one) => one.payment_hash === readable.payment_hash);
      const open = report.checks.flatMap(({ ok, message }) => (ok === null ? [message] : []));
      const ours = readable.buyer === options.worker || pairingOf(sql, readable.buyer) !== null;
      return { verdict: report.verdict, open, ours, licence };
    },
  };
}
