import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownSecrets } from "./known-secrets.ts";
import { redact } from "./secrets.ts";

describe("redaction", () => {
  const key = "0123456789abcdef".repeat(4);
  const known = knownSecrets([{ name: "a key", value: key }]);
  const hidden: readonly [string, string, string][] = [
    ["a token in a known format", `it said ghp_${"a".repeat(36)}.`, `ghp_${"a".repeat(36)}`],
    ["a Nostr secret key", `key nsec1${"q".repeat(58)}`, `nsec1${"q".repeat(58)}`],
    ["a bearer token", "authorization: Bearer abc.def-ghi", "abc.def-ghi"],
    ["a password in an address", "GET https://me:hunter22@host.example/x", "hunter22"],
    ["a value named like a secret", '{"api_key":"swordfish-1"}', "swordfish-1"],
    ["a token in a query", "https://host.example/?a=1&access_token=tok123456&b=2", "tok123456"],
    [
      "a private key",
      `-----BEGIN RSA PRIVATE KEY-----\n${"MIIE".repeat(30)}\n-----END RSA PRIVATE KEY-----`,
      "MIIEMIIE",
    ],
    ["a private key that was cut off", `-----BEGIN PRIVATE KEY-----\n${"MIIE".repeat(3)}`, "MIIEMIIE"],
    ["a known secret, in any case of its letters", `x ${key.toUpperCase()} y`, key.toUpperCase()],
  ];
  for (const [what, text, secret] of hidden) {
    it(`hides ${what} and leaves the rest`, () => {
      const clean = redact(text, known);
      assert.ok(!clean.includes(secret), clean);
      assert.match(clean, /\[redacted\]/);
    });
  }
  it("hides every one of several", () => {
    assert.equal(redact(`${key} and ${key}`, known), "[redacted] and [redacted]");
  });
  const shown = [
    "run run_01JXT21WVGM0ER0FX7C8Y9Q9SB failed (timeout)",
    `manifest ${"ab".repeat(32)} was approved`,
    "the token expired",
    "https://host.example/path?page=2",
    "no secret here: fine",
  ];
  for (const text of shown) it(`leaves as it is: ${text}`, () => assert.equal(redact(text, known), text));
  it("does not take a short string for a secret", () =>
    assert.equal(redact("a b", knownSecrets([{ name: "a letter", value: "a" }])), "a b"));
  it("takes no longer than the text for text that almost matches", () => {
    const started = process.hrtime.bigint();
    redact(`-----BEGIN PRIVATE KEY-----${" ".repeat(50_000)}${"token".repeat(10_000)}${"a://".repeat(10_000)}`);
    assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 2_000);
  });
});
