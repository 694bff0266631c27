import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { InstallEvent, UpgradeManifest } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { installDecider } from "./decider.ts";
import type { InstallState } from "./state.ts";

const hex = (digit: string): string => digit.repeat(64);
const manifest: UpgradeManifest = {
  ...{ id: "x", version: "1.0.0", title: "Example", author: { npub: "npub1" } },
  ...{ capabilities: { platforms: ["linux"], backends: [] }, schedule: { type: "manual" } },
  pipeline: [{ op: "fs.read" }],
};
/** Installed and running. */
const installed: InstallCommand = {
  type: "order",
  pins: {
    ...{ upgrade_address: `30051:${hex("3")}:x`, upgrade_id: "x", upgrade_version: "1.0.0", title: "Example" },
    ...{ author_pubkey: hex("3"), manifest_event_id: hex("a"), release_event_id: hex("b"), permissions: [] },
    schedule: { type: "manual" },
  },
  ...{ manifest, inputs: {}, grant: [], ceiling: [] },
  ...{ named: { manifest_sha256: hex("a"), permission_hash: hex("b") } },
  ...{ found: { manifest_sha256: hex("a"), permission_hash: hex("b") } },
  signed_by: { signer: hex("1"), revision: 1, config_event_id: hex("c") },
  ...{ recipient: hex("2"), worker: hex("2"), expires_at_ms: 1_000, now_ms: 999 },
};
const down = (id = "d", stops = true): InstallCommand => ({
  ...{ type: "take_down", decision_event_id: hex(id), moderator: hex("4"), action: "take_down", stops },
  ...{ why: "was taken down: it harms the machine it runs on (malware)", expires_at: null },
});
const lift = (id = "d"): InstallCommand => ({ type: "lift_takedown", decision_event_id: hex(id), by: "reversal" });
const override: InstallCommand = { type: "override_takedown", reason: "I read it." };
const disable: InstallCommand = { type: "disable", reason: "decided by the owner" };

function after(...commands: readonly InstallCommand[]): {
  state: InstallState;
  last: readonly InstallEvent[] | Rejection;
} {
  let state: InstallState = installDecider.initial;
  let last: readonly InstallEvent[] | Rejection = [];
  for (const command of commands) {
    last = installDecider.decide(state, command);
    if (!isRejection(last)) state = foldAll(installDecider, last, state);
  }
  return { state, last };
}
const said = (...commands: readonly InstallCommand[]): string => {
  const { last } = after(...commands);
  return isRejection(last) ? last.code : last.map(({ event_type }) => event_type).join();
};
const status = (...commands: readonly InstallCommand[]) => after(...commands).state.status;

test("what a trusted moderator takes down stops, and may not be enabled while that stands", () => {
  assert.equal(said(installed, down()), "install.taken_down,install.disabled");
  assert.equal(said(installed, down(), down()), "");
  assert.equal(said(installed, down(), { type: "enable" }), "listing_taken_down");
  assert.equal(status(installed, down()), "disabled");
  assert.equal(said(down()), "");
});

test("where the owner chose to be told only, it goes on and may be enabled", () => {
  assert.equal(said(installed, down("d", false)), "install.taken_down");
  assert.equal(status(installed, down("d", false)), "enabled");
  assert.equal(said(installed, down("d", false), disable, { type: "enable" }), "install.enabled");
});

test("when the decision is reversed, what it stopped runs again", () => {
  assert.equal(said(installed, down(), lift()), "install.takedown_lifted,install.enabled");
  assert.equal(said(installed, down(), lift("e")), "");
  assert.equal(said(installed, lift()), "");
});

test("what its owner had stopped, before or after, stays stopped when the decision is reversed", () => {
  assert.equal(status(installed, disable, down(), lift()), "disabled");
  assert.equal(said(installed, down(), disable), "install.disabled");
  assert.equal(status(installed, down(), disable, lift()), "disabled");
});

test("a later decision takes the place of the first, and it is its end that counts", () => {
  assert.equal(said(installed, down(), down("e")), "install.taken_down");
  assert.equal(said(installed, down(), down("e"), lift("d")), "");
  assert.equal(status(installed, down(), down("e"), lift("e")), "enabled");
});

test("the owner overrides it by an explicit command, which is recorded with the reason, for that decision alone", () => {
  assert.equal(said(installed, override), "not_found");
  assert.equal(said(installed, down(), override), "install.takedown_overridden,install.enabled");
  assert.equal(said(installed, down(), override, override), "");
  assert.equal(status(installed, down(), override, down()), "enabled");
  assert.equal(status(installed, down(), override, down("e")), "disabled");
  const { state } = after(installed, down(), override);
  assert.equal(state.takedown?.overridden, true);
});
