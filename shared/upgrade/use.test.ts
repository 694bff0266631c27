import assert from "node:assert/strict";
import { test } from "node:test";
import { performedNeeds, permissionUse, plannedNeeds, refuseRevoked } from "./use.ts";

const HOME = "/home/me";
const get = (url: string, result: object = {}) => ({ op: "http.request", params: { url }, result: { ...result } });
const READ = "filesystem:read:/home/me/notes/**";

test("a permission that no step needed in any run is unused, and one that any run needed is not", () => {
  const grant = [READ, "network:egress:api.example", "network:egress:old.example", "tool:invoke:http.request"];
  const runs = [[get("https://api.example/a")], [get("https://api.example/b")]];
  const use = permissionUse(grant, runs, HOME);
  assert.deepEqual(use.unused, [READ, "network:egress:old.example"]);
  assert.deepEqual(
    use.used.map(({ permission, runs: count }) => [permission, count]),
    [
      ["network:egress:api.example", 2],
      ["tool:invoke:http.request", 2],
    ],
  );
});

test("a host that an answer was redirected to is used", () => {
  const grant = ["network:egress:api.example", "network:egress:cdn.example"];
  const use = permissionUse(grant, [[get("https://api.example/a", { url: "https://cdn.example/x" })]], HOME);
  assert.deepEqual(use.unused, []);
});

test("a file below a granted folder uses it, and a searched folder uses what lies in it", () => {
  const read = { op: "fs.read", params: { path: "~/notes/a.txt" }, result: {} };
  assert.deepEqual(permissionUse([READ], [[read]], HOME).unused, []);
  const index = { op: "searchkit.index", params: { path: "~/notes", index: "n" }, result: {} };
  assert.deepEqual(permissionUse(["filesystem:read:/home/me/notes/work/**"], [[index]], HOME).unused, []);
  assert.deepEqual(permissionUse(["filesystem:read:/home/me/mail/**"], [[index]], HOME).unused.length, 1);
});

test("a run whose values were deleted is no evidence", () => {
  const use = permissionUse([READ], [null, null], HOME);
  assert.deepEqual([use.runs, use.unused], [0, [READ]]);
});

test("what is taken away is refused by name, with the way to give it back", () => {
  const revoked = [{ permission: "filesystem:read:~/notes/**", granted: READ }];
  const held = { grant: ["tool:invoke:fs.read"], revoked, install_id: "install_1" };
  const refused = refuseRevoked(performedNeeds({ op: "fs.read", params: { path: "~/notes/a" } }, HOME), held);
  assert.equal(refused?.code, "permission_revoked");
  assert.match(refused?.message ?? "", /oa installs narrow install_1 --restore 'filesystem:read:~\/notes\/\*\*'/);
});

test("what is granted, or was never asked for, is not called taken away", () => {
  const needs = performedNeeds({ op: "fs.read", params: { path: "~/notes/a" } }, HOME);
  const revoked = [{ permission: "network:egress:a.example", granted: "network:egress:a.example" }];
  assert.equal(refuseRevoked(needs, { grant: [READ, "tool:invoke:fs.read"], revoked, install_id: null }), null);
  assert.equal(refuseRevoked(needs, { grant: [], revoked, install_id: null }), null);
});

test("what a step needs is known before it runs only as far as it hangs on nothing that a run finds out", () => {
  const step = { op: "http.request", params: { url: "${steps.find.url}" } };
  assert.deepEqual(plannedNeeds(step, HOME), ["tool:invoke:http.request"]);
  // A value that looks like a reference is text.
  assert.deepEqual(performedNeeds({ op: "fs.read", params: { path: "/data/${x}" } }, HOME).length, 2);
});
