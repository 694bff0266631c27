import assert from "node:assert/strict";
import { parseCron } from "@oa/shared/core/cron.ts";
import { globCovers, matchGlob } from "@oa/shared/core/glob.ts";
import { hostOfUrl, isGrantableHost, parsePermission, permits, unsafePath } from "@oa/shared/core/permission.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { findSecrets, redact } from "@oa/shared/core/secrets.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import { parseTemplate } from "@oa/shared/core/wiring.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { matchesFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import { assessManifest } from "@oa/shared/policy/aup/assess.ts";
import { plain } from "@oa/worker/cli/terminal.ts";
import { manifestOf } from "../fakes/runs.ts";
import { attackClass } from "./attack.ts";

/** Generous: what a slow machine under load takes for linear work; what backtracks takes hours. */
const MOST_MS = 5_000;
const bounded = (body: () => unknown): void => {
  const started = performance.now();
  body();
  const took = performance.now() - started;
  assert.ok(took < MOST_MS, `took ${Math.round(took)} ms`);
};
const shown = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text);

const GLOBS: readonly (readonly [string, string])[] = [
  ["*".repeat(4_000), `${"a".repeat(4_000)}/`],
  ["*a".repeat(2_000), "a".repeat(4_000)],
  ["**/".repeat(1_300), `${"a/".repeat(1_300)}b`],
  ["**/a".repeat(800), `/${"a/".repeat(2_000)}b`],
  [`${"{a,aa}".repeat(500)}b`, "a".repeat(1_000)],
  [`${"{a,{a,{a,a}}}".repeat(200)}b`, "a".repeat(1_000)],
  [`${"{".repeat(2_000)}a`, "a"],
  [`${"[a-z]*".repeat(600)}!`, "a".repeat(4_000)],
  [`${"?*".repeat(2_000)}`, "a".repeat(100_000)],
  [`${"[!".repeat(1_000)}]`, "a"],
  ["\\".repeat(4_000), "\\".repeat(4_000)],
  ["*".repeat(100_000), "a"],
  ["/**/*.{js,ts,md}", `/${"a/".repeat(50_000)}b.txt`],
];
const TEXTS: readonly string[] = [
  "a".repeat(100_000),
  "0".repeat(100_000),
  " ".repeat(100_000),
  "-".repeat(100_000),
  ".".repeat(100_000),
  "1.".repeat(50_000),
  "1.0.0-".repeat(20_000),
  "1.0.0-a".concat(".0".repeat(50_000)),
  "* ".repeat(50_000),
  "1,".repeat(50_000),
  "1-".repeat(50_000),
  "*/".repeat(50_000),
  "${".repeat(50_000),
  "$".repeat(100_000),
  "$${".repeat(30_000),
  "${a".repeat(30_000),
  "${steps.".repeat(12_000),
  "${steps.a.b}".repeat(8_000),
  "://".repeat(30_000),
  "a@".repeat(50_000),
  "[::".repeat(30_000),
  "../".repeat(30_000),
  "{,".repeat(50_000),
  "\u0301".repeat(100_000),
  "\ud83d\ude00".repeat(50_000),
  "aA".repeat(50_000),
  "x".repeat(50_000).concat("\n".repeat(50_000)),
  "bearer ".repeat(15_000),
  "password=".repeat(11_000),
  "-----BEGIN PRIVATE KEY-----".repeat(4_000),
  "\\u00".repeat(25_000),
  "%25".repeat(33_000),
];
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  "a cron expression": (text) => parseCron(text),
  "a version": (text) => parseSemver(text),
  "a template": (text) => parseTemplate(text),
  "a permission": (text) => [
    parsePermission(text),
    parsePermission(`network:egress:${text}`),
    permits([`filesystem:read:${text}`], `filesystem:read:${text}x`),
  ],
  "a path": (text) => unsafePath(text),
  "a host": (text) => [isGrantableHost(text), hostOfUrl(text), hostOfUrl(`https://${text}`)],
  "a manifest": (text) =>
    validators.isUpgradeManifest({
      ...manifestOf([{ op: text, path: text }]),
      id: text,
      version: text,
      homepage: `https://${text}`,
    }),
  "a manifest's texts": (text) =>
    assessManifest(
      { ...manifestOf([{ op: "fs.read", path: "~/a" }]), title: text.slice(0, 120), summary: text.slice(0, 10_000) },
      { mode: "strict" },
    ),
  "text that may hold a secret": (text) => findSecrets(text),
  "text for the log": (text) => redact(text),
  "text for a terminal": (text) => plain(text),
  "a search in a filter": (text) => parseFilter({ search: text }),
  "tags in a filter": (text) => parseFilter({ "#t": [text], authors: [text], ids: [text] }),
};

attackClass("expressions that take for ever", ({ harmless, works }) => {
  for (const [glob, path] of GLOBS) {
    harmless(`the glob ${shown(glob)}`, () => bounded(() => matchGlob(glob, path)));
    harmless(`comparing the glob ${shown(glob)}`, () => {
      bounded(() => [
        globCovers(glob, `${glob}b`),
        globCovers(`${glob}b`, glob),
        globCovers("**", glob),
        globCovers(glob, "**"),
      ]);
      bounded(() => permits([`filesystem:read:${glob}`], `filesystem:read:/x${glob}`));
    });
  }
  for (const [what, read] of Object.entries(READERS)) {
    for (const text of TEXTS) {
      harmless(`${what}: ${shown(text)}`, () => bounded(() => [read(text), read(`${text}!`), read(`!${text}`)]));
    }
  }
  harmless("a filter that asks for many words of a long event", () => {
    const filter = parseFilter({ search: "a b c d e f g h i j k l m n o p q r s t u v w x y z".repeat(4) });
    assert.ok(!isRejection(filter));
    const event = {
      id: "",
      pubkey: "",
      created_at: 0,
      kind: 1,
      tags: Array(2_000).fill(["t", "ab"]),
      content: "ab ".repeat(40_000),
      sig: "",
    };
    bounded(() => matchesFilter(filter, event as never));
  });

  works("globs, filters, versions, times and templates as they are meant to be", () => {
    assert.equal(matchGlob("/src/**/*.{ts,md}", "/src/a/b/c.ts"), true);
    assert.equal(globCovers("/src/**", "/src/*/a"), true);
    const filter = parseFilter({ search: "hello", "#t": ["a"] });
    assert.ok(!isRejection(filter));
    assert.ok(!isRejection(parseCron("*/15 9-17 * * 1-5")));
    const [old, now] = [parseSemver("1.0.0-rc.1"), parseSemver("1.0.0")];
    assert.ok(!isRejection(old) && !isRejection(now) && compareSemver(old, now) < 0);
    assert.deepEqual(parseTemplate("a ${run.id}"), ["a ", { root: "run", field: "id" }]);
  });
});
