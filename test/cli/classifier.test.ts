import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openFakeModelServer } from "../fakes/openai-server.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-classifier-"));
const relay = await openFakeRelay();
/** The FAKE model objects to texts with this word in them; no rule does. */
const WORD = "heron";
const model = await openFakeModelServer({
  reply: (prompt) => {
    const texts = prompt.slice(prompt.indexOf("Texts:"));
    return texts.includes(WORD) ? '[{"text": 1, "category": "fraud", "why": "it lures"}]' : "[]";
  },
});
const asked = (): number => model.requests.filter(({ path }) => path === "/v1/chat/completions").length;
after(async () => {
  await relay.close();
  await model.close();
  rmSync(folder, { recursive: true });
});
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
const base = JSON.parse(readFileSync(example, "utf8")) as Record<string, unknown>;

const NOBODY = "http://127.0.0.1:9/v1";

/** A data folder whose settings name the model at `base_url`. */
function data(name: string, base_url: string, more: object = {}): Readonly<Record<string, string>> {
  const OA_DATA = join(folder, name);
  mkdirSync(OA_DATA, { recursive: true });
  const backends = { ollama: { base_url, generate_model: "fake-chat" } };
  const config = { aup_classifier: { backend: "ollama" }, backends, ...more };
  writeFileSync(join(OA_DATA, "config.json"), JSON.stringify(config));
  return { OA_DATA };
}
function file(name: string, change: object): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...base, ...change }));
  return path;
}
const fine = file("fine", {});
const lure = file("lure", { summary: `Follows a ${WORD} along the river` });
interface Said {
  readonly error?: { readonly code: string; readonly message: string };
  readonly errors: readonly { readonly code: string; readonly path: string }[];
  readonly reasons: readonly { readonly code: string; readonly rule: string }[];
  readonly obstacles: readonly { readonly subject: string; readonly has: string; readonly fix: string }[];
  readonly verdict: string;
}
async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const streams = await oa([...args, "--json"], env);
  return { code: streams.code, said: document(streams) as unknown as Said };
}
const publish = (path: string, env: Readonly<Record<string, string>>) =>
  run(["upgrade", "publish", path, "--author-from-key", "--relay", relay.url], env);

test("what only the model objects to is refused by validate, check and publish, with no worker anywhere", async () => {
  const env = data("offline", model.base_url);
  const valid = await run(["upgrade", "validate", fine], env);
  assert.deepEqual([valid.code, valid.said.errors], [0, []]);
  const bad = await run(["upgrade", "validate", lure], env);
  assert.deepEqual([bad.code, bad.said.errors.map(({ code }) => code)], [3, ["policy_denied"]]);
  assert.equal((await run(["policy", "check", fine], env)).said.verdict, "allow");
  const checked = await run(["policy", "check", lure], env);
  assert.deepEqual([checked.code, checked.said.verdict], [3, "deny"]);
  assert.deepEqual(
    checked.said.reasons.map(({ rule, code }) => [rule, code]),
    [["aup", "aup_fraud"]],
  );
  const refused = await publish(lure, env);
  assert.deepEqual([refused.code, refused.said.error?.code], [3, "policy_denied"]);
  assert.ok(!relay.frames.some((frame) => JSON.stringify(frame).includes(WORD)), "nothing was sent");
});

test("what an action says is read by the model too", async () => {
  const env = data("action", model.base_url);
  const path = join(folder, "action.json");
  writeFileSync(path, JSON.stringify({ action_type: "model.generate", text: `Describe the ${WORD}` }));
  assert.deepEqual((await run(["policy", "check", path], env)).said.verdict, "deny");
  writeFileSync(path, JSON.stringify({ action_type: "file.read", needs: ["filesystem:read:/a"] }));
  const before = asked();
  assert.deepEqual((await run(["policy", "check", path], env)).said.verdict, "allow");
  assert.equal(asked(), before, "there is nothing to read in it");
});

test("a model that is not there refuses in every mode, and each command says what ends that", async () => {
  const env = data("gone", NOBODY, { aup: "permissive" });
  const valid = await run(["upgrade", "validate", fine], env);
  assert.deepEqual([valid.code, valid.said.errors.map(({ code }) => code)], [3, ["classifier_unavailable"]]);
  const checked = await run(["policy", "check", fine], env);
  assert.deepEqual([checked.said.verdict, checked.said.reasons[0]?.code], ["deny", "aup_unclassified"]);
  const refused = await publish(fine, env);
  assert.deepEqual([refused.code, refused.said.error?.code], [1, "classifier_unavailable"]);
  assert.match(refused.said.error?.message ?? "", /aup_classifier in config.json .* see that it runs, or take/);
});

test("a worker's why-not and check ask the same gate, and its answer is kept across commands", async () => {
  const env = data("worker", model.base_url);
  const no = await run(["why-not", lure], env);
  assert.ok(
    no.said.obstacles.some(({ subject, has }) => subject === "policy" && has === "aup_fraud"),
    JSON.stringify(no.said),
  );
  await run(["why-not", fine], env);
  const before = asked();
  assert.ok(!(await run(["why-not", fine], env)).said.obstacles.some(({ subject }) => subject === "policy"));
  assert.equal((await run(["policy", "check", fine], env)).said.verdict, "allow");
  assert.equal(asked(), before, "its answer was kept, across commands");
  data("worker", NOBODY);
  const silent = (await run(["why-not", fine], env)).said.obstacles.find(({ subject }) => subject === "policy");
  assert.deepEqual([silent?.has, silent?.fix.includes("aup_classifier")], ["aup_unclassified", true]);
});
