import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ApprovalCommand, approvalDecider } from "@oa/shared/approval/decider.ts";
import { satsFreeAt } from "@oa/shared/approval/views.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PolicyAction, QuotasConfig } from "@oa/shared/generated/types.ts";
import { actionOfStep, pinsOf } from "@oa/shared/policy/action.ts";
import { evaluate } from "@oa/shared/policy/evaluate.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { policyPort } from "@oa/worker/admin/policy.ts";
import { quotasOf, SPEND, usesOf } from "@oa/worker/engine/circumstances.ts";
import { openCompliance } from "@oa/worker/engine/compliance.ts";
import { document, oa } from "../cli/oa.ts";
import { contextOf, openRunWorld } from "../fakes/runs.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-spend-"));
after(() => rmSync(folder, { recursive: true }));
const NOW = 1_766_000_000_000;
const HOUR = 3_600_000;
const { signal } = new AbortController();
const MANIFEST = "a".repeat(64);
/** A step's payment as the gate sees it: that its op needs `wallet:spend` is all it takes. */
const pay = (sats: number): PolicyAction =>
  actionOfStep({
    ...{ principal: "1".repeat(64), install_id: "install_1", run_id: "run_1", manifest_sha256: MANIFEST },
    ...{ step_id: "pay", op: "wallet.pay", effect: "external_write", params: { sats }, pattern_sha256: "c".repeat(64) },
    needs: [`wallet:spend:${sats}/run`],
  });

function ledgerWith(context: { after: (done: () => void) => void }, quotas: QuotasConfig = {}) {
  const world = openRunWorld({ ops: {}, quotas });
  context.after(world.close);
  let count = 0;
  /** Records that the owner approved a payment and that it was begun: what a step's start records. */
  const spend = (sats: number, at_ms: number): void => {
    count += 1;
    const action = pay(sats);
    const commands: readonly ApprovalCommand[] = [
      {
        ...({ type: "request", pins: pinsOf(action), summary: "It would pay.", reasons: [] } as const),
        expires_at_ms: at_ms + HOUR,
      },
      {
        ...({ type: "approve", scope: "once", uses_per_day: 1, action_sha256: null } as const),
        ...{ expires_at_ms: at_ms + HOUR, now_ms: at_ms },
      },
      { type: "consume", action, manifest_sha256: MANIFEST, use: `run_${count}/pay`, now_ms: at_ms },
    ];
    for (const command of commands) {
      const done = world.store.handle(contextOf(at_ms), [task(approvalDecider, `appr_${count}`, command)]);
      assert.ok(!isRejection(done), JSON.stringify(done));
    }
  };
  const port = policyPort({
    ...{
      config: { aup: "strict", kill_switch: false, zone: "supervised", quotas },
      compliance: openCompliance("strict"),
    },
    ...{
      store: world.store,
      engine: world.engine,
      sql: world.database,
      kill_switch: world.options.kill_switch,
      home: "/",
      worker: "w",
    },
    ...{ decide: () => assert.fail("nothing is decided"), now_ms: () => NOW },
  });
  const codes = async (sats: number, more: object = {}) =>
    (await port.evaluate({ action: { ...pay(sats), ...more } }, signal)).reasons.map(({ code }) => code);
  const ledger = { database: world.database, config: { quotas }, now_ms: NOW };
  return { world, spend, codes, ledger };
}

test("a step that declares what it spends is a payment, whatever its op is called", () => {
  assert.equal(pay(5).action_type, "payment.execute");
  assert.deepEqual(pinsOf(pay(5)).targets, ["wallet:spend:5/run"]);
});

test("what was spent within a day counts, and the payment that would be too much is denied with the sums", async (context) => {
  const { spend, ledger, codes } = ledgerWith(context, { sats_per_day: 1_000 });
  spend(300, NOW - 25 * HOUR);
  spend(400, NOW - 2 * HOUR);
  spend(100, NOW - HOUR);
  assert.ok(!(await codes(500)).includes("quota_exceeded"));
  assert.ok((await codes(501)).includes("quota_exceeded"));
  const approval = { approval_id: "appr_x", scope: "once", action_type: "payment.execute" } as const;
  const { verdict, reasons } = evaluate(pay(501), {
    ...{ now_ms: NOW, kill_switch: false, aup: "strict", zone: "supervised", grant: ["wallet:spend:600/run"] },
    ...{ approvals: [approval], quotas: quotasOf(ledger, "install_1", usesOf(pay(501))) },
  });
  assert.equal(verdict, "deny", "an approval does not lift a quota");
  assert.deepEqual(
    reasons.filter((reason) => reason.verdict === "deny").map(({ rule, message }) => `${rule}: ${message}`),
    ["quota: sats_per_day: 500 of 1000 are used, and 501 more would be too much"],
  );
});

test("another attempt at the same payment is not counted twice, and another install's are not counted at all", (context) => {
  const { spend, ledger } = ledgerWith(context, { sats_per_day: 1_000 });
  spend(900, NOW - HOUR);
  const spent = (install_id: string, use?: string) =>
    quotasOf(ledger, install_id, usesOf(pay(900)), use).find(({ name }) => name === SPEND.name)?.used;
  assert.deepEqual([spent("install_1"), spent("install_1", "run_1/pay"), spent("install_2")], [900, 0, 0]);
});

test("where nothing is set the default holds, and nought stops every payment", async (context) => {
  const { codes } = ledgerWith(context);
  assert.ok(!(await codes(LIMITS.spend_sats_per_day)).includes("quota_exceeded"));
  assert.ok((await codes(LIMITS.spend_sats_per_day + 1)).includes("quota_exceeded"));
  assert.ok((await ledgerWith(context, { sats_per_day: 0 }).codes(1)).includes("quota_exceeded"));
});

test("what is asked as an action with sats is what a step that needs them is", async (context) => {
  const { spend, codes } = ledgerWith(context, { sats_per_day: 1_000 });
  spend(600, NOW - HOUR);
  assert.ok((await codes(0, { needs: [], sats: 401 })).includes("quota_exceeded"));
  assert.ok(!(await codes(0, { needs: [], sats: 400 })).includes("quota_exceeded"));
  assert.ok(
    (await codes(0, { needs: ["wallet:spend:401/run"], sats: 1 })).includes("quota_exceeded"),
    "no less than its needs",
  );
  assert.ok(!(await codes(0, { needs: [] })).includes("quota_exceeded"));
});

test("there is room again once enough of what was spent is a day old, or never", (context) => {
  const { world, spend } = ledgerWith(context);
  spend(400, NOW - 20 * HOUR);
  spend(500, NOW - 10 * HOUR);
  const freeAt = (amount: number) =>
    satsFreeAt(world.database, "install_1", { limit: 1_000, amount, window_ms: 24 * HOUR, now_ms: NOW });
  assert.deepEqual([freeAt(100), freeAt(101), freeAt(501)], [NOW, NOW + 4 * HOUR, NOW + 14 * HOUR]);
  assert.equal(freeAt(1_001), null);
});

test("a rebuilt ledger is the same", (context) => {
  const { world, spend, ledger } = ledgerWith(context);
  spend(400, NOW - HOUR);
  const before = quotasOf(ledger, "install_1", usesOf(pay(1)));
  world.store.rebuild();
  assert.deepEqual(quotasOf(ledger, "install_1", usesOf(pay(1))), before);
});

test("oa policy check counts an action's sats, with a worker and without one", async () => {
  const { mkdirSync, writeFileSync } = await import("node:fs");
  const OA_DATA = join(folder, "data");
  mkdirSync(OA_DATA);
  writeFileSync(join(OA_DATA, "config.json"), JSON.stringify({ quotas: { sats_per_day: 1_000 } }));
  const path = join(folder, "pay.json");
  writeFileSync(path, JSON.stringify({ action_type: "payment.execute", sats: 1_001 }));
  const check = async () => {
    const { reasons } = document(await oa(["policy", "check", path, "--json"], { OA_DATA })) as {
      reasons: { code: string; message: string }[];
    };
    return reasons.filter(({ code }) => code === "quota_exceeded").map(({ message }) => message);
  };
  const said = ["sats_per_day: 0 of 1000 are used, and 1001 more would be too much"];
  assert.deepEqual(await check(), said);
  openSqlite(join(OA_DATA, "worker.sqlite")).close();
  assert.deepEqual(await check(), said);
});
