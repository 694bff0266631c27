import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownSecrets } from "./known-secrets.ts";
import { redact, withoutSecrets } from "./secrets.ts";

const VALUE = "S3cr3t/va+lue~with%41=odd\"ch'ars\\u0062&<x>";
const known = knownSecrets([
  { name: "the secret TOKEN", value: VALUE },
  { name: "the secret PIN", value: "short" },
]);
const base64 = (text: string, encoding: "base64" | "base64url" = "base64") => Buffer.from(text).toString(encoding);
const each = (map: (char: string) => string) => [...VALUE].map(map).join("");
const code = (char: string) => char.charCodeAt(0).toString(16).padStart(2, "0");

describe("a secret whose value is known is found", () => {
  const forms: Readonly<Record<string, string>> = {
    "as it is": VALUE,
    "in other letters": VALUE.toUpperCase(),
    "in JSON": JSON.stringify(VALUE).slice(1, -1),
    "in JSON in JSON": JSON.stringify(JSON.stringify(VALUE)).slice(1, -1),
    "in JSON with every character escaped": each((char) => `\\u00${code(char)}`),
    "in JSON with every second character escaped": [...VALUE]
      .map((char, at) => (at % 2 || /["\\]/.test(char) ? `\\u00${code(char).toUpperCase()}` : char))
      .join(""),
    "in JavaScript": each((char) => `\\x${code(char)}`),
    "in an address": encodeURIComponent(VALUE),
    "in a form": new URLSearchParams({ a: VALUE }).toString().slice(2),
    "in an address in an address": encodeURIComponent(encodeURIComponent(VALUE)),
    "percent-encoded throughout": each((char) => `%${code(char)}`),
    "in HTML": VALUE.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
    "cut off near its end": VALUE.slice(0, -5),
    "cut off near its end, in an address": encodeURIComponent(VALUE).slice(0, -12),
    "as HTML numbers": each((char) => `&#${char.charCodeAt(0)};`),
    "in base64": base64(VALUE),
    "in base64url": base64(VALUE, "base64url"),
    "in base64 after one byte": base64(`:${VALUE}`),
    "in base64 after two bytes and before more": base64(`me${VALUE} and more`),
    "in base64 as a password": base64(`owner:${VALUE}`),
    "in base64 broken into lines": base64(`From: me\n${VALUE}\n`).replace(/(.{20})/g, "$1\r\n"),
    "in base64 in an address": encodeURIComponent(base64(VALUE)),
    "in hex": Buffer.from(VALUE).toString("hex"),
    "in hex in capitals": Buffer.from(VALUE).toString("hex").toUpperCase(),
    "broken into lines": VALUE.replace(/(.{7})/g, "$1\n"),
    "broken into lines in JSON": JSON.stringify(VALUE.replace(/(.{7})/g, "$1\r\n")).slice(1, -1),
    "with characters nobody sees": VALUE.replace(/(.{5})/g, "$1\u200b"),
  };
  for (const [what, form] of Object.entries(forms)) {
    it(what, () => {
      const text = `before ${form} after`;
      const [found] = known.find(text);
      assert.ok(found !== undefined, form);
      assert.equal(found.name, "the secret TOKEN");
      const clean = withoutSecrets(text, known);
      assert.match(clean, /^before [^ ]{0,30}\[redacted\][^ ]{0,20} after$/);
      assert.equal(known.find(clean).length, 0);
    });
  }
  it("with spaces in it, also as a form writes them", () => {
    const value = "gate 7 + r0se/x and key";
    const spaced = knownSecrets([{ name: "the secret PHRASE", value }]);
    const form = new URLSearchParams({ a: value }).toString();
    assert.equal(withoutSecrets(form, spaced), "a=[redacted]");
    assert.equal(withoutSecrets(encodeURIComponent(form), spaced), "a%3D[redacted]");
  });
  it("every time it stands there, however", () => {
    const clean = withoutSecrets(`${VALUE} / ${encodeURIComponent(VALUE)} / ${base64(VALUE)}`, known);
    assert.match(clean, /^\[redacted\] \/ \[redacted\] \/ \[redacted\]\S{0,6}$/);
  });
  it("where an escape seems to run into it", () => {
    const x41 = knownSecrets([{ name: "x", value: "41swordfish" }]);
    assert.equal(withoutSecrets("100%41swordfish", x41), "100%[redacted]");
  });
  it("and characters that are longer in lower case do not move the mark", () => {
    assert.equal(withoutSecrets(`İİİ ${VALUE} İ`, known), "İİİ [redacted] İ");
    assert.equal(withoutSecrets(`İ${encodeURIComponent(VALUE)}İ`, known), "İ[redacted]İ");
  });
});

describe("what is no secret is left", () => {
  const texts = [
    "S3cr3t/va+lue is only its beginning",
    JSON.stringify({ a: "\\u0041 100% &amp; \n" }),
    encodeURIComponent("nothing here / at all"),
    base64("nothing to see here, please move along"),
    "a short one is not looked for: short",
    "",
  ];
  for (const text of texts) it(JSON.stringify(text), () => assert.equal(withoutSecrets(text, known), text));
});

it("looking takes time that grows with the text alone", () => {
  const many = knownSecrets(Array.from({ length: 50 }, (_, at) => ({ name: `${at}`, value: `value-number-${at}-x` })));
  const texts = [
    "\\".repeat(200_000),
    "%25".repeat(70_000),
    "&#0".repeat(70_000),
    "\\u00".repeat(50_000),
    " ".repeat(200_000),
  ];
  const started = process.hrtime.bigint();
  for (const text of texts) redact(text, many);
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 20_000);
});
