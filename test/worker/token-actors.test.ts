import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { capabilityProjection } from "@oa/shared/capability/views.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { CapabilityScope } from "@oa/shared/generated/types.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { ownerDecides } from "@oa/worker/admin/decide.ts";
import { guardedApp } from "@oa/worker/admin/guard.ts";
import { authorize, tokensPort } from "@oa/worker/admin/tokens.ts";
import { openLeases } from "@oa/worker/engine/leases.ts";
import { contextOf, fakeClock, manifestOf, openRunWorld, random, WORKSPACE } from "../fakes/runs.ts";

const ADMIN = "t".repeat(43);
const FETCH = { id: "look", op: "http.request", method: "GET", url: "https://a.example/" } as const;
const MANIFEST = manifestOf([FETCH], { network: ["a.example"], tools: ["http.request"] });

/** A worker's tokens, runs and leases behind the checks that requests from outside pass. */
function openWorld() {
  const clock = fakeClock();
  const world = openRunWorld({ ops: {}, clock, projections: [capabilityProjection] });
  const { database, store, engine } = world;
  const now_ms = () => clock.now_ms();
  const options = {
    ...{ sql: database, random, now_ms, workspace_id: WORKSPACE, token_key: new Uint8Array(32).fill(9) },
    decide: ownerDecides(database, store, (id) => contextOf(now_ms(), id)),
  };
  const tokens = tokensPort(options);
  const runOf = (id: string) => getRun(database, id) ?? reject("not_found", `there is no run ${id}`);
  const runs: Partial<ControlPorts["runs"]> = {
    start: (install_id, asked) => engine.start(install_id, "manual", asked),
    pause: async (id, reason, by) => (await engine.pause(id, reason, by)) ?? runOf(id),
    resume: async (id, reason, by) => (await engine.resume(id, reason, by)) ?? runOf(id),
    cancel: async (id, reason, by) => (await engine.cancel(id, reason, by)) ?? runOf(id),
  };
  const ports = { tokens, runs, leases: openLeases(world.options) } as unknown as ControlPorts;
  const app = guardedApp(controlApp(ports), {
    ...{ port: () => 6767, token: ADMIN },
    authorize: (...request) => authorize(options, ...request),
  });
  const ask = async (token: string, path: string, body: object = {}) => {
    const headers = { host: "127.0.0.1:6767", authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await app.request(`http://127.0.0.1:6767${path}`, {
      ...{ method: "POST", headers, body: JSON.stringify(body) },
    });
    return (await response.json()) as {
      readonly run_id?: string | null;
      readonly claim_token?: string;
      readonly error?: { readonly code: string; readonly message: string };
    };
  };
  const mint = async (scope: CapabilityScope, principal?: string) => {
    const asked = { label: "test", scope, expires_in_ms: 60_000, ...(principal === undefined ? {} : { principal }) };
    return (await tokens.mint(asked)) as { readonly token: string; readonly capability_id: string };
  };
  const actors = (run_id: string | null | undefined) =>
    store.bySubject(run_id ?? "").map((event) => `${event.event_type} ${event.actor_type} ${event.actor_id}`);
  return { ...world, ask, mint, tokens, actors, install_id: world.install(MANIFEST) };
}
const STARTS = { api: ["run:start", "run:control"], tools: ["http.request"], egress_domains: ["*.example"] };
const CLAIM = { engine_id: `engine_${"0".repeat(26)}` };

describe("what is done with a capability token", () => {
  it("is in the log as its principal's, told apart by the token's id, and never as the owner's", async () => {
    const { ask, mint, actors, install_id, close } = openWorld();
    const { token, capability_id } = await mint(STARTS, "dashboard");
    const { run_id } = await ask(token, "/v1/runs", { install_id });
    for (const act of ["pause", "resume"]) await ask(token, `/v1/runs/${run_id}/${act}`);
    await ask(ADMIN, `/v1/runs/${run_id}/cancel`);
    const by = `service dashboard@${capability_id}`;
    assert.deepEqual(actors(run_id).slice(0, 4), [
      ...[`run.created ${by}`, `run.paused ${by}`, `run.resumed ${by}`, "run.cancel_requested user owner"],
    ]);
    close();
  });

  it("is the token's own where it names no principal, also where a principal is called owner", async () => {
    const { ask, mint, actors, install_id, close } = openWorld();
    const nameless = await mint(STARTS);
    const posing = await mint(STARTS, "owner");
    const { run_id } = await ask(nameless.token, "/v1/runs", { install_id });
    await ask(posing.token, `/v1/runs/${run_id}/pause`);
    assert.deepEqual(actors(run_id), [
      `run.created service ${nameless.capability_id}`,
      `run.paused service owner@${posing.capability_id}`,
    ]);
    close();
  });

  it("is that of the narrower token's id under the principal of the one it was made of", async () => {
    const { ask, mint, tokens, actors, install_id, close } = openWorld();
    const { token } = await mint(STARTS, "dashboard");
    const made = await tokens.delegate({ token, label: "narrow", scope: STARTS, expires_in_ms: 1_000 });
    assert.ok(!isRejection(made));
    const child = made as { readonly token: string; readonly capability_id: string; readonly principal: string };
    assert.equal(child.principal, "dashboard");
    const { run_id } = await ask(child.token, "/v1/runs", { install_id });
    assert.deepEqual(actors(run_id), [`run.created service dashboard@${child.capability_id}`]);
    close();
  });
});

describe("a run that is started with a capability token", () => {
  for (const [what, scope, message] of [
    ["another tool", { ...STARTS, tools: ["fs.read"] }, "the token does not name the tool http.request"],
    ["another host", { ...STARTS, egress_domains: ["a.other"] }, "the token does not name the host a.example"],
    [
      ...(["nothing at all", { api: ["*:*"] }] as const),
      "the token does not name the tool http.request, the host a.example",
    ],
  ] as const) {
    it(`does not start where the token names ${what}`, async () => {
      const { ask, mint, install_id, database, close } = openWorld();
      const { token } = await mint(scope as unknown as CapabilityScope);
      const { error } = await ask(token, "/v1/runs", { install_id });
      assert.deepEqual(error, { code: "capability_scope_not_allowed", message });
      assert.equal(database.all("SELECT run_id FROM proj_runs").length, 0);
      const { run_id } = await ask(ADMIN, "/v1/runs", { install_id });
      assert.ok(run_id, "the owner is held to no token");
      close();
    });
  }

  it("is given to an engine only with a token that names its tools and hosts", async () => {
    const { ask, mint, actors, install_id, database, close } = openWorld();
    const { run_id } = await ask(ADMIN, "/v1/runs", { install_id });
    const manifests = [String(getRun(database, run_id ?? "")?.manifest_sha256)];
    const api = ["run:claim"];
    const narrow = await mint({ api, tools: ["fs.read"], egress_domains: ["*"] });
    assert.deepEqual(await ask(narrow.token, "/v1/runs/claim", { ...CLAIM, manifests }), { run_id: null });
    const wide = await mint({ api, tools: ["*"], egress_domains: ["*"] }, "second");
    const claimed = await ask(wide.token, "/v1/runs/claim", { ...CLAIM, manifests });
    assert.equal(claimed.run_id, run_id);
    assert.equal(actors(run_id).at(-1), `run.claimed service second@${wide.capability_id}`);
    close();
  });

  it("is carried on with the token that claimed it and no other, whoever knows the claim", async () => {
    const { ask, mint, install_id, database, close } = openWorld();
    const { run_id } = await ask(ADMIN, "/v1/runs", { install_id });
    const manifests = [String(getRun(database, run_id ?? "")?.manifest_sha256)];
    const scope = { api: ["run:claim"], tools: ["*"], egress_domains: ["*"] };
    const [first, second] = [await mint(scope, "one"), await mint(scope, "two")];
    const { claim_token } = await ask(first.token, "/v1/runs/claim", { ...CLAIM, manifests });
    const beat = async (token: string) =>
      (await ask(token, `/v1/runs/${run_id}/lease/heartbeat`, { claim_token, lease_ms: 1_000 })).error?.code ?? "held";
    assert.deepEqual([await beat(second.token), await beat(ADMIN)], ["lease_token_mismatch", "lease_token_mismatch"]);
    assert.equal(await beat(first.token), "held");
    close();
  });
});

describe("a capability token is not made", () => {
  for (const [what, scope] of [
    ["where it names nothing", {}],
    ["for a part of the API that is not there", { api: ["run:fly"] }],
    ["for rooms, which there are none of", { api: ["run:read"], rooms: ["*"] }],
    ["for kinds of actions, which no act through a token is held to", { api: ["*:read"], action_types: ["file.read"] }],
    ["for labels of data", { api: ["*:read"], data_access: { read: ["*"] } }],
    ["with tools where it starts no run", { api: ["run:read"], tools: ["*"] }],
    ["with hosts where it starts no run", { api: ["run:read"], egress_domains: ["*"] }],
    ["to start runs without a tool", { api: ["run:start"] }],
  ] as const) {
    it(what, async () => {
      const { mint, tokens, close } = openWorld();
      const made = await mint(scope as unknown as CapabilityScope);
      assert.ok(isRejection(made) && made.code === "capability_scope_idle", JSON.stringify(made));
      assert.deepEqual(tokens.list(), []);
      close();
    });
  }
});
