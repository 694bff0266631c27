import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PolicyZone, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { manifestOf, type Ops, openRunWorld } from "../fakes/runs.ts";

const answer = (url: string, body: string) => {
  return { status: 200, url, headers: {}, body, encoding: "utf8", bytes: body.length } as const;
};

/** Runs a pipeline and gives how it ended, with the requests that were really made. */
async function run(
  pipeline: UpgradeManifest["pipeline"],
  permissions: NonNullable<UpgradeManifest["permissions"]>,
  options: {
    readonly says?: string;
    readonly kill_switch?: boolean;
    readonly title?: string;
    readonly zone?: PolicyZone;
  } = {},
) {
  const made: string[] = [];
  const request = async ({ url, method = "GET" }: { readonly url: string; readonly method?: string }) => {
    made.push(`${method} ${url}`);
    return answer(url, options.says ?? "hello");
  };
  const ops = { "http.request": request, "nostr.publish": async () => made.push("note") } as unknown as Ops;
  const { kill_switch = false, zone = "supervised" } = options;
  const world = openRunWorld({ ops, kill_switch, zone });
  const stop = new AbortController();
  const loop = world.engine.loop(stop.signal);
  try {
    const manifest = manifestOf(pipeline, permissions);
    const install_id = world.install(options.title === undefined ? manifest : { ...manifest, title: options.title });
    const started = await world.engine.start(install_id, "manual");
    if (isRejection(started)) return { status: "refused", code: started.code, made };
    const view = await world.engine.wait(started.run_id, stop.signal);
    const events = world.store.bySubject(started.run_id);
    const failure = events.find(({ event_type }) => event_type === "step.failed")?.data as
      | { code?: string }
      | undefined;
    return { status: view.status, code: failure?.code ?? null, made };
  } finally {
    stop.abort();
    await loop;
    world.close();
  }
}

const hosts = (...network: string[]) => ({ network, tools: ["http.request"] });
const look = { id: "look", op: "http.request", url: "https://a.example/state" } as const;

test("what an install declares writing outside, it writes without being asked", async () => {
  const tell = {
    id: "tell",
    op: "http.request",
    method: "POST",
    url: "https://b.example/x/${steps.look.status}",
  } as const;
  const ended = await run([look, tell], hosts("a.example", "b.example"));
  assert.deepEqual(ended, {
    status: "succeeded",
    code: null,
    made: ["GET https://a.example/state", "POST https://b.example/x/200"],
  });
});

test("a method that is found only during the run counts as what it turns out to be", async () => {
  const ask = { id: "ask", op: "http.request", method: "${steps.look.body}", url: "https://b.example/" } as const;
  const granted = hosts("a.example", "b.example");
  const read = await run([look, ask], granted, { says: "GET" });
  assert.deepEqual([read.status, read.made.at(-1)], ["succeeded", "GET https://b.example/"]);
  const write = await run([look, ask], granted, { says: "DELETE", zone: "sandbox" });
  assert.deepEqual([write.status, write.code, write.made.length], ["failed", "action_zone_mismatch", 0]);
});

test("text that looks like a reference is only text", async () => {
  const tell = {
    id: "tell",
    op: "http.request",
    method: "POST",
    url: "https://b.example/",
    body: "${steps.look.body}",
  } as const;
  const ended = await run([look, tell], hosts("a.example", "b.example"), { says: "${inputs.nothing} ${" });
  assert.equal(ended.status, "succeeded");
});

test("while the kill switch is on, reading goes on and nothing is written outside", async () => {
  const tell = { id: "tell", op: "http.request", method: "POST", url: "https://b.example/" } as const;
  const ended = await run([look, tell], hosts("a.example", "b.example"), { kill_switch: true });
  assert.deepEqual(ended, { status: "failed", code: "kill_switch_active", made: ["GET https://a.example/state"] });
});

test("an install that the policy denies does not run, however it came to be there", async () => {
  const ended = await run([look], hosts("a.example"), { title: "Phishing kit" });
  assert.deepEqual(ended, { status: "refused", code: "policy_denied", made: [] });
});
