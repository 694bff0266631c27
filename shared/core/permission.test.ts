import assert from "node:assert/strict";
import { test } from "node:test";
import {
  escapeGlob,
  expandHome,
  hostOfUrl,
  isGrantableHost,
  leastPermissions,
  normalizePath,
  normalizePermissions,
  parsePermission,
  permissionHash,
  permits,
  unsafePath,
} from "./permission.ts";

test("a manifest's permissions become sorted canonical text", () => {
  assert.deepEqual(
    normalizePermissions({
      filesystem: ["~/a//b/**", { path: "/r/", access: "read" }, { path: "~/w", access: "write" }],
      network: ["GitHub.com", "github.com"],
      tools: ["git.clone"],
      events: [1],
      env: ["HOME"],
      spend: { sats: 50, period: "run" },
      process: true,
    }),
    [
      "env:read:HOME",
      "event:publish:1",
      "filesystem:read:/r",
      "filesystem:read:~/a/b/**",
      "filesystem:write:~/a/b/**",
      "filesystem:write:~/w",
      "network:egress:github.com",
      "process:spawn",
      "tool:invoke:git.clone",
      "wallet:spend:50/run",
    ],
  );
  assert.deepEqual(normalizePermissions({ process: false }), []);
  assert.deepEqual(normalizePermissions(undefined), []);
});

test("a needed path must lie wholly inside one granted glob of the same access", () => {
  const granted = ["filesystem:read:/p/**", "filesystem:write:/p/out/*.md"];
  for (const needed of [
    "filesystem:read:/p",
    "filesystem:read:/p/a/b",
    "filesystem:read:/p/a/**",
    "filesystem:write:/p/out/x.md",
  ]) {
    assert.ok(permits(granted, needed), needed);
  }
  for (const needed of [
    "filesystem:read:/pq",
    "filesystem:read:/**",
    "filesystem:write:/p/a",
    "filesystem:write:/p/out/a/x.md",
    "filesystem:read:/p/../etc",
    "filesystem:delete:/p/a",
    "nonsense",
  ]) {
    assert.ok(!permits(granted, needed), needed);
  }
});

test("hosts are equal, or below a granted wildcard, with the same port", () => {
  const granted = ["network:egress:github.com", "network:egress:*.example.com", "network:egress:localhost:8080"];
  for (const host of ["github.com", "a.example.com", "a.b.example.com", "localhost:8080"]) {
    assert.ok(permits(granted, `network:egress:${host}`), host);
  }
  for (const host of [
    "example.com",
    "evilexample.com",
    "api.github.com",
    "github.com:8443",
    "localhost",
    "github.com.evil.io",
    "a.example.com:81",
  ]) {
    assert.ok(!permits(granted, `network:egress:${host}`), host);
  }
});

test("spending is permitted up to the sum, in the same period only", () => {
  assert.ok(permits(["wallet:spend:50/run"], "wallet:spend:50/run"));
  assert.ok(!permits(["wallet:spend:50/run"], "wallet:spend:51/run"));
  assert.ok(!permits(["wallet:spend:50/run"], "wallet:spend:1/day"));
});

test("other permissions are equal or not given", () => {
  assert.ok(permits(["tool:invoke:fs.read", "process:spawn"], "process:spawn"));
  assert.ok(!permits(["tool:invoke:fs.read"], "tool:invoke:fs.readx"));
  assert.ok(!permits(["event:publish:1"], "event:publish:10"));
  assert.ok(!permits([], "process:spawn"));
  assert.equal(parsePermission("tool:invoke:"), null);
  assert.equal(parsePermission("process:spawn:x"), null);
});

test("the least set leaves out what another entry covers", () => {
  assert.deepEqual(
    leastPermissions([
      "filesystem:read:/p/**",
      "filesystem:read:/p/a/**",
      "filesystem:write:/p/a",
      "network:egress:a.b.c",
      "network:egress:*.b.c",
    ]),
    ["filesystem:read:/p/**", "filesystem:write:/p/a", "network:egress:*.b.c"],
  );
});

test("~ expands to the home folder with its glob characters taken literally", () => {
  assert.deepEqual(expandHome(["filesystem:read:~/a/**", "filesystem:write:~", "network:egress:~"], "/Users/a[1]/"), [
    "filesystem:read:/Users/a\\[1\\]/a/**",
    "filesystem:write:/Users/a\\[1\\]",
    "network:egress:~",
  ]);
  assert.ok(permits(expandHome(["filesystem:read:~/a/**"], "/U/a[1]"), `filesystem:read:${escapeGlob("/U/a[1]/a/x")}`));
  assert.ok(!permits(expandHome(["filesystem:read:~/a/**"], "/U/a[1]"), "filesystem:read:/U/a1/a/x"));
});

test("the permission hash does not depend on order or repetition", () => {
  assert.equal(permissionHash(["b", "a", "b"]), permissionHash(["a", "b"]));
  assert.notEqual(permissionHash(["a"]), permissionHash(["a", "b"]));
  assert.match(permissionHash([]), /^[0-9a-f]{64}$/);
});

test("paths are absolute or below ~/ and never climb", () => {
  for (const path of ["/", "/a/b", "~", "~/a", "~/a..b", "/a/..."]) assert.equal(unsafePath(path), null, path);
  for (const path of [
    "",
    "a",
    "./a",
    "../a",
    "/a/..",
    "~/../x",
    "/a/../b",
    "~bob/x",
    "/a\0b",
    "/a\nb",
    "{..,a}",
    "/x/{a,../b}",
  ]) {
    assert.notEqual(unsafePath(path), null, path);
  }
  assert.equal(normalizePath("/a//b/./c/"), "/a/b/c");
  assert.equal(normalizePath("/"), "/");
});

test("the host of a URL is the one that a request would go to", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["https://GitHub.com/a", "github.com"],
    ["https://github.com:443/", "github.com"],
    ["http://github.com:443/", "github.com:443"],
    ["https://user:pass@evil.com@good.com/", "good.com"],
    ["https://good.com\\@evil.com/", "good.com"],
    ["https://good.com?@evil.com", "good.com"],
    ["https://[::1]:8080/x", "[::1]:8080"],
    ["https://exa mple.com", null],
    ["https://%65xample.com", null],
    ["https://*.example.com/", null],
    ["https:///x", null],
    ["example.com", null],
    ["https://bücher.de/", null],
    ["https://a.com:99999/", null],
  ];
  for (const [url, host] of cases) assert.equal(hostOfUrl(url), host, url);
  for (const host of ["*", "*.", "a..b", "-a.com", "a.com/x", "https://a.com", "a.com:0", "A.com"])
    assert.ok(!isGrantableHost(host), host);
});
