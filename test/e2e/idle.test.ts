import assert from "node:assert/strict";
import { it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { fakeClock, manifestOf, openRunWorld, settled } from "../fakes/runs.ts";

const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
const manifest = manifestOf([{ op: "http.request", id: "one", url: "https://api.example/" }], {
  network: ["api.example"],
  tools: ["http.request"],
});

it("an engine without runs rests: it asks no sensor, hardly wakes, and a new run begins at once all the same", async () => {
  const clock = fakeClock();
  let sleeps = 0;
  let measured = 0;
  const world = openRunWorld({
    ops: { "http.request": async () => answer },
    clock: {
      ...clock,
      sleep: (ms, signal) => {
        sleeps += 1;
        return clock.sleep(ms, signal);
      },
    },
    measure: async () => {
      measured += 1;
      return {};
    },
  });
  const stop = new AbortController();
  const looping = world.engine.loop(stop.signal);
  await settled();
  sleeps = 0;
  const minutes = 10;
  for (let passed = 0; passed < minutes * 60; passed += 1) await clock.pass(1_000);
  const wakes = (minutes * 60_000) / LIMITS.engine_idle_ms;
  assert.ok(sleeps <= 2 * wakes + 4, `it woke ${sleeps} times in ${minutes} minutes`);
  assert.equal(measured, 0);
  const run = await world.engine.start(world.install(manifest), "manual");
  assert.ok(!isRejection(run));
  const ended = await world.engine.wait(run.run_id, AbortSignal.timeout(5_000));
  assert.equal(ended.status, "succeeded");
  stop.abort();
  await looping;
  world.close();
});
