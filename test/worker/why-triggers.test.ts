/** What triggers saw and what came of it, as an owner is told: real files, a fake relay that speaks NIP-01. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { WhyAnswer } from "@oa/shared/api/why.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import { getTriggers } from "@oa/shared/trigger/views.ts";
import { schedulePort } from "@oa/worker/admin/schedule.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { contextOf, whySide } from "../fakes/runs.ts";
import { openTriggerSide, type TriggerSide, watchSource } from "../fakes/triggers.ts";

async function why(side: TriggerSide, install_id: string, at_ms: number | null = null): Promise<WhyAnswer> {
  const { database, store, engine } = side.world();
  const port = schedulePort({
    ...{ sql: database, worker: "w", now_ms: side.clock.now_ms, measure: async () => side.machine },
    ...whySide({ database, store, engine }),
  });
  const told = await port.why(install_id, at_ms, new AbortController().signal);
  assert.ok(!isRejection(told), isRejection(told) ? told.message : "");
  return told;
}

test("a file that changed is told with its run, and nothing is told before it", async (context) => {
  const side = openTriggerSide(context);
  await side.boot();
  mkdirSync(side.path("src"));
  const install_id = side.install(watchSource(side.folder));
  await side.until(() => side.types(install_id).includes("trigger.settled"));
  const before_ms = side.clock.now_ms();
  const nothing = await why(side, install_id);
  assert.equal(nothing.answer, "not_decided");
  assert.match(nothing.sentences.join(" "), /^Nothing that it waits for has happened since /);
  await side.clock.pass(5_000);
  for (const name of ["a.ts", "b.ts"]) writeFileSync(side.path(`src/${name}`), "1");
  await side.until(() => side.runs(install_id).some(({ status }) => status === "succeeded"));
  const [run] = side.runs(install_id);
  const told = await why(side, install_id);
  assert.deepEqual([told.answer, told.run_id], ["ran", run?.run_id]);
  const text = told.sentences.join(" ");
  assert.ok(
    text.includes(`a change of ${side.path("src/a.ts")} and 1 more was seen, which matches ${side.folder}/src/**`),
    text,
  );
  assert.match(text, /It fired at /);
  assert.ok(text.includes(`Run ${run?.run_id} succeeded.`), text);
  assert.equal((await why(side, install_id, before_ms)).answer, "not_decided", "at that time nothing had happened yet");
});

test("a glob that covers too many files is a state that lasts, is explained, and ends when it covers fewer", async (context) => {
  const side = openTriggerSide(context, { files_max: 3 });
  await side.boot();
  mkdirSync(side.path("src"));
  for (const name of ["a", "b", "c", "d"]) writeFileSync(side.path(`src/${name}`), "1");
  const install_id = side.install(watchSource(side.folder));
  await side.until(() => side.types(install_id).includes("trigger.watch_failed"));
  const told = await why(side, install_id);
  assert.equal(told.answer, "not_scheduled");
  assert.match(
    told.sentences[0] ?? "",
    /^It is not watched for changes of files that match .*: .* covers more than 3 files: watch less \(too_large\)\.$/,
  );
  assert.equal(getTriggers(side.world().database, install_id)?.failures["0"]?.code, "too_large");
  // It is there after a restart, and said once however often it is tried.
  await side.shut();
  await side.boot();
  await side.calm(4 * LIMITS.trigger_rescan_ms, LIMITS.trigger_rescan_ms / 10);
  assert.deepEqual(side.types(install_id), ["trigger.set", "trigger.watch_failed"]);
  assert.match((await why(side, install_id)).sentences[0] ?? "", /too_large/);
  rmSync(side.path("src/d"));
  await side.until(() => side.types(install_id).includes("trigger.watch_restored"), LIMITS.trigger_rescan_ms / 4);
  assert.deepEqual(getTriggers(side.world().database, install_id)?.failures, {});
  assert.doesNotMatch((await why(side, install_id)).sentences.join(" "), /too_large/);
});

test("what the machine holds back says what was measured, and what triggers may not watch says why", async (context) => {
  const side = openTriggerSide(context);
  await side.boot();
  mkdirSync(side.path("src"));
  side.machine.plugged_in = { value: false };
  const install_id = side.install(watchSource(side.folder), {
    schedule: { type: "event", constraints: { plugged_in: true } },
  });
  await side.until(() => side.types(install_id).includes("trigger.settled"));
  writeFileSync(side.path("src/a.ts"), "1");
  await side.until(() => side.types(install_id).includes("trigger.deferred"));
  const told = await why(side, install_id);
  assert.equal(told.answer, "waits");
  assert.match(told.sentences.join(" "), /it waited for the machine: plugged_in: on battery\./);
  const outside = side.install([{ type: "nostr_event", kinds: [1] }]);
  await side.until(() => side.types(outside).includes("trigger.set"));
  const unwatched = await why(side, outside);
  assert.equal(unwatched.answer, "not_scheduled");
  assert.match(unwatched.sentences.join(" "), /not watched for Nostr events .* reads no relay \(unreachable\)/);
});

test("a rate that is used up, and a start that is refused, are said", async (context) => {
  const side = openTriggerSide(context);
  await side.boot();
  mkdirSync(side.path("src"));
  const install_id = side.install(watchSource(side.folder));
  await side.until(() => side.types(install_id).includes("trigger.settled"));
  for (let run = 1; run <= LIMITS.trigger_fires; run += 1) {
    writeFileSync(side.path("src/a.ts"), "x".repeat(run));
    await side.until(() => side.runs(install_id).length === run, 250);
  }
  writeFileSync(side.path("src/a.ts"), "one too many");
  await side.until(() => side.types(install_id).includes("trigger.deferred"));
  const told = await why(side, install_id);
  assert.equal(told.answer, "waits");
  assert.match(told.sentences.join(" "), /its triggers had made as many runs as they may in an hour \(rate\)/);
});

test("a Nostr event is told by its id and relay, and a disabled install by its reason", async (context) => {
  const relay = await openFakeRelay();
  const side = openTriggerSide(context, { relays: [relay.url] });
  context.after(() => relay.close());
  await side.boot();
  const install_id = side.install([{ type: "nostr_event", kinds: [1] }]);
  await side.until(() => relay.frames.some(([verb]) => verb === "REQ"));
  const created_at = Math.floor(side.clock.now_ms() / 1_000);
  const event = signEvent(
    { kind: 1, created_at, tags: [], content: "now" },
    new Uint8Array(32).fill(7),
    new Uint8Array(32),
  );
  relay.add(event);
  await side.until(() => side.runs(install_id).length === 1);
  const text = (await why(side, install_id)).sentences.join(" ");
  assert.ok(text.includes(`the Nostr event ${event.id} came from ${relay.url}`), text);
  const disable = task(installDecider, install_id, { type: "disable", reason: "enough" });
  side.world().store.handle(contextOf(side.clock.now_ms()), [disable]);
  side.loop().refresh();
  await side.until(() => side.types(install_id).includes("trigger.cleared"));
  assert.match(
    (await why(side, install_id)).sentences.join(" "),
    /Its triggers were not watched: the install is not enabled\./,
  );
});
