import assert from "node:assert/strict";
import { test } from "node:test";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { isRejection } from "../core/refusal.ts";
import { checkHttpAuth, type HttpRequestClaim, httpAuthHeader, httpAuthTemplate } from "./27235-http-auth.ts";
import { pureSchnorr } from "./schnorr.ts";

const key = generateSecretKey();
const NOW = 1_700_000_000;
const request: HttpRequestClaim = { url: "https://edge.example/v1/x?after=1", method: "post", body: '{"a":1}' };
const header = (claim = request, at = NOW) =>
  httpAuthHeader(finalizeEvent(httpAuthTemplate(claim, at, String(at)), key));
const code = (value: string | null, claim = request, now = NOW) => {
  const result = checkHttpAuth(value, claim, now, pureSchnorr);
  return isRejection(result) ? result.code : "ok";
};

test("a request signed for its URL, method and body is accepted for 60 s either side", () => {
  assert.equal(code(header()), "ok");
  assert.equal(code(header(request, NOW - 60)), "ok");
  assert.equal(code(header(request, NOW + 60)), "ok");
  const get = { url: request.url, method: "GET" };
  assert.equal(code(header(get), get), "ok");
});

test("a request without the header asks for it", () => {
  assert.equal(code(null), "auth_required");
  assert.equal(code(""), "auth_required");
});

test("a stale or future authorisation is refused", () => {
  assert.equal(code(header(request, NOW - 61)), "auth_stale");
  assert.equal(code(header(request, NOW + 61)), "auth_stale");
});

test("an authorisation for another URL, method or body is refused", () => {
  assert.equal(code(header({ ...request, url: "https://edge.example/v1/x" })), "auth_invalid");
  assert.equal(code(header({ ...request, method: "PUT" })), "auth_invalid");
  assert.equal(code(header({ ...request, body: '{"a":2}' })), "auth_invalid");
});

test("a body without a payload tag is refused", () => {
  assert.equal(code(header({ url: request.url, method: "POST" })), "auth_invalid");
});

test("two URLs in one authorisation are refused", () => {
  const template = httpAuthTemplate(request, NOW, "n");
  template.tags.push(["u", "https://elsewhere.example/"]);
  assert.equal(code(httpAuthHeader(finalizeEvent(template, key))), "auth_invalid");
});

test("an event of another kind, a forged one and noise are refused", () => {
  assert.equal(
    code(httpAuthHeader(finalizeEvent({ ...httpAuthTemplate(request, NOW, "n"), kind: 1 }, key))),
    "auth_invalid",
  );
  const signed = finalizeEvent(httpAuthTemplate(request, NOW, "n"), key);
  assert.equal(code(httpAuthHeader({ ...signed, pubkey: "0".repeat(64) })), "auth_invalid");
  for (const noise of ["Bearer x", "Nostr", "Nostr !!!!", "Nostr bm9uZQ==", `Nostr ${"A".repeat(20_000)}`]) {
    assert.equal(code(noise), "auth_invalid", noise.slice(0, 20));
  }
});
