import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { globCovers, matchGlob, reachesInto } from "./glob.ts";

test("globs match as they say", () => {
  const table: [glob: string, yes: string[], no: string[]][] = [
    ["/a/b", ["/a/b"], ["/a", "/a/b/c", "/a/bc", "a/b", ""]],
    ["/a/*", ["/a/b", "/a/.b"], ["/a", "/a/", "/a/b/c"]],
    ["/a/*.ts", ["/a/b.ts", "/a/.ts"], ["/a/b/c.ts", "/a/b.tsx"]],
    ["/a/**", ["/a", "/a/b", "/a/b/c", "/a/.git/x"], ["/ab", "/", "/b/a", "/A/b"]],
    ["/a/**/z", ["/a/z", "/a/b/z", "/a/b/c/z"], ["/az", "/a/bz", "/a/z/y"]],
    ["**/x.ts", ["x.ts", "a/x.ts", "/a/b/x.ts"], ["ax.ts", "a/bx.ts"]],
    ["**", ["", "a", "/a/b"], []],
    ["~/Projects/**.swift", ["~/Projects/a.swift", "~/Projects/b/c.swift"], ["~/Projects/a.ts", "~/x/a.swift"]],
    ["/a?c", ["/abc", "/a😀c"], ["/ac", "/a/c", "/abbc"]],
    ["/[ab]x[!0-9]", ["/axz", "/bx-"], ["/cxz", "/ax5", "/ax/", "/ax"]],
    ["/[]a]", ["/]", "/a"], ["/b"]],
    ["/[a", ["/[a"], ["/a"]],
    ["/[^a-c]", ["/d"], ["/a", "//"]],
    ["src/{a,b/{c,d}}.ts", ["src/a.ts", "src/b/c.ts", "src/b/d.ts"], ["src/b.ts", "src/c.ts"]],
    ["{**/,}x", ["x", "a/x"], ["ax"]],
    ["a{,b}c", ["ac", "abc"], ["abbc"]],
    ["a{b}c", ["a{b}c"], ["abc"]],
    ["a{b,c", ["a{b,c"], ["ab"]],
    ["a\\*", ["a*"], ["ab", "a\\*"]],
    ["a.c", ["a.c"], ["abc"]],
    ["node_modules/", ["node_modules"], ["node_modules/x"]],
    ["a/***/b", ["a/b", "a/x/y/b"], ["ab"]],
  ];
  for (const [glob, yes, no] of table) {
    for (const path of yes) assert.ok(matchGlob(glob, path), `${glob} should match ${path}`);
    for (const path of no) assert.ok(!matchGlob(glob, path), `${glob} should not match ${path}`);
  }
});

test("a path that is not in normal form matches nothing", () => {
  for (const path of ["/a/../etc/passwd", "/a/..", "..", "/a/./b", "../a"]) assert.ok(!matchGlob("**", path), path);
  assert.ok(matchGlob("**", "/a/..b/c..d/..."));
});

test("patterns that break backtracking matchers cost no more than others", () => {
  const path = `/${"a".repeat(2_000)}`;
  assert.ok(!matchGlob(`/${"*a".repeat(50)}b`, path));
  assert.ok(!matchGlob(`/${"**/a/".repeat(50)}b`, "/a".repeat(1_000)));
  assert.ok(!matchGlob(`/${"{a,aa}".repeat(200)}b`, path));
  assert.ok(!matchGlob("{".repeat(4_000), path));
  assert.ok(!matchGlob("*".repeat(5_000), "a"), "a pattern over the limit matches nothing");
});

test("a pattern without special characters matches exactly itself", () => {
  const name = fc.string({ unit: fc.constantFrom(..."ab.-_ é/") });
  fc.assert(
    fc.property(name, name, (glob, path) => {
      fc.pre(!/(^|\/)\.\.?(\/|$)/.test(path));
      assert.equal(matchGlob(glob, path), path === glob || `${path}/` === glob);
    }),
  );
});

test("a pattern covers what it contains, and nothing beyond", () => {
  const table: [outer: string, inner: string, covered: boolean][] = [
    ["/a/**", "/a/**", true],
    ["/a/**", "/a", true],
    ["/a/**", "/a/b/**", true],
    ["/a/**", "/a/*/c", true],
    ["/a/**", "/**", false],
    ["/a/**", "/a*/**", false],
    ["/a/**", "/ab", false],
    ["/a/*", "/a/**", false],
    ["/a/**", "/a/{b,../c}/d", false],
    ["/a/**", "/a/../b", false],
    ["/a/**", "/a/..", false],
    ["~/Projects/**", "~/Projects/repo/**", true],
    ["~/Projects/**", "~/Projects2/**", false],
    ["/a/*.{ts,js}", "/a/*.ts", true],
    ["/a/*.ts", "/a/*.{ts,js}", false],
    ["/a/{b,c}/**", "/a/b/x", true],
    ["/a/[a-z]", "/a/[b-d]", true],
    ["/a/[b-d]", "/a/[a-z]", false],
    ["/a/[!x]", "/a/[a-w]", true],
    ["/a/[!x]", "/a/?", false],
    ["/a/?*", "/a/*", true],
    ["**", "/anything/**", true],
    ["/a/**/b", "/a/**/c/b", true],
  ];
  for (const [outer, inner, covered] of table) {
    assert.equal(globCovers(outer, inner), covered, `${outer} ⊇ ${inner}`);
  }
});

test("where a pattern covers another, it matches every path the other matches", () => {
  const piece = fc.constantFrom("a", "b", "/", "*", "**", "**/", "?", "[ab]", "[!a]", "{a,b/}", "/**");
  const glob = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
  const path = fc.string({ unit: fc.constantFrom("a", "b", "/", "c"), maxLength: 6 });
  fc.assert(
    fc.property(glob, glob, fc.array(path, { minLength: 20, maxLength: 20 }), (outer, inner, paths) => {
      assert.ok(globCovers(outer, outer), outer);
      if (globCovers(outer, inner)) {
        for (const path of paths) {
          if (matchGlob(inner, path)) assert.ok(matchGlob(outer, path), `${outer} ${inner} ${path}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a comparison that would take too long says no", () => {
  assert.equal(globCovers(`**a${"?".repeat(4)}`, `**a${"[ab]".repeat(4)}`), true);
  assert.equal(globCovers(`**a${"?".repeat(30)}`, `**a${"[ab]".repeat(30)}`), false);
});

test("a folder is worth looking into where a glob can match below it", () => {
  const table: [glob: string, yes: string[], no: string[]][] = [
    ["/a/*.ts", ["/", "/a"], ["/b", "/a/c", "/ab"]],
    ["/a/**/z", ["/a", "/a/b/c"], ["/ab", "/z"]],
    ["/a/{b,c}/*", ["/a", "/a/b", "/a/c"], ["/a/d", "/a/b/c"]],
    ["/a/**.swift", ["/a", "/a/b"], ["/b"]],
  ];
  for (const [glob, yes, no] of table) {
    for (const folder of yes) assert.ok(reachesInto(glob, folder), `${glob} reaches into ${folder}`);
    for (const folder of no) assert.ok(!reachesInto(glob, folder), `${glob} does not reach into ${folder}`);
  }
  assert.ok(!reachesInto(`/${"a".repeat(5_000)}`, "/"));
});
