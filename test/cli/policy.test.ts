import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { document, oa, type Said } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-policy-"));
after(() => rmSync(folder, { recursive: true }));
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");

interface Decision {
  readonly verdict: string;
  readonly reasons: readonly { readonly code: string; readonly rule: string; readonly message: string }[];
}

function check(value: unknown, env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const file = join(folder, "asked.json");
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  return oa(["policy", "check", file, "--json", "--data", join(folder, "data")], env);
}
async function answer(value: unknown, env: Readonly<Record<string, string>> = {}) {
  const said = await check(value, env);
  const { verdict, reasons } = document(said) as unknown as Decision;
  for (const { message } of reasons) assert.ok(message.length > 0);
  return { code: said.code, verdict, reasons: reasons.map(({ rule, code }) => `${rule}/${code}`) };
}

test("a manifest that nothing is said against is allowed, with exit 0", async () => {
  assert.deepEqual(await answer(readFileSync(example, "utf8")), {
    ...{ code: 0, verdict: "allow" },
    reasons: ["default/default_allow"],
  });
});

test("a manifest for a prohibited use is denied with every reason, and exit 3", async () => {
  const manifest = { ...JSON.parse(readFileSync(example, "utf8")), title: "Phishing kit", tags: ["porn"] };
  assert.deepEqual(await answer(manifest), {
    ...{ code: 3, verdict: "deny" },
    reasons: ["aup/aup_fraud", "aup/aup_explicit_content"],
  });
});

test("a manifest that is not valid, and a file that holds nothing of the kind, are denied", async () => {
  const { verdict, code, reasons } = await answer({ id: "me.x" });
  assert.deepEqual([verdict, code], ["deny", 3]);
  assert.ok(reasons.every((reason) => reason.startsWith("manifest/")));
  for (const odd of [
    "[]",
    "7",
    "{",
    '{"action_type":"rocket.launch"}',
    '{"action":{"action_type":"file.read"},"x":1}',
  ]) {
    const said = await answer(odd);
    assert.deepEqual([said.verdict, said.code], ["deny", 3], odd);
  }
  const { reasons: said } = document(await check({ action_type: "rocket.launch" })) as unknown as Decision;
  assert.match(
    said.map(({ message }) => message).join(" "),
    /action_type must be one of file\.read, .*, not "rocket\.launch"/,
  );
});

const post = { action_type: "api.call.mutating", host: "hooks.example.com", method: "POST" };

test("an action that writes outside requires approval, with exit 3, and with one it is allowed", async () => {
  assert.deepEqual(await answer(post), {
    ...{ code: 3, verdict: "require_approval" },
    reasons: ["external_write/external_write_requires_approval", "zone/action_irreversible_requires_high_stakes"],
  });
  const approvals = [{ approval_id: "appr_1", scope: "once", targets: ["network:egress:hooks.example.com"] }];
  assert.deepEqual(await answer({ action: post, context: { approvals } }), {
    ...{ code: 0, verdict: "allow" },
    reasons: ["external_write/approval_allows_action"],
  });
});

test("the kill switch of the settings holds, whatever the file says", async () => {
  const asked = {
    action: post,
    context: { kill_switch: false, approvals: [{ approval_id: "a", scope: "once", method: "POST" }] },
  };
  const { verdict, reasons } = await answer(asked, { OA_KILL_SWITCH: "1" });
  assert.equal(verdict, "deny");
  assert.ok(reasons.includes("kill_switch/kill_switch_active"));
});

test("a file that is not there fails and still gives one document", async () => {
  const said = await oa(["policy", "check", join(folder, "none.json"), "--json"]);
  assert.equal(said.code, 1);
  assert.equal((document(said) as unknown as Decision).verdict, "deny");
});

test("people read the verdict, the reasons and their codes", async () => {
  const file = join(folder, "action.json");
  writeFileSync(file, JSON.stringify(post));
  const { stdout } = await oa(["policy", "check", file, "--data", join(folder, "data")]);
  assert.match(
    stdout,
    /^require approval\n {2}external_write: .*hooks\.example\.com.*\(external_write_requires_approval\)/,
  );
});

test("explain shows the rules, and of an install what each of its steps would be answered", async () => {
  const data = ["--data", join(folder, "explained"), "--json"];
  const rules = document(await oa(["policy", "explain", ...data])) as { aup: string; rules: { name: string }[] };
  assert.equal(rules.aup, "strict");
  assert.ok(rules.rules.some(({ name }) => name === "kill_switch"));
  const made = join(folder, "hook.json");
  const npub = document(
    await oa(["upgrade", "init", made, "--template", "release-watch", "--id", "me.hook", "--title", "Hook", ...data]),
  );
  const manifest = {
    ...JSON.parse(readFileSync(made, "utf8")),
    inputs: {},
    triggers: [],
    permissions: { network: ["hooks.example.com"], tools: ["http.request"] },
    pipeline: [
      { id: "look", op: "http.request", url: "https://hooks.example.com/state" },
      {
        id: "tell",
        op: "http.request",
        method: "POST",
        url: "https://hooks.example.com/tell",
        body: "${steps.look.body}",
      },
      { id: "follow", op: "http.request", method: "POST", url: "${steps.look.url}" },
    ],
  };
  writeFileSync(made, JSON.stringify(manifest));
  const installed = await oa(["install", made, "--yes", ...data]);
  assert.equal(installed.code, 0, `${installed.stderr}${JSON.stringify(npub)}`);
  const { consent } = document(installed) as { consent: { writes: { step_id: string; approved: boolean }[] } };
  assert.deepEqual(
    consent.writes.map(({ step_id, approved }) => [step_id, approved]),
    [
      ["tell", true],
      ["follow", false],
    ],
  );
  assert.match(installed.stderr, /Step tell \(http\.request POST\) writes to hooks\.example\.com without asking again/);
  const said = await oa(["policy", "explain", "hook", ...data]);
  const { steps } = document(said) as unknown as { steps: { step_id: string; decision: Decision }[] };
  assert.deepEqual(
    steps.map(({ step_id, decision }) => [step_id, decision.verdict]),
    [
      ["look", "allow"],
      ["tell", "allow"],
      ["follow", "require_approval"],
    ],
  );
  assert.deepEqual(
    steps[1]?.decision.reasons.map(({ code }) => code),
    ["approval_allows_action"],
  );
  assert.ok(steps[2]?.decision.reasons.some(({ code }) => code === "external_write_requires_approval"));
});
