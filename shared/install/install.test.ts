import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { InstallEvent, UpgradeManifest } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { installDecider } from "./decider.ts";
import type { InstallState } from "./state.ts";

const hex = (digit: string): string => digit.repeat(64);
const [SIGNER, WORKER, AUTHOR, H1, H2] = [hex("1"), hex("2"), hex("3"), hex("a"), hex("b")];
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
function order(change: Partial<Order> & { revision?: number; author?: string } = {}): Order {
  const { revision = 1, author = AUTHOR, ...rest } = change;
  return {
    type: "order",
    pins: {
      upgrade_address: `30051:${author}:x`,
      upgrade_id: "x",
      upgrade_version: "1.0.0",
      title: "Example",
      author_pubkey: author,
      manifest_event_id: H1,
      release_event_id: H2,
      permissions: ["network:egress:github.com"],
      schedule: { type: "manual" },
    },
    manifest,
    inputs: {},
    named: { manifest_sha256: H1, permission_hash: H2 },
    found: { manifest_sha256: H1, permission_hash: H2 },
    grant: ["network:egress:github.com"],
    signed_by: { signer: SIGNER, revision, config_event_id: String(revision).padStart(64, "0") },
    recipient: WORKER,
    worker: WORKER,
    expires_at_ms: 1_000,
    now_ms: 999,
    ceiling: ["network:egress:*.github.com", "network:egress:github.com"],
    ...rest,
  };
}
const change = (action: "enable" | "disable" | "remove", revision: number): InstallCommand => {
  const { signed_by, recipient, worker, expires_at_ms, now_ms, ceiling } = order({ revision });
  return { type: "change", action, signed_by, recipient, worker, expires_at_ms, now_ms, ceiling };
};

/** Given what these commands did one after the other, the events or the refusal of the last. */
function after(...commands: readonly InstallCommand[]): readonly InstallEvent[] | Rejection {
  let state: InstallState = installDecider.initial;
  let last: readonly InstallEvent[] | Rejection = [];
  for (const command of commands) {
    last = installDecider.decide(state, command);
    if (!isRejection(last)) state = foldAll(installDecider, last, state);
  }
  return last;
}
function stateAfter(...commands: readonly InstallCommand[]): InstallState {
  return commands.reduce((state, command) => {
    const decided = installDecider.decide(state, command);
    return isRejection(decided) ? state : foldAll(installDecider, decided, state);
  }, installDecider.initial);
}
const types = (decided: readonly InstallEvent[] | Rejection) =>
  isRejection(decided) ? decided.code : decided.map(({ event_type }) => event_type);

describe("a signed config", () => {
  it("within the signer's ceiling installs at once", () => {
    assert.deepEqual(types(after(order())), [
      "install.requested",
      "install.inspected",
      "install.approved",
      "install.enabled",
    ]);
    const state = stateAfter(order());
    assert.equal(state.status, "enabled");
    assert.deepEqual(state.active?.grant, ["network:egress:github.com"]);
    assert.equal(state.active?.manifest, manifest);
  });

  const refusals: readonly [string, string, Order][] = [
    ["for another worker", "wrong_recipient", order({ recipient: SIGNER })],
    ["by a key that is not paired", "signer_unknown", order({ ceiling: null })],
    ["past its expiry", "config_expired", order({ now_ms: 1_000 })],
    [
      "for another manifest than was found",
      "manifest_hash_mismatch",
      order({ found: { manifest_sha256: H2, permission_hash: H2 } }),
    ],
    [
      "for other permissions than are needed",
      "permission_hash_mismatch",
      order({ found: { manifest_sha256: H1, permission_hash: H1 } }),
    ],
  ];
  for (const [what, code, command] of refusals) {
    it(`${what} is refused with ${code}`, () => assert.equal(types(after(command)), code));
  }

  it("whose revision is not above all that its signer sent before is refused", () => {
    assert.equal(types(after(order({ revision: 5 }), order({ revision: 5 }))), "config_stale");
    assert.equal(types(after(order({ revision: 5 }), order({ revision: 4 }))), "config_stale");
    assert.equal(types(after(order({ revision: 5 }), change("remove", 6), order({ revision: 6 }))), "config_stale");
    assert.notEqual(types(after(order({ revision: 5 }), order({ revision: 6 }))), "config_stale");
  });
  it("that was refused uses up no revision", () => {
    assert.equal(types(after(order({ now_ms: 5_000 }), order()))[0], "install.requested");
  });
  it("of another author never updates an install, not even one that still waits", () => {
    assert.equal(types(after(order(), order({ revision: 2, author: SIGNER }))), "author_changed");
    const waiting = order({ ceiling: [] });
    assert.equal(types(after(waiting, order({ revision: 2, author: SIGNER, ceiling: [] }))), "author_changed");
  });
});

describe("what the ceiling does not cover", () => {
  const wide = order({ revision: 2, grant: ["filesystem:read:/home/me/**"] });

  it("waits for the owner, with the reason, and runs nothing", () => {
    const state = stateAfter(wide);
    assert.equal(state.status, "pending");
    assert.equal(state.active, null);
    assert.deepEqual(state.pending?.approval_reasons, [
      "filesystem:read:/home/me/** is above what this key may order by itself",
    ]);
  });
  for (const permission of ["process:spawn", "env:read:HOME"]) {
    it(`${permission} waits for the owner whatever the ceiling`, () => {
      const state = stateAfter(order({ grant: [permission], ceiling: [permission] }));
      assert.deepEqual(state.pending?.approval_reasons, [`${permission} always needs the owner's approval`]);
    });
  }
  it("posting notes to relays that the config names is an act in the worker's name, so it counts as publishing", () => {
    const pins = { ...order().pins, completion_relays: ["wss://relay.example"] };
    assert.equal(stateAfter(order({ pins })).status, "pending");
    assert.equal(
      stateAfter(order({ pins, ceiling: ["network:egress:github.com", "event:publish:1"] })).status,
      "enabled",
    );
  });
  it("leaves the running release alone until the owner has decided", () => {
    const state = stateAfter(order(), wide);
    assert.equal(state.status, "enabled");
    assert.deepEqual(state.active?.grant, ["network:egress:github.com"]);
    assert.deepEqual(state.pending?.pins.signed_by.revision, 2);
  });
  it("runs once the owner approved exactly what was shown", () => {
    const grant = wide.grant;
    assert.equal(types(after(wide, { type: "approve", permission_hash: H1, grant })), "permission_hash_mismatch");
    const inspect = { type: "inspect", permission_hash: H2, widened: [] } as const;
    const approved = stateAfter(wide, inspect, { type: "approve", permission_hash: H2, grant });
    assert.equal(approved.status, "enabled");
    assert.deepEqual(approved.active?.grant, grant);
    assert.equal(types(after({ type: "approve", permission_hash: H2, grant })), "not_found");
  });
  it("is gone when the owner says no, and its revision stays used up", () => {
    const deny = { type: "deny", reason: "too much" } as const;
    assert.equal(stateAfter(wide, deny).status, "removed");
    assert.equal(stateAfter(order(), wide, deny).status, "enabled");
    assert.equal(types(after(wide, deny, wide)), "config_stale");
    assert.equal(types(after(deny)), "not_found");
  });
  it("cannot be enabled around the owner", () => {
    assert.equal(types(after(wide, { type: "enable" })), "approval_required");
    assert.equal(types(after(wide, change("enable", 3))), "approval_required");
  });
});

describe("disabling and removing", () => {
  it("works by signed config and at the worker", () => {
    assert.equal(stateAfter(order(), change("disable", 2)).status, "disabled");
    assert.equal(stateAfter(order(), { type: "disable", reason: "pause" }).status, "disabled");
    assert.equal(stateAfter(order(), change("disable", 2), change("enable", 3)).status, "enabled");
    assert.equal(stateAfter(order(), change("remove", 2)).status, "removed");
  });
  it("survives an update: what the owner disabled stays disabled", () => {
    assert.equal(stateAfter(order(), { type: "disable", reason: "pause" }, order({ revision: 2 })).status, "disabled");
  });
  it("leaves nothing to run, and a higher revision may install again", () => {
    const removed = stateAfter(order(), change("remove", 2));
    assert.equal(removed.active, null);
    assert.equal(types(after(order(), change("remove", 2), { type: "enable" })), "not_found");
    assert.equal(stateAfter(order(), change("remove", 2), order({ revision: 3 })).status, "enabled");
  });
  it("of what is not there is refused", () => {
    assert.equal(types(after(change("remove", 1))), "not_found");
    assert.equal(types(after({ type: "disable", reason: "x" })), "not_found");
  });
});

describe("an update", () => {
  const update = (change: Parameters<typeof order>[0] = {}): Order =>
    order({ revision: 2, ceiling: [], pins: { ...order().pins, release_event_id: hex("c") }, ...change });
  const narrow = { type: "set_updates", auto_update: "narrow" } as const;

  it("asks, whatever it changes, until the owner chose otherwise", () => {
    assert.deepEqual(types(after(order(), update({ widened: [] }))), ["install.requested"]);
  });
  it("that widens nothing is taken without asking where the owner chose so, and the log says why", () => {
    const taken = after(order(), narrow, update({ widened: [] }));
    assert.deepEqual(types(taken), ["install.requested", "install.inspected", "install.approved"]);
    assert.ok(!isRejection(taken) && taken[2]?.event_type === "install.approved");
    assert.equal(taken[2].data.approved_by, "auto_update");
    assert.equal(stateAfter(order(), narrow, update({ widened: [] })).active?.pins.release_event_id, hex("c"));
  });
  it("that widens anything asks all the same, and what ran goes on", () => {
    const state = stateAfter(order(), narrow, update({ widened: ["It may now connect to evil.example."] }));
    assert.equal(state.pending?.pins.release_event_id, hex("c"));
    assert.equal(state.active?.pins.release_event_id, H2);
  });
  it("of which nobody can say what it widens asks", () => {
    assert.notEqual(stateAfter(order(), narrow, update({ widened: null })).pending, null);
    assert.notEqual(stateAfter(order(), narrow, update()).pending, null);
  });
  it("is never taken as a first install, nor by the choice for one that was removed", () => {
    assert.equal(types(after(narrow)), "not_found");
    assert.equal(stateAfter(update({ widened: [] })).status, "pending");
    const removed = { type: "remove", reason: "gone" } as const;
    assert.equal(stateAfter(order(), narrow, removed, update({ widened: [] })).status, "pending");
  });
  it("by another author is refused even so", () => {
    const pins = { ...order().pins, author_pubkey: SIGNER };
    assert.equal(types(after(order(), narrow, update({ widened: [], pins }))), "author_changed");
  });
});

describe("a release that its author took back", () => {
  const yank = { type: "yank", release_event_id: H2, yank_event_id: H1, reason: "leaks" } as const;

  it("stops, once, and cannot be enabled, disabled first or not", () => {
    assert.equal(stateAfter(order(), yank).status, "yanked");
    assert.deepEqual(after(order(), yank, yank), []);
    assert.equal(types(after(order(), yank, { type: "enable" })), "release_yanked");
    assert.equal(types(after(order(), yank, { type: "disable", reason: "x" }, { type: "enable" })), "release_yanked");
    assert.equal(types(after(order(), yank, change("enable", 2))), "release_yanked");
  });
  it("is not installed again, and another release of it runs at once", () => {
    assert.equal(types(after(order(), yank, order({ revision: 2 }))), "release_yanked");
    const next = order({ revision: 2, pins: { ...order().pins, release_event_id: hex("c") } });
    assert.equal(stateAfter(order(), yank, next).status, "enabled");
  });
  it("while it waits for approval is gone", () => {
    assert.equal(stateAfter(order({ ceiling: [] }), yank).status, "removed");
    const waiting = order({ revision: 2, ceiling: [], pins: { ...order().pins, release_event_id: hex("c") } });
    const state = stateAfter(order(), waiting, { ...yank, release_event_id: hex("c") });
    assert.deepEqual([state.status, state.pending], ["enabled", null]);
  });
  it("concerns nobody who has another", () => {
    assert.deepEqual(after(order(), { ...yank, release_event_id: hex("d") }), []);
    assert.deepEqual(after(yank), []);
  });
});
