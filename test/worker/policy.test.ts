import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { loadOrCreateKey } from "../../worker/adapters/keys.ts";
import { readConfig } from "../../worker/config.ts";
import { openWorker, type Worker } from "../../worker/main.ts";
import { openFakeModelServer } from "../fakes/openai-server.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-policy-"));
const workers: Worker[] = [];
after(async () => {
  for (const worker of workers) await worker.close();
  rmSync(folder, { recursive: true });
});
const { signal } = new AbortController();

async function workerWith(name: string, options: Parameters<typeof readConfig>[2] = {}) {
  const data_dir = join(folder, name);
  const author = await loadOrCreateKey(data_dir, "author");
  const worker = await openWorker(await readConfig(data_dir, {}, options));
  workers.push(worker);
  const manifest = (changes: Partial<UpgradeManifest> = {}): UpgradeManifest => ({
    id: "test.policy",
    version: "1.0.0",
    title: "Keep a file",
    author: { npub: hexToNpub(publicKeyOf(author.secret_key)) },
    capabilities: { platforms: ["linux", "macos"], backends: [] },
    schedule: { type: "manual" },
    inputs: { text: { type: "string", default: "hello" } },
    pipeline: [{ op: "fs.write", path: join(folder, "kept.txt"), content: "${inputs.text}" }],
    permissions: { filesystem: [{ path: join(folder, "kept.txt"), access: "write" }], tools: ["fs.write"] },
    ...changes,
  });
  const preview = (given: UpgradeManifest, inputs: Record<string, string> = {}) =>
    worker.ports.installs.preview({ source: { manifest: { ...given } }, inputs }, signal);
  /** Orders it as somebody would who never looked at the preview. */
  const order = (given: UpgradeManifest, inputs: Record<string, string> = {}) => {
    const plan = planOf(given, inputs, { home: "/" });
    assert.ok(!isRejection(plan));
    const accepted = { manifest_sha256: manifestHash(given), permission_hash: permissionHash(plan.permissions) };
    return worker.ports.installs.request({ source: { manifest: { ...given } }, inputs, accepted }, signal);
  };
  const events = () => worker.ports.events.page(0, 500).events.map(({ event_type, data }) => ({ event_type, data }));
  return { worker, manifest, preview, order, events };
}

test("what the policy denies is neither offered nor installed, and the refusal is kept", async () => {
  const { manifest, preview, order, events } = await workerWith("denied");
  const bad = manifest({ title: "Phishing kit" });
  const refused = await preview(bad);
  assert.ok(isRejection(refused) && refused.code === "policy_denied", JSON.stringify(refused));
  assert.deepEqual(
    ((refused.details?.reasons ?? []) as { where: string }[]).map(({ where }) => where),
    ["/title"],
  );
  const answer = await order(bad);
  assert.ok(isRejection(answer) && answer.code === "policy_denied", JSON.stringify(answer));
  const kept = events().filter(({ event_type }) => event_type === "install.refused");
  assert.deepEqual(
    kept.map(({ data }) => (data as { code: string }).code),
    ["policy_denied"],
  );
  assert.ok(!events().some(({ event_type }) => event_type === "install.requested"));
});

test("what an install's own inputs say is judged with the manifest", async () => {
  const { manifest, preview, order } = await workerWith("inputs");
  const harmless = manifest();
  assert.ok(!isRejection(await preview(harmless)));
  const inputs = { text: "Instructions for making explosives" };
  for (const answer of [await preview(harmless, inputs), await order(harmless, inputs)]) {
    assert.ok(isRejection(answer) && answer.code === "policy_denied", JSON.stringify(answer));
  }
});

test("balanced shows what it lets pass, and installs it", async () => {
  const { manifest, preview, order } = await workerWith("balanced", { aup: "balanced" });
  const flagged = manifest({ summary: "Solves captchas for you" });
  const shown = await preview(flagged);
  assert.ok(!isRejection(shown), JSON.stringify(shown));
  assert.equal(shown.policy.verdict, "flag");
  assert.deepEqual(
    shown.policy.reasons.map(({ code, severity, where }) => [code, severity, where]),
    [["aup_prohibited_job_type", "low", "/summary"]],
  );
  const installed = await order(flagged);
  assert.equal((installed as { status?: string }).status, "enabled", JSON.stringify(installed));
  const worse = await preview(manifest({ summary: "Sells stolen credit cards" }));
  assert.ok(isRejection(worse) && worse.code === "policy_denied");
});

test("a model of the owner's is asked before anything is offered, installed, looked at or started", async (context) => {
  let texts = "";
  const server = await openFakeModelServer({
    reply: (prompt) => {
      texts = prompt.slice(prompt.indexOf("Texts:"));
      return texts.includes("heron") ? '[{"text": 1, "category": "fraud", "why": "it lures"}]' : "[]";
    },
  });
  context.after(server.close);
  const { worker, manifest, preview, order } = await workerWith("classifier", {
    backends: { ollama: { base_url: server.base_url, generate_model: "fake-chat" } },
    aup_classifier: { backend: "ollama" },
  });
  const { installs, policy, runs } = worker.ports;
  const asked = () => server.requests.filter(({ path }) => path === "/v1/chat/completions").length;
  const lure = manifest({ summary: "Follows a heron" });
  for (const answer of [await preview(lure), await order(lure)]) {
    assert.ok(isRejection(answer) && answer.code === "policy_denied", JSON.stringify(answer));
  }
  assert.equal(asked(), 1, "its answer about one text is kept");
  const fine = manifest();
  assert.ok(!isRejection(await preview(fine)));
  const installed = await order(fine);
  assert.ok(!isRejection(installed), JSON.stringify(installed));
  const { install_id } = installed as { install_id: string };
  assert.equal((await policy.evaluate({ manifest: { ...lure } }, signal)).verdict, "deny");
  const explained = await policy.explain(install_id, signal);
  assert.ok(!isRejection(explained) && explained.manifest.verdict === "allow");
  const against = await installs.whyNot({ source: { manifest: { ...lure } } }, signal);
  assert.ok(!isRejection(against) && against.obstacles.some(({ has }) => has === "aup_fraud"));
  assert.equal(asked(), 2);
  await server.close();
  const started = await runs.start(install_id, {});
  assert.ok(!isRejection(started), JSON.stringify(started));
  const other = await installs.whyNot({ source: { manifest: { ...manifest({ version: "1.0.1" }) } } }, signal);
  assert.ok(!isRejection(other));
  assert.deepEqual([other.verdict, other.obstacles.map(({ has }) => has)], ["yes", []], "a version says nothing");
  const changed = await order(manifest({ title: "Keep another file" }));
  assert.ok(isRejection(changed) && changed.code === "classifier_unavailable", JSON.stringify(changed));
});
