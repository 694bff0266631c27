import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { permissionHash } from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { installDecider } from "./decider.ts";
import { keptStates, stateChain } from "./own-state.ts";
import type { InstallState } from "./state.ts";

const id = (version: string): string => version.replaceAll(".", "").padEnd(64, "0");
let revision = 0;
/** Takes a release; on trial first where `staged`. */
function take(version: string, staged = false): InstallCommand {
  revision += 1;
  const permissions = ["state:keep:16"];
  const hashes = { manifest_sha256: id(version), permission_hash: permissionHash(permissions) };
  return {
    type: "order",
    pins: {
      ...{ upgrade_address: "30051:x:y", upgrade_id: "y", upgrade_version: version, title: "Y" },
      ...{ author_pubkey: "a".repeat(64), manifest_event_id: "e".repeat(64), release_event_id: id(version) },
      ...{ permissions, schedule: { type: "manual" } },
    },
    ...{ manifest: {} as UpgradeManifest, inputs: {}, named: hashes, found: hashes },
    ...{ grant: permissions, ceiling: permissions, recipient: "w", worker: "w", expires_at_ms: 2, now_ms: 1 },
    signed_by: { signer: "f".repeat(64), revision, config_event_id: "c".repeat(64) },
    ...(staged ? { unattended: true, widened: [] } : {}),
  } as InstallCommand;
}
const back = (to: string): InstallCommand => ({ type: "roll_back", to, reason: "it loses lines" });
const applied = (state: InstallState, command: InstallCommand): InstallState => {
  const events = installDecider.decide(state, command);
  assert.ok(!isRejection(events), JSON.stringify(events));
  return foldAll(installDecider, events, state);
};
/** The owner agrees to whatever waits for them. */
const after = (...commands: readonly InstallCommand[]): InstallState =>
  commands.reduce((before, command) => {
    const state = applied(before, command);
    if (state.pending === null) return state;
    const { permission_hash } = state.pending.pins;
    const seen = applied(state, { type: "inspect", permission_hash, widened: [] });
    return applied(seen, { type: "approve", permission_hash, grant: ["state:keep:16"] });
  }, installDecider.initial);
const of = (state: InstallState, version: string) => stateChain(state, id(version));
const narrow: InstallCommand = { type: "set_updates", auto_update: "narrow" };

describe("where each release of an install keeps its state", () => {
  it("the first begins empty, and the next with a copy of its state", () => {
    assert.deepEqual(of(after(take("1.0.0")), "1.0.0"), [1]);
    const updated = after(take("1.0.0"), take("1.1.0"));
    assert.deepEqual([of(updated, "1.1.0"), of(updated, "1.0.0")], [[2, 1], [1]]);
  });

  it("on trial a release has its own, and goes on with it once it has taken the other's place", () => {
    const trial = after(take("1.0.0"), narrow, take("1.1.0", true));
    assert.equal(trial.active?.pins.upgrade_version, "1.0.0");
    assert.deepEqual([of(trial, "1.0.0"), of(trial, "1.1.0")], [[1], [2, 1]]);
    const done = applied(trial, { type: "ran_through", release_event_id: id("1.1.0"), run_id: "r" });
    assert.equal(done.active?.pins.upgrade_version, "1.1.0");
    assert.deepEqual(of(done, "1.1.0"), [2, 1]);
  });

  it("what is gone back to goes on with its own, and so does what is gone forward to again", () => {
    const there = after(take("1.0.0"), take("1.1.0"), back("1.0.0"));
    assert.deepEqual(of(there, "1.0.0"), [1]);
    const again = after(take("1.0.0"), take("1.1.0"), back("1.0.0"), back("1.1.0"));
    assert.deepEqual(of(again, "1.1.0"), [2, 1]);
  });

  it("one that was rolled back and is agreed to again begins anew, with what the other has by then", () => {
    const state = after(take("1.0.0"), take("1.1.0"), back("1.0.0"), take("1.1.0"));
    assert.deepEqual(of(state, "1.1.0"), [3, 1]);
  });

  it("the next release begins with that of what runs, not of what was rolled back", () => {
    const state = after(take("1.0.0"), take("1.1.0"), back("1.0.0"), take("1.2.0"));
    assert.deepEqual(of(state, "1.2.0"), [3, 1]);
  });

  it("the same release agreed to again, with other inputs, keeps its state", () => {
    assert.deepEqual(of(after(take("1.0.0"), take("1.0.0")), "1.0.0"), [1]);
  });

  it("an older release never begins with what a newer one wrote", () => {
    const down = after(take("1.0.0"), take("2.0.0"), take("1.5.0"));
    assert.deepEqual(of(down, "1.5.0"), [3, 1], "that of the last that is not newer");
    assert.deepEqual(of(after(take("2.0.0"), take("1.0.0")), "1.0.0"), [2], "else none");
    const own = after(take("1.0.0"), take("2.0.0"), take("1.0.0"));
    assert.deepEqual(of(own, "1.0.0"), [1], "its own, where it ran here before");
  });

  it("where the releases between were never run, the one before them is the source", () => {
    assert.deepEqual(of(after(take("1.0.0"), take("1.1.0"), take("1.2.0")), "1.2.0"), [3, 2, 1]);
  });

  it("kept are those of what runs and what can be gone back to; of what its author took back, none", () => {
    const versions = (state: InstallState) => keptStates(state).map(({ pins }) => pins.upgrade_version);
    assert.deepEqual(versions(after(take("1.0.0"), take("1.1.0"))), ["1.1.0", "1.0.0"]);
    const yank = { type: "yank", release_event_id: id("1.0.0"), yank_event_id: "f".repeat(64), reason: "" } as const;
    assert.deepEqual(versions(after(take("1.0.0"), take("1.1.0"), yank)), ["1.1.0"]);
    const many = Array.from({ length: 14 }, (_, n) => take(`1.${n}.0`));
    assert.equal(versions(after(...many)).length, 11, "as many as can be gone back to, and the one that runs");
  });

  it("nothing is known of a release that is not here, and an install that comes back never meets what it left", () => {
    assert.equal(of(after(take("1.0.0")), "9.9.9"), null);
    const gone = after(take("1.0.0"), { type: "remove", reason: "enough" });
    assert.deepEqual(keptStates(gone), []);
    assert.deepEqual(of(after(take("1.0.0"), { type: "remove", reason: "enough" }, take("1.0.0")), "1.0.0"), [2]);
  });
});
