import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isRejection } from "../core/refusal.ts";
import type { CapabilityDelegation, CapabilityRoot, CapabilityScope } from "../generated/types.ts";
import { allows, beyond, DIMENSIONS } from "./scope.ts";
import { appendDelegation, type Capability, delegateToken, mintToken, readToken, verifyToken } from "./token.ts";

const KEY = new Uint8Array(32).fill(7);
const HERE = { key: KEY, workspace_id: "local", now_s: 1_000 };
const ROOT: CapabilityRoot = {
  ...{ workspace_id: "local", nonce: "0".repeat(32), expires_at: 10_000 },
  scope: { api: ["*:read", "run:claim"], tools: ["http.request", "me.agent/*"], egress_domains: ["*.b.example"] },
};
const NARROW: CapabilityDelegation = { scope: { api: ["run:read"], tools: ["me.agent/look"] }, expires_at: 5_000 };

function verified(token: string, here: Partial<typeof HERE> = {}): Capability {
  const capability = verifyToken(token, { ...HERE, ...here });
  assert.ok(!isRejection(capability), isRejection(capability) ? capability.message : "");
  return capability;
}
function code(token: string, here: Partial<typeof HERE> = {}): string {
  const capability = verifyToken(token, { ...HERE, ...here });
  return isRejection(capability) ? capability.code : "ok";
}
function delegated(token: string, delegation: CapabilityDelegation): string {
  const made = delegateToken(token, delegation);
  assert.ok(!isRejection(made), isRejection(made) ? made.message : "");
  return made.token;
}
function refused(token: string, delegation: CapabilityDelegation): string {
  const made = delegateToken(token, delegation);
  return isRejection(made) ? made.code : "ok";
}

describe("a capability token", () => {
  it("allows what it names and nothing else, until it ends", () => {
    const { token } = mintToken(ROOT, KEY);
    const { scope, depth } = verified(token);
    assert.equal(depth, 0);
    assert.ok(allows(scope, "api", "install:read") && allows(scope, "api", "run:claim"));
    assert.ok(!allows(scope, "api", "run:start") && !allows(scope, "api", "policy:write"));
    assert.ok(allows(scope, "tools", "me.agent/look") && !allows(scope, "tools", "me.agents/look"));
    assert.ok(allows(scope, "egress_domains", "x.b.example") && !allows(scope, "egress_domains", "b.evil"));
    assert.ok(!allows(scope, "rooms", "room_1") && !allows(scope, "read", "notes"));
    assert.equal(code(token, { now_s: 9_999 }), "ok");
    assert.equal(code(token, { now_s: 10_000 }), "capability_token_expired");
  });
  it("is worth nothing in another workspace, or under another key", () => {
    const { token } = mintToken(ROOT, KEY);
    assert.equal(code(token, { workspace_id: "other" }), "capability_token_invalid");
    assert.equal(code(token, { key: new Uint8Array(32).fill(8) }), "capability_token_invalid");
  });
  it("is worth nothing once a character of it is changed", () => {
    const token = delegated(mintToken(ROOT, KEY).token, NARROW);
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom(..."AZaz09-_."), (at, other) => {
        if (token[at] === other) return;
        assert.notEqual(code(`${token.slice(0, at)}${other}${token.slice(at + 1)}`), "ok");
      }),
    );
  });
  it("that is none is said to be none", () => {
    const { token } = mintToken(ROOT, KEY);
    const [, body = "", tail = ""] = token.split(".");
    for (const text of [
      "",
      "oat1",
      "oat1..",
      `oat2.${body}.${tail}`,
      `oat1.${body}`,
      `${token}.x`,
      `oat1.${body}.AAAA`,
    ]) {
      assert.equal(code(text), "capability_token_malformed", text);
    }
    assert.equal(code(`oat1.${"A".repeat(9_000)}.${tail}`), "capability_token_malformed");
  });
});

describe("a delegation", () => {
  it("leaves what it names of what there was, and ends no later", () => {
    const { scope, expires_at, depth, ids } = verified(delegated(mintToken(ROOT, KEY).token, NARROW));
    assert.ok(allows(scope, "api", "run:read") && !allows(scope, "api", "install:read"));
    assert.ok(allows(scope, "tools", "me.agent/look") && !allows(scope, "tools", "http.request"));
    assert.deepEqual([expires_at, depth, ids.length], [5_000, 1, 2]);
  });
  it("is refused where it names more, lives longer, or goes deeper than three", () => {
    const { token } = mintToken(ROOT, KEY);
    assert.equal(refused(token, { ...NARROW, scope: { api: ["run:start"] } }), "capability_widened");
    assert.equal(refused(token, { ...NARROW, scope: { api: ["*:*"] } }), "capability_widened");
    assert.equal(refused(token, { ...NARROW, scope: { rooms: ["*"] } }), "capability_widened");
    assert.equal(refused(token, { ...NARROW, expires_at: 10_001 }), "capability_widened");
    assert.equal(refused("oat1.x.y", NARROW), "capability_token_malformed");
    const third = [1, 2, 3].reduce((parent) => delegated(parent, NARROW), token);
    assert.equal(verified(third).depth, 3);
    assert.equal(refused(third, NARROW), "capability_too_deep");
  });
  it("keeps its parents' ids, so that revoking one of them revokes it", () => {
    const first = mintToken(ROOT, KEY);
    const second = delegated(first.token, NARROW);
    const third = delegated(second, NARROW);
    assert.deepEqual(verified(third).ids.slice(0, 2), verified(second).ids);
    assert.equal(verified(third).ids[0], first.id);
  });
  it("cannot be taken off again: what is left has not the signature of what was there", () => {
    const read = readToken(delegated(mintToken(ROOT, KEY).token, NARROW));
    assert.ok(!isRejection(read));
    const { says, signature } = read;
    const { token } = appendDelegation({ root: says.root, delegations: [] }, signature, NARROW);
    assert.equal(code(token), "capability_token_invalid");
  });
});

const ITEMS: Readonly<Record<string, readonly string[]>> = {
  api: ["run:read", "run:claim", "run:*", "*:read", "*:*", "install:read", "install:write"],
  rooms: ["*", "room_1", "room_2"],
  tools: ["*", "http.request", "me.agent/*", "me.agent/look", "you.agent/look"],
  egress_domains: ["*.b.example", "a.b.example", "*.a.b.example", "x.a.b.example", "c.example"],
  action_types: ["file.read", "external.write", "payment.execute"],
  read: ["*", "notes", "mail"],
  write: ["*", "notes", "mail"],
};
const some = (name: string) => fc.option(fc.subarray([...(ITEMS[name] ?? [])]), { nil: undefined });
const scopes: fc.Arbitrary<CapabilityScope> = fc
  .record({
    ...{ api: some("api"), rooms: some("rooms"), tools: some("tools"), egress_domains: some("egress_domains") },
    ...{ action_types: some("action_types"), read: some("read"), write: some("write") },
  })
  .map(({ read, write, ...rest }) => {
    const data_access = { ...(read && { read }), ...(write && { write }) };
    return JSON.parse(JSON.stringify({ ...rest, data_access }));
  });
const delegations = fc.record({ scope: scopes, expires_at: fc.integer({ min: 1_001, max: 20_000 }) });

describe("no sequence of delegations ever widens", () => {
  const never = (before: Capability, after: Capability): void => {
    assert.ok(after.expires_at <= before.expires_at);
    assert.deepEqual(beyond(before.scope, after.scope), []);
    for (const dimension of DIMENSIONS) {
      for (const item of ITEMS[dimension] ?? []) {
        assert.ok(
          !allows(after.scope, dimension, item) || allows(before.scope, dimension, item),
          `${dimension} ${item}`,
        );
      }
    }
  };
  it("made by the rules", () => {
    fc.assert(
      fc.property(scopes, fc.array(delegations, { maxLength: 5 }), (scope, asked) => {
        const root = mintToken({ ...ROOT, scope }, KEY);
        let [token, before] = [root.token, verified(root.token)];
        for (const delegation of asked) {
          const made = delegateToken(token, delegation);
          if (isRejection(made)) continue;
          const after = verified(made.token);
          never(before, after);
          assert.ok(after.depth <= 3);
          [token, before] = [made.token, after];
        }
      }),
    );
  });
  it("nor made against them, by a holder who appends what they like", () => {
    fc.assert(
      fc.property(scopes, fc.array(delegations, { minLength: 1, maxLength: 5 }), (scope, asked) => {
        const root = mintToken({ ...ROOT, scope }, KEY);
        const whole = verified(root.token);
        let { token } = root;
        for (const delegation of asked) {
          const read = readToken(token);
          if (isRejection(read)) return;
          token = appendDelegation(read.says, read.signature, delegation).token;
          const after = verifyToken(token, HERE);
          if (isRejection(after))
            assert.equal(after.code, "capability_token_malformed"); // a fourth
          else never(whole, after);
        }
      }),
    );
  });
});
