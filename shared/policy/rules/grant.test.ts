import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAction } from "../../generated/types.ts";
import type { PolicyContext } from "../rule.ts";
import { grant } from "./grant.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

const read: PolicyAction = { action_type: "file.read", needs: ["filesystem:read:/data/a.txt", "tool:invoke:fs.read"] };

test("each permission that is needed and not granted is its own denial", () => {
  assert.deepEqual(
    grant.judge(read, quiet).map(({ verdict, code, message }) => [verdict, code, message]),
    [
      ["deny", "not_permitted", "filesystem:read:/data/a.txt is not granted"],
      ["deny", "not_permitted", "tool:invoke:fs.read is not granted"],
    ],
  );
});

test("what is granted is no matter", () => {
  const given = { ...quiet, grant: ["filesystem:read:/data/**", "tool:invoke:fs.read"] };
  assert.deepEqual(grant.judge(read, given), []);
  assert.equal(grant.judge({ ...read, needs: ["filesystem:read:/etc/passwd"] }, given).length, 1);
});

test("a host is needed like any permission", () => {
  const call: PolicyAction = { action_type: "api.call.idempotent", host: "API.example.com" };
  assert.deepEqual(grant.judge(call, { ...quiet, grant: ["network:egress:api.example.com"] }), []);
  assert.equal(grant.judge(call, { ...quiet, grant: ["network:egress:other.example"] })[0]?.code, "not_permitted");
});

test("text that is no permission is never granted", () => {
  const odd: PolicyAction = { action_type: "file.read", needs: ["everything"] };
  assert.equal(grant.judge(odd, { ...quiet, grant: ["everything", "filesystem:read:/**"] }).length, 1);
});

test("where grants are not asked about, it is silent", () => {
  assert.deepEqual(grant.judge(read, { ...quiet, grant: null }), []);
});
