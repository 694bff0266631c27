import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import type { MachineReadings, ScheduleConstraints } from "../generated/types.ts";
import { evaluateConstraints, sensorsFor } from "./constraints.ts";

const ALL: ScheduleConstraints = {
  plugged_in: true,
  wifi_only: true,
  cpu_max_percentage: 60,
  suspend_if_active: true,
  respect_dnd: true,
};
const CALM: MachineReadings = {
  plugged_in: { value: true },
  network: { value: "wifi" },
  cpu_percentage: { value: 60 },
  idle_ms: { value: LIMITS.machine_idle_ms },
  dnd: { value: false },
};

test("a run may start where everything it asks for is measured and met, limits included", () => {
  const { verdict, constraints } = evaluateConstraints(ALL, CALM, "wait");
  assert.equal(verdict, "start");
  assert.deepEqual(constraints, [
    { name: "plugged_in", required: true, measured: true, met: "yes" },
    { name: "wifi_only", required: true, measured: "wifi", met: "yes" },
    { name: "cpu_max_percentage", required: 60, measured: 60, met: "yes" },
    { name: "suspend_if_active", required: true, measured: 300_000, met: "yes" },
    { name: "respect_dnd", required: true, measured: false, met: "yes" },
  ]);
});

test("one thing that is not met makes it wait, whatever the policy for the unknown", () => {
  const wrong: readonly [keyof MachineReadings, MachineReadings][] = [
    ["plugged_in", { plugged_in: { value: false } }],
    ["network", { network: { value: "wired" } }],
    ["network", { network: { value: "none" } }],
    ["cpu_percentage", { cpu_percentage: { value: 60.1 } }],
    ["idle_ms", { idle_ms: { value: LIMITS.machine_idle_ms - 1 } }],
    ["dnd", { dnd: { value: true } }],
  ];
  for (const [name, readings] of wrong) {
    for (const policy of ["wait", "run"] as const) {
      const { verdict, constraints } = evaluateConstraints(ALL, { ...CALM, ...readings }, policy);
      assert.equal(verdict, "wait", name);
      assert.deepEqual(
        constraints.filter(({ met }) => met !== "yes").map(({ met }) => met),
        ["no"],
        name,
      );
    }
  }
});

test("a sensor that cannot know is unknown, with its reason, and the policy decides", () => {
  const readings: MachineReadings = { ...CALM, dnd: { unknown: "no Full Disk Access" } };
  assert.equal(evaluateConstraints(ALL, readings, "wait").verdict, "wait");
  const { verdict, constraints } = evaluateConstraints(ALL, readings, "run");
  assert.equal(verdict, "start");
  assert.deepEqual(constraints.at(-1), {
    name: "respect_dnd",
    required: true,
    measured: "unknown",
    met: "unknown",
    reason: "no Full Disk Access",
  });
  assert.equal(evaluateConstraints({ plugged_in: true }, {}, "wait").constraints[0]?.reason, "it was not measured");
});

test("what is declared false asks for nothing, and nothing is measured for it", () => {
  const off: ScheduleConstraints = { plugged_in: false, respect_dnd: false };
  assert.deepEqual(sensorsFor(off), []);
  assert.deepEqual(sensorsFor(undefined), []);
  assert.deepEqual(sensorsFor({ cpu_max_percentage: 50, wifi_only: true }), ["network", "cpu_percentage"]);
  const { verdict, constraints } = evaluateConstraints(off, { plugged_in: { value: false } }, "wait");
  assert.equal(verdict, "start");
  assert.deepEqual(constraints[0], { name: "plugged_in", required: false, measured: "unknown", met: "yes" });
});
