import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { permissionHash } from "../core/permission.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { InstallEvent, InstallRelease, UpgradeManifest } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { installDecider } from "./decider.ts";
import type { InstallState } from "./state.ts";

const hex = (digit: string): string => digit.repeat(64);
const READ = "filesystem:read:~/notes/**";
const HOST = "network:egress:api.example";
const EXPANDED = "filesystem:read:/home/me/notes/**";

/** Release `1.<n>.0`, whose event id is n sixty-four times; everything of it is covered by the signer's ceiling. */
function release(n: number, change: { readonly after?: number; readonly [key: string]: unknown } = {}): InstallCommand {
  const { after, ...rest } = change;
  const permissions = [READ, HOST];
  const hashes = { manifest_sha256: hex(String(n)), permission_hash: permissionHash(permissions) };
  const manifest = { policy: after === undefined ? {} : { rollback_after_failures: after } } as UpgradeManifest;
  const revision = Number(rest.revision ?? n);
  return {
    type: "order",
    pins: {
      ...{ upgrade_address: "30051:x:y", upgrade_id: "y", upgrade_version: `1.${n}.0`, title: "Y" },
      ...{ author_pubkey: hex("a"), manifest_event_id: hex("e"), release_event_id: hex(String(n)) },
      ...{ permissions, schedule: { type: "manual" } },
    },
    ...{ manifest, inputs: {}, named: hashes, found: hashes, grant: [EXPANDED, HOST], ceiling: [EXPANDED, HOST] },
    ...{ recipient: "w", worker: "w", expires_at_ms: 2, now_ms: 1 },
    signed_by: { signer: hex("f"), revision, config_event_id: hex(String(revision % 10)) },
    ...rest,
  } as InstallCommand;
}
const through = (n: number): InstallCommand => ({ type: "ran_through", release_event_id: hex(String(n)), run_id: "r" });
const aground = (n: number, failures = 1): InstallCommand => ({
  ...{ type: "ran_aground", release_event_id: hex(String(n)), run_id: "r", failures, message: "it broke" },
});
const back = (to: string | null = null): InstallCommand => ({ type: "roll_back", to, reason: "it loses lines" });
const unasked = { unattended: true, widened: [] } as const;
const narrow: InstallCommand = { type: "set_updates", auto_update: "narrow" };
const pin: InstallCommand = { type: "set_updates", pinned: true };
const revoke = (...permissions: readonly string[]): InstallCommand => ({
  type: "set_revocations",
  revoked: permissions.map((permission) => ({ permission, granted: permission.replace("~", "/home/me") })),
});

function run(commands: readonly InstallCommand[]): { state: InstallState; last: readonly InstallEvent[] | Rejection } {
  let state = installDecider.initial;
  let last: readonly InstallEvent[] | Rejection = [];
  for (const command of commands) {
    last = installDecider.decide(state, command);
    if (!isRejection(last)) state = foldAll(installDecider, last, state);
  }
  return { state, last };
}
const stateAfter = (...commands: readonly InstallCommand[]): InstallState => run(commands).state;
const types = (...commands: readonly InstallCommand[]) => {
  const { last } = run(commands);
  return isRejection(last) ? last.code : last.map(({ event_type }) => event_type);
};
const version = (state: InstallState) => state.active?.pins.upgrade_version;

describe("what is agreed to is looked at first", () => {
  const wide = release(1, { ceiling: [] });
  const hash = permissionHash([READ, HOST]);
  const inspect = { type: "inspect", permission_hash: hash, widened: [], known_for_ms: 5 } as const;
  const approve = { type: "approve", permission_hash: hash, grant: [EXPANDED, HOST] } as const;

  it("fetched, inspected, approved and enabled are events of their own, each naming the release and its hashes", () => {
    const events = [wide, inspect, approve].flatMap((_, index, all) => {
      const { last } = run(all.slice(0, index + 1));
      return isRejection(last) ? [] : last;
    });
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ["install.requested", "install.inspected", "install.approved", "install.enabled"],
    );
    for (const { data } of events.slice(1)) {
      const { release: named } = data as unknown as { readonly release: InstallRelease };
      assert.deepEqual(
        [named.release_event_id, named.manifest_sha256, named.permission_hash],
        [hex("1"), hex("1"), hash],
      );
    }
  });
  it("nothing is approved that was not inspected, nor after it was replaced by something else", () => {
    assert.equal(types(wide, approve), "inspection_required");
    const other = release(2, { ceiling: [], revision: 2 });
    assert.equal(types(wide, inspect, other, approve), "inspection_required");
  });
  it("nothing is inspected under another hash, or where nothing waits", () => {
    assert.equal(types(wide, { ...inspect, permission_hash: hex("0") }), "permission_hash_mismatch");
    assert.equal(types(inspect), "not_found");
  });
  it("an approval without enabling installs and runs nothing until it is enabled", () => {
    const state = stateAfter(wide, inspect, { ...approve, enable: false });
    assert.equal(state.status, "disabled");
    assert.equal(stateAfter(wide, inspect, { ...approve, enable: false }, { type: "enable" }).status, "enabled");
  });
});

describe("a release on trial", () => {
  const staged = [release(1), through(1), narrow, release(2, unasked)] as const;

  it("is what an update that is taken unasked is first; what ran goes on", () => {
    const state = stateAfter(...staged);
    assert.deepEqual([version(state), state.candidate?.pins.upgrade_version], ["1.1.0", "1.2.0"]);
  });
  it("takes the other's place once it ran through, and the other is kept", () => {
    assert.deepEqual(types(...staged, through(2)), ["install.promoted"]);
    const state = stateAfter(...staged, through(2));
    assert.deepEqual([version(state), state.candidate], ["1.2.0", null]);
    assert.equal(state.earlier[0]?.pins.upgrade_version, "1.1.0");
  });
  it("is dropped by one failure, and not taken again unasked, under whatever event", () => {
    assert.deepEqual(types(...staged, aground(2)), ["install.rolled_back"]);
    const state = stateAfter(...staged, aground(2));
    assert.deepEqual([version(state), state.candidate], ["1.1.0", null]);
    assert.equal(types(...staged, aground(2), release(2, { ...unasked, revision: 3 })), "release_set_aside");
    const again = release(2, { ...unasked, revision: 3 });
    const pins = { ...(again as { pins: object }).pins, release_event_id: hex("9") };
    assert.equal(types(...staged, aground(2), { ...again, pins } as InstallCommand), "release_set_aside");
  });
  it("is skipped where the owner chose so, and never precedes a first install or one that stopped", () => {
    const direct = stateAfter(release(1), narrow, { type: "set_updates", trial: false }, release(2, unasked));
    assert.deepEqual([version(direct), direct.candidate], ["1.2.0", null]);
    assert.equal(stateAfter(release(1, unasked)).candidate, null);
    const yank = { type: "yank", release_event_id: hex("1"), yank_event_id: hex("d"), reason: "" } as const;
    assert.equal(version(stateAfter(release(1), narrow, yank, release(2, unasked))), "1.2.0");
  });
  it("that its author takes back is gone", () => {
    const yank = { type: "yank", release_event_id: hex("2"), yank_event_id: hex("d"), reason: "" } as const;
    const state = stateAfter(...staged, yank);
    assert.deepEqual([state.status, state.candidate, version(state)], ["enabled", null, "1.1.0"]);
  });
  it("is dropped where the owner goes back", () => {
    const state = stateAfter(...staged, back());
    assert.deepEqual([state.candidate, version(state)], [null, "1.1.0"]);
  });
});

describe("going back by itself", () => {
  const two = [release(1), through(1), release(2)] as const;

  it("happens after as many failures in a row as the worker's number says, to the last release that ran through", () => {
    assert.deepEqual(types(...two, aground(2, LIMITS.rollback_failures - 1)), []);
    assert.deepEqual(types(...two, aground(2, LIMITS.rollback_failures)), ["install.rolled_back"]);
    const state = stateAfter(...two, aground(2, LIMITS.rollback_failures));
    assert.equal(version(state), "1.1.0");
    assert.deepEqual(
      state.set_aside.map(({ upgrade_version }) => upgrade_version),
      ["1.2.0"],
    );
  });
  it("follows the number that the manifest declares, and the owner's before that", () => {
    const declared = [release(1), through(1), release(2, { after: 1 })] as const;
    assert.deepEqual(types(...declared, aground(2, 1)), ["install.rolled_back"]);
    assert.deepEqual(types(...declared, { type: "set_updates", rollback_after: 2 }, aground(2, 1)), []);
    assert.deepEqual(types(...declared, { type: "set_updates", rollback_after: 0 }, aground(2, 50)), []);
  });
  it("does not happen without a release that ran through, from a release that was replaced, or while pinned", () => {
    assert.deepEqual(types(release(1), release(2), aground(2, 50)), []);
    assert.deepEqual(types(...two, aground(1, 50)), []);
    assert.deepEqual(types(...two, pin, aground(2, 50)), []);
  });
  it("never ends at a release that was taken back", () => {
    const yank = { type: "yank", release_event_id: hex("1"), yank_event_id: hex("d"), reason: "" } as const;
    assert.deepEqual(types(...two, yank, aground(2, 50)), []);
  });
});

describe("going back by hand", () => {
  const three = [release(1), through(1), release(2), through(2), release(3)] as const;

  it("goes to the last release that ran through, or to the one that is named", () => {
    assert.equal(version(stateAfter(...three, back())), "1.2.0");
    assert.equal(version(stateAfter(...three, back("1.1.0"))), "1.1.0");
    assert.equal(version(stateAfter(...three, back(hex("1")))), "1.1.0");
  });
  it("can be undone by name, and what was rolled back then counts again", () => {
    const state = stateAfter(...three, back(), back("1.3.0"));
    assert.equal(version(state), "1.3.0");
    assert.deepEqual(
      state.set_aside.map(({ upgrade_version }) => upgrade_version),
      ["1.2.0"],
    );
  });
  it("is refused where nothing of it was approved before", () => {
    assert.equal(types(release(1), back()), "not_found");
    assert.equal(types(...three, back("9.9.9")), "not_found");
    assert.equal(types(back()), "not_found");
  });
  it("is refused for a release that was taken back, and runs again from one that stopped", () => {
    const yank = (n: number): InstallCommand => ({
      ...{ type: "yank", release_event_id: hex(String(n)), yank_event_id: hex("d"), reason: "" },
    });
    assert.equal(types(...three, yank(1), back("1.1.0")), "release_yanked");
    assert.equal(stateAfter(...three, yank(3)).status, "yanked");
    assert.equal(stateAfter(...three, yank(3), back()).status, "enabled");
    const disabled = stateAfter(...three, { type: "disable", reason: "x" }, back());
    assert.equal(disabled.status, "disabled");
  });
  it("keeps a bounded number of releases", () => {
    const many = Array.from({ length: 30 }, (_, index) => release(index + 1));
    assert.equal(stateAfter(...many).earlier.length, LIMITS.releases_kept);
  });
});

describe("an older or pinned version", () => {
  it("is not taken unasked, and asks whoever orders it", () => {
    const two = [release(1), release(2)] as const;
    assert.equal(types(...two, narrow, release(1, { ...unasked, revision: 3 })), "release_downgrade");
    const state = stateAfter(...two, release(1, { revision: 3 }));
    assert.deepEqual(state.pending?.approval_reasons, ["version 1.1.0 is OLDER than 1.2.0, which runs"]);
    assert.equal(version(state), "1.2.0");
  });
  it("stays while it is pinned, whoever orders another, until it is unpinned", () => {
    assert.equal(types(release(1), pin, release(2)), "release_pinned");
    assert.equal(types(release(1), pin, release(2, unasked)), "release_pinned");
    assert.equal(version(stateAfter(release(1), pin, { type: "set_updates", pinned: false }, release(2))), "1.2.0");
    assert.notEqual(types(release(1), pin, release(1, { revision: 2 })), "release_pinned");
  });
  it("is not asked about the same way by one who chose to be asked", () => {
    const state = stateAfter(release(1), release(2, unasked));
    assert.deepEqual(state.pending?.approval_reasons, ["every update waits for your approval"]);
  });
});

describe("what the owner takes away", () => {
  it("is gone from what runs, under a hash of its own, and can be given back", () => {
    const state = stateAfter(release(1), revoke(READ));
    assert.deepEqual([state.active?.grant, state.active?.pins.permissions], [[HOST], [HOST]]);
    assert.equal(state.active?.pins.permission_hash, permissionHash([HOST]));
    const given = stateAfter(release(1), revoke(READ), revoke());
    assert.deepEqual(given.active?.grant, [EXPANDED, HOST]);
    assert.equal(given.active?.pins.permission_hash, permissionHash([READ, HOST]));
  });
  it("stays taken away by an update, by going back, and for what waits", () => {
    const updated = stateAfter(release(1), through(1), revoke(READ), release(2));
    assert.deepEqual([version(updated), updated.active?.grant], ["1.2.0", [HOST]]);
    const returned = stateAfter(release(1), through(1), release(2), revoke(READ), back());
    assert.deepEqual([version(returned), returned.active?.grant], ["1.1.0", [HOST]]);
    const waiting = stateAfter(release(1), release(2, { ceiling: [] }), revoke(READ));
    assert.deepEqual(waiting.pending?.pins.permissions, [HOST]);
  });
  it("must have been asked for", () => {
    assert.equal(types(release(1), revoke("filesystem:read:~/other/**")), "not_found");
    assert.equal(types(revoke(READ)), "not_found");
    assert.deepEqual(types(release(1), revoke()), []);
  });
});

describe("going back to no named release", () => {
  const yank = (n: number): InstallCommand => ({
    ...{ type: "yank", release_event_id: hex(String(n)), yank_event_id: hex("d"), reason: "" },
  });
  it("passes over what was taken back, also where nothing ran through", () => {
    assert.equal(version(stateAfter(release(1), release(2), release(3), yank(2), yank(3), back())), "1.1.0");
  });
  it("names what could be named where all was rolled back or taken back", () => {
    const { last } = run([release(1), release(2), yank(1), back()]);
    assert.ok(isRejection(last));
    assert.equal(last.code, "not_found");
    assert.match(last.message, /every earlier release of y was rolled back or taken back; .*: 1\.1\.0$/);
  });
});

describe("when a release was first seen", () => {
  const seen = (seen_at_ms: number): InstallCommand => ({
    ...{ type: "see_release", release_event_id: hex("2"), manifest_sha256: hex("2"), upgrade_version: "1.2.0" },
    ...{ channel: "main", released_at: 0, seen_at_ms },
  });
  it("is kept once, whatever the clock says later", () => {
    assert.deepEqual(types(release(1), seen(200)), ["install.release_seen"]);
    assert.deepEqual(types(release(1), seen(200), seen(300)), []);
    assert.deepEqual(types(release(1), seen(200), seen(100)), []);
    assert.deepEqual(
      stateAfter(release(1), seen(200), seen(100)).seen.map(({ seen_at_ms }) => seen_at_ms),
      [200],
    );
  });
  it("of what is not installed is not kept", () => assert.equal(types(seen(1)), "not_found"));
});
