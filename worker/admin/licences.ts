import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { heldReceipt, licenseDecider, licenseSubject } from "@oa/shared/license/decider.ts";
import { readEvidence } from "@oa/shared/license/evidence.ts";
import { refuseInvalid } from "@oa/shared/license/verify.ts";
import { listLicences } from "@oa/shared/license/views.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Config } from "../config.ts";
import type { Decide } from "./decide.ts";
import { checkReceipt } from "./receipts.ts";

/** The licences of this worker, as the control API lists them and takes new ones. */
export function licencesPort(options: {
  readonly sql: Sql;
  readonly decide: Decide;
  readonly schnorr: SchnorrVerify;
  readonly edge: Pick<EdgeClient, "post"> | null;
  readonly config: Pick<Config, "payment_networks">;
  readonly now_ms: () => number;
}): ControlPorts["receipts"] {
  const { sql, decide, schnorr, edge, config } = options;
  const list = () => listLicences(sql, LIMITS.api_page);
  return {
    list,
    add: async ({ bundle, online = false, trusted_edges = [] }, signal) => {
      if (online && edge === null)
        return reject("usage", "no edge is set: set edge_url in config.json (with local_only none is used)");
      const now_ms = options.now_ms();
      const report = await checkReceipt(bundle, {
        ...{ networks: config.payment_networks, trusted_edges, schnorr, signal },
        ...{ edge: online ? edge : null, now_s: Math.floor(now_ms / 1_000) },
      });
      const refused = isRejection(report) ? report : refuseInvalid(report);
      if (refused !== null || isRejection(report)) return refused ?? reject("internal", "the receipt was not checked");
      const { receipt } = readEvidence(bundle, schnorr);
      if (receipt === null || isRejection(receipt)) return receipt ?? reject("receipt_signature", "it is not signed");
      const { payment_hash } = receipt;
      // Valid means that somebody vouched for it: the edge just now, or the edge whose proof came with it.
      const vouched_ms = online ? now_ms : (bundle.proof?.created_at ?? 0) * 1_000;
      const done = await decide(licenseDecider, licenseSubject(payment_hash), {
        ...{ type: "add", receipt: heldReceipt(receipt, now_ms), bundle, report },
        proved_ms: report.verdict === "valid" ? vouched_ms : null,
      });
      if (isRejection(done)) return done;
      const licence = list().find((one) => one.payment_hash === payment_hash);
      return { verdict: report.verdict, licence };
    },
  };
}
