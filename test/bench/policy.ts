import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { actionHash, actionOfStep, approvalOf, pinsOf, type StepAction } from "@oa/shared/policy/action.ts";
import { assessTexts } from "@oa/shared/policy/aup/assess.ts";
import { evaluate } from "@oa/shared/policy/evaluate.ts";
import type { PolicyContext } from "@oa/shared/policy/rule.ts";
import { median } from "./figures/median.ts";
import type { Bench } from "./run.ts";

const ROUNDS = 3;
const VECTORS = join(import.meta.dirname, "..", "vectors", "aup");

const step: StepAction = {
  ...{ principal: "a".repeat(64), install_id: "install_1", run_id: "run_1", manifest_sha256: "b".repeat(64) },
  ...{ step_id: "tell", op: "http.request", effect: "external_write", pattern_sha256: "c".repeat(64) },
  params: { url: "https://hooks.example.com/x", method: "POST", body: { text: "hello", ids: [1, 2, 3] } },
  needs: ["network:egress:hooks.example.com", "tool:invoke:http.request"],
};
const whole = actionOfStep(step);
const { params: _, ...action } = { ...whole, action_sha256: actionHash(whole) };
const context: PolicyContext = {
  ...{ now_ms: 1, kill_switch: false, aup: "strict", zone: "supervised", quarantine: null },
  grant: step.needs,
  approvals: [approvalOf("appr_1", "template", pinsOf(whole), 10_000_000)],
  quotas: [{ name: "external_writes_per_hour", used: 1, amount: 1, limit: 120 }],
};

const rate = (count: number, body: (turn: number) => void): number => {
  const started = performance.now();
  for (let turn = 0; turn < count; turn += 1) body(turn);
  return count / ((performance.now() - started) / 1_000);
};

export async function bench(): Promise<Bench> {
  let kept: unknown = null;
  const bareCall = (value: object): object => ({ verdict: "allow", value });
  const [bare, hash, decide, judged]: [number[], number[], number[], number[]] = [[], [], [], []];
  if (evaluate(action, context).verdict !== "allow") throw new Error("what is timed must be allowed");
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(rate(2_000_000, () => (kept = bareCall(action))));
    hash.push(rate(20_000, () => (kept = sha256Hex(canonicalize(whole)))));
    decide.push(rate(50_000, () => (kept = evaluate(action, context))));
    judged.push(
      rate(20_000, () => {
        const { params: __, ...rest } = actionOfStep(step);
        kept = evaluate({ ...rest, action_sha256: actionHash(whole) }, context);
      }),
    );
  }
  const texts = readdirSync(VECTORS).map(
    (file) => JSON.parse(readFileSync(join(VECTORS, file), "utf8")) as Partial<Record<"caught" | "innocent", string[]>>,
  );
  const [caught, innocent] = [texts.flatMap((one) => one.caught ?? []), texts.flatMap((one) => one.innocent ?? [])];
  const denied = (text: string): boolean => assessTexts([{ where: "/title", text }], "strict").verdict === "deny";
  const all = [...caught, ...innocent];
  const scans: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    scans.push(rate(all.length * 3, (turn) => (kept = denied(all[turn % all.length] ?? ""))));
  }
  if (kept === null) throw new Error("nothing was done");
  const bytes = all.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / all.length;
  const found = caught.filter(denied).length;
  const alarms = innocent.filter(denied).length;
  return {
    name: `policy: an approved write to the outside, all rules speaking (median of ${ROUNDS})`,
    figures: {
      "a bare function call, calls/s": median(bare),
      "RFC 8785 and SHA-256 of the same action, hashes/s": median(hash),
      "policy decisions/s": median(decide),
      "policy decisions with the action's own hash/s": median(judged),
      "decisions per hash of the same action": median(decide.map((value, at) => value / (hash[at] ?? 1))),
      "prohibited use: texts scanned/s": median(scans),
      "prohibited use: bytes of a text, on average": bytes,
      "prohibited use: caught of what must be": `${found} of ${caught.length}`,
      "prohibited use: false alarms of what must not be": `${alarms} of ${innocent.length}`,
    },
  };
}
