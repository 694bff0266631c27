import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import { type VaultCommand, vaultDecider } from "./decider.ts";

const use = (change: Partial<Extract<VaultCommand, { type: "use" }>> = {}): VaultCommand => ({
  ...{ type: "use", name: "TOKEN", host: "api.example", run_id: "run_1", step_id: "ask", install_id: null },
  ...change,
});
const types = (...commands: readonly VaultCommand[]): readonly string[] => {
  let state = vaultDecider.initial;
  return commands.flatMap((command) => {
    const events = vaultDecider.decide(state, command);
    assert.ok(!isRejection(events));
    state = foldAll(vaultDecider, events, state);
    return events.map(({ event_type, data }) => `${event_type} ${JSON.stringify(data)}`);
  });
};

test("what is done with a secret is kept by its name, each time", () => {
  const set = { type: "set", name: "TOKEN", replaced: true } as const;
  assert.deepEqual(types(set, set, { type: "remove", name: "TOKEN" }, { type: "change_passphrase" }), [
    'vault.secret_set {"name":"TOKEN","replaced":true}',
    'vault.secret_set {"name":"TOKEN","replaced":true}',
    'vault.secret_removed {"name":"TOKEN"}',
    "vault.passphrase_changed {}",
  ]);
});

test("a use is kept once for each step, secret and host, however often the step asks", () => {
  assert.equal(types(use(), use(), use()).length, 1);
  const others = [use({ name: "OTHER" }), use({ host: "other.example" }), use({ step_id: "next" })];
  assert.equal(types(use(), ...others, ...others).length, 4);
});
