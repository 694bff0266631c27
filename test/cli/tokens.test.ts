import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { API_SCOPES, scopesOf } from "@oa/shared/api/scopes.ts";
import { openDistantClient } from "@oa/worker/cli/control-client.ts";
import { document, down, killDaemons, oa, type Running, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-tokens-"));
const data_dir = join(folder, "data");
const env = { HOME: folder, XDG_DATA_HOME: join(folder, "xdg") };
let daemon: Running;
before(async () => {
  daemon = await startOa(["up", "--data", data_dir, "--port", "0"], env);
});
after(async () => {
  await down(daemon);
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

interface Made {
  readonly capability_id: string;
  readonly token: string;
  readonly expires_at_ms: number;
}
async function token(...args: readonly string[]) {
  const said = await oa(["token", ...args, "--data", data_dir, "--json"], env);
  return { said, made: document(said) as unknown as Made & { readonly error?: { readonly code: string } } };
}
async function ask(text: string, path: string, method = "GET", body?: object) {
  const response = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${text}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { readonly error?: { readonly code: string } };
  return [response.status, answer.error?.code ?? null];
}

describe("a capability token", () => {
  it("opens the routes it names, and no others", async () => {
    const { made } = await token("mint", "--label", "dashboard", "--allow", "run:read", "--allow", "policy:read");
    assert.deepEqual(await ask(made.token, "/v1/runs"), [200, null]);
    assert.deepEqual(await ask(made.token, "/v1/policy/evaluate", "POST", { action: { action_type: "file.read" } }), [
      ...[200, null],
    ]);
    const closed = [403, "capability_scope_not_allowed"];
    assert.deepEqual(await ask(made.token, "/v1/installs"), closed);
    assert.deepEqual(await ask(made.token, "/v1/runs", "POST", { install_id: "install_x" }), closed);
  });

  it("never opens what is the owner's own: installing, approving, pairing, secrets, tokens, the kill switch", async () => {
    const { made } = await token("mint", "--allow", "*:*");
    for (const [method, path] of [
      ["POST", "/v1/installs"],
      ["POST", "/v1/approvals/appr_1/decide"],
      ["POST", "/v1/pairings"],
      ["GET", "/v1/pairings"],
      ["GET", "/v1/secrets"],
      ["POST", "/v1/tokens"],
      ["GET", "/v1/tokens"],
      ["POST", "/v1/policy/kill-switch"],
      ["POST", "/v1/policy/installs/install_1"],
      ["GET", "/v1/audit/export"],
    ] as const) {
      const [status, code] = await ask(made.token, path, method, method === "POST" ? {} : undefined);
      assert.deepEqual([status, code], [403, "capability_scope_not_allowed"], `${method} ${path}`);
    }
  });

  it("made narrower opens less, and falls with the one it was made of", async () => {
    const file = join(folder, "parent.token");
    const { made: parent } = await token("mint", "--allow", "*:read", "--out", file);
    assert.equal(parent.token, undefined, "what is in a file is not shown");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { made: child } = await token("delegate", file, "--allow", "run:read", "--hours", "1");
    assert.deepEqual(await ask(child.token, "/v1/runs"), [200, null]);
    assert.deepEqual(await ask(child.token, "/v1/installs"), [403, "capability_scope_not_allowed"]);
    const { made: unnamed } = await token("delegate", file, "--allow", "run:read");
    assert.ok(unnamed.expires_at_ms <= parent.expires_at_ms, "without --hours it ends with the other one");
    const longer = await token("delegate", file, "--allow", "run:read", "--hours", "25");
    assert.deepEqual([longer.said.code, longer.made.error?.code], [3, "capability_widened"]);
    const wider = await token("delegate", file, "--allow", "run:start", "--hours", "1");
    assert.deepEqual([wider.said.code, wider.made.error?.code], [3, "capability_widened"]);
    await token("revoke", parent.capability_id, "--reason", "lost");
    const whole = readFileSync(file, "utf8").trim();
    for (const text of [whole, child.token]) {
      assert.deepEqual(await ask(text, "/v1/runs"), [401, "capability_token_revoked"]);
    }
    const { tokens } = document(await oa(["token", "list", "--data", data_dir, "--json"], env)) as {
      tokens: { capability_id: string; status: string; parent_id: string | null }[];
    };
    const of = (id: string) => tokens.find(({ capability_id }) => capability_id === id);
    assert.equal(of(parent.capability_id)?.status, "revoked");
    assert.equal(of(child.capability_id)?.parent_id, parent.capability_id);
  });

  it("that is revoked while it reads the log, reads no further", async () => {
    const { made } = await token("mint", "--allow", "event:read");
    const headers = { authorization: `Bearer ${made.token}` };
    const stream = await fetch(`${daemon.url}/v1/events`, { headers: { ...headers, accept: "text/event-stream" } });
    const page = await fetch(`${daemon.url}/v1/events?limit=500`, { headers });
    const { next_seq } = (await page.json()) as { readonly next_seq: number };
    const waiting = ask(made.token, `/v1/events?from_seq=${next_seq}&wait_ms=15000`);
    await token("revoke", made.capability_id, "--reason", "stolen the night before");
    const read = await stream.text();
    assert.match(read, /capability\.minted/);
    assert.doesNotMatch(read, /stolen the night before/);
    assert.deepEqual(await waiting, [401, "capability_token_revoked"]);
  });

  it("that was changed, or is of another worker, opens nothing", async () => {
    const { made } = await token("mint", "--allow", "*:read");
    const [prefix, body = "", tail = ""] = made.token.split(".");
    const says = JSON.parse(Buffer.from(body, "base64url").toString());
    says.root.scope.api = ["*:*"];
    const forged = [prefix, Buffer.from(JSON.stringify(says)).toString("base64url"), tail].join(".");
    assert.deepEqual(await ask(forged, "/v1/runs"), [401, "capability_token_invalid"]);
    assert.deepEqual(await ask("oat1.e30.AAAA", "/v1/runs"), [401, "capability_token_malformed"]);
    assert.deepEqual(await ask(`${made.token}x`, "/v1/runs"), [401, "capability_token_malformed"]);
  });

  it("for run:claim lets an engine join, and does nothing else", async () => {
    const file = join(folder, "engine.token");
    await token("mint", "--label", "engine", "--allow", "run:claim", "--tool", "*", "--out", file);
    const client = await openDistantClient(daemon.url, file, AbortSignal.timeout(10_000));
    assert.ok(!("rejected" in client), JSON.stringify(client));
    const claimed = await client.post("/v1/runs/claim", {
      engine_id: `engine_${"0".repeat(26)}`,
      manifests: ["a".repeat(64)],
    });
    assert.deepEqual(claimed, { run_id: null });
    assert.deepEqual(await ask(readFileSync(file, "utf8").trim(), "/v1/runs"), [403, "capability_scope_not_allowed"]);
    const reader = join(folder, "reader.token");
    await token("mint", "--allow", "run:read", "--out", reader);
    assert.ok("rejected" in (await openDistantClient(daemon.url, reader, AbortSignal.timeout(10_000))));
  });

  it("is in no event, no log and no list of the worker", async () => {
    const { made } = await token("mint", "--label", "secret", "--allow", "audit:read");
    const exported = await oa(["audit", "export", "--data", data_dir], env);
    assert.ok(exported.stdout.includes(made.capability_id));
    assert.ok(!exported.stdout.includes(made.token.split(".")[2] ?? made.token));
    const list = await oa(["token", "list", "--data", data_dir, "--json"], env);
    assert.ok(!list.stdout.includes("oat1."));
  });

  it("does not take the place of a file that is there", async () => {
    const file = join(folder, "kept");
    writeFileSync(file, "mine");
    const { said } = await token("mint", "--allow", "run:read", "--out", file);
    assert.equal(said.code, 2);
    assert.equal(readFileSync(file, "utf8"), "mine");
  });
});

it("every scope opens something, and a route that is not listed opens to none", () => {
  assert.ok(API_SCOPES.length > 10);
  for (const path of ["/v1/nothing", "/v1/runs/x/y/z", "/v1/runs/", "//v1/runs", "/v1/runs/claim/x"]) {
    assert.deepEqual(scopesOf("GET", path), [], path);
  }
  assert.deepEqual(scopesOf("DELETE", "/v1/runs"), []);
  assert.deepEqual(scopesOf("HEAD", "/v1/runs"), ["run:read"]);
});
