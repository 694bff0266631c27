import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { InstallEvent, UpgradeManifest } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { installDecider } from "./decider.ts";

const hex = (digit: string): string => digit.repeat(64);
const [SIGNER, WORKER, OLD, NEW, OTHER] = [hex("1"), hex("2"), hex("3"), hex("4"), hex("5")];
const manifest: UpgradeManifest = {
  id: "x",
  version: "1.0.0",
  title: "Example",
  author: { npub: "npub1" },
  capabilities: { platforms: ["linux"], backends: [] },
  schedule: { type: "manual" },
  pipeline: [{ op: "fs.read" }],
};
type Order = Extract<InstallCommand, { type: "order" }>;

/** An order that its signer's ceiling covers, so that only the author can be what asks. */
function order(revision: number, author: string, change: Partial<Order> = {}, upgrade_id = "x"): Order {
  const hashes = { manifest_sha256: hex("a"), permission_hash: hex("b") };
  return {
    type: "order",
    pins: {
      ...{ upgrade_address: `30051:${author}:${upgrade_id}`, upgrade_id, upgrade_version: `1.${revision}.0` },
      ...{ title: "Example", author_pubkey: author, manifest_event_id: hex("c"), schedule: { type: "manual" } },
      ...{ release_event_id: String(revision).padStart(64, "0"), permissions: ["network:egress:github.com"] },
    },
    ...{ manifest, inputs: {}, named: hashes, found: hashes, grant: ["network:egress:github.com"] },
    signed_by: { signer: SIGNER, revision, config_event_id: String(revision).padStart(64, "f") },
    ...{ recipient: WORKER, worker: WORKER, expires_at_ms: 1_000, now_ms: 999 },
    ceiling: ["network:egress:github.com"],
    ...change,
  };
}
function after(...commands: readonly InstallCommand[]): readonly InstallEvent[] | Rejection {
  let state = installDecider.initial;
  let last: readonly InstallEvent[] | Rejection = [];
  for (const command of commands) {
    last = installDecider.decide(state, command);
    if (!isRejection(last)) state = foldAll(installDecider, last, state);
  }
  return last;
}
const codeOf = (decided: unknown): string => (isRejection(decided) ? decided.code : "ok");

test("an update by the key that was named as successor waits for the owner, though all it may do is covered", () => {
  const [first, ...more] = after(order(1, OLD), order(2, NEW, { author_keys: [OLD, NEW] })) as readonly InstallEvent[];
  assert.equal(more.length, 0);
  assert.ok(first?.event_type === "install.requested");
  assert.match(first.data.approval_reasons.join(), /another key, 4{64}, which the author's key until now, 3{64}/);
});

test("it waits too where the owner lets narrow updates through, and where it came over several keys", () => {
  const narrow = { type: "set_updates", auto_update: "narrow" } as const;
  for (const author_keys of [
    [OLD, NEW],
    [OLD, OTHER, NEW],
  ]) {
    const decided = after(order(1, OLD), narrow, order(2, NEW, { author_keys, widened: [], unattended: true }));
    assert.deepEqual(
      (decided as readonly InstallEvent[]).map(({ event_type }) => event_type),
      ["install.requested"],
    );
  }
});

test("another author without a rotation, with one of other keys or of another upgrade, is refused", () => {
  for (const author_keys of [undefined, [], [OLD], [NEW], [OTHER, NEW], [OLD, OTHER], [NEW, OLD]]) {
    const decided = after(order(1, OLD), order(2, NEW, { author_keys }));
    assert.equal(codeOf(decided), "author_changed", JSON.stringify(author_keys));
  }
  assert.equal(codeOf(after(order(1, OLD), order(2, NEW, { author_keys: [OLD, NEW] }, "y"))), "author_changed");
});

test("once the owner followed, the old key is a stranger, and the new one needs no rotation", () => {
  const moved = [
    order(1, OLD),
    order(2, NEW, { author_keys: [OLD, NEW] }),
    { type: "inspect", permission_hash: hex("b"), widened: [] },
    { type: "approve", permission_hash: hex("b"), grant: ["network:egress:github.com"] },
  ] as const;
  assert.equal(codeOf(after(...moved)), "ok");
  assert.equal(codeOf(after(...moved, order(3, OLD))), "author_changed");
  const next = after(...moved, order(3, NEW)) as readonly InstallEvent[];
  assert.ok(next.some(({ event_type }) => event_type === "install.approved"));
});
