import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { guardedApp } from "./guard.ts";

const TOKEN = "t".repeat(43);
const api = new Hono();
let reached = 0;
api.get("/health", (context) => context.json({ status: "ok" }));
api.post("/v1/runs", (context) => {
  reached += 1;
  return context.json({ run_id: "run_1" }, 202);
});
const app = guardedApp(api, { port: () => 6767, token: TOKEN });

async function ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: string }) {
  const headers = { host: "127.0.0.1:6767", ...init.headers };
  const response = await app.request(`http://127.0.0.1:6767${path}`, { ...init, headers });
  const body = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: body.error?.code, headers: response.headers };
}
const bearer = { authorization: `Bearer ${TOKEN}` };

test("a request with the token and the right host is answered and never cached", async () => {
  const answer = await ask("/v1/runs", { method: "POST", headers: bearer });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
});

test("health needs no token, and still the right host", async () => {
  assert.equal((await ask("/health", {})).status, 200);
  assert.equal((await ask("/health", { headers: { host: "evil.example:6767" } })).code, "host_not_allowed");
});

const attacks: readonly [string, Record<string, string>, string][] = [
  ["a DNS name rebound to this host", { ...bearer, host: "evil.example:6767" }, "host_not_allowed"],
  ["this host at another port", { ...bearer, host: "127.0.0.1:80" }, "host_not_allowed"],
  ["an empty host", { ...bearer, host: "" }, "host_not_allowed"],
  ["another website", { ...bearer, origin: "https://evil.example" }, "origin_not_allowed"],
  [
    "another website with a similar name",
    { ...bearer, origin: "http://127.0.0.1:6767.evil.example" },
    "origin_not_allowed",
  ],
  ["a page in a sandbox", { ...bearer, origin: "null" }, "origin_not_allowed"],
  ["a form of another website", { ...bearer, "sec-fetch-site": "cross-site" }, "origin_not_allowed"],
  ["another port of this host", { ...bearer, "sec-fetch-site": "same-site" }, "origin_not_allowed"],
  ["no token", {}, "token_invalid"],
  ["a wrong token", { authorization: `Bearer ${"x".repeat(43)}` }, "token_invalid"],
  ["a prefix of the token", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, "token_invalid"],
  ["the token as a password", { authorization: `Basic ${TOKEN}` }, "token_invalid"],
  ["a token that is not text", { authorization: "Bearer \u00ff\u00fe" }, "token_invalid"],
];
for (const [what, headers, code] of attacks) {
  test(`${what} is refused before any route`, async () => {
    const before = reached;
    const answer = await ask("/v1/runs", { method: "POST", headers, body: "{}" });
    assert.equal(answer.code, code);
    assert.equal(reached, before);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  });
}

test("a preflight request gets no permission", async () => {
  const answer = await ask("/v1/runs", {
    method: "OPTIONS",
    headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
  });
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
});
