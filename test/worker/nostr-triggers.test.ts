/** Triggers that wait for Nostr events, against fake relays that speak NIP-01. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { TriggerEvent } from "@oa/shared/generated/types.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import { triggerSubject } from "@oa/shared/trigger/decider.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { openTriggerSide, type Triggers, WORKER_SECRET } from "../fakes/triggers.ts";

const SECRET = new Uint8Array(32).fill(7);

describe("Nostr triggers", () => {
  const note = (created_at: number, text: string, secret = SECRET, kind = 1) =>
    signEvent({ kind, created_at, tags: [["t", "reindex"]], content: text }, secret, new Uint8Array(32));
  const triggers: Triggers = [{ type: "nostr_event", kinds: [1], filter: { "#t": ["reindex"] } }];

  /** An install that a worker listens for at a relay of its own. */
  const listening = async (context: TestContext) => {
    const relay = await openFakeRelay();
    const side = openTriggerSide(context, { relays: [relay.url] });
    context.after(() => relay.close());
    await side.boot();
    const install_id = side.install(triggers);
    await side.until(() => relay.frames.some(([verb]) => verb === "REQ"));
    return { relay, side, install_id };
  };

  it("one event from two relays, and again after a restart, starts one run", async (context) => {
    const relays = [await openFakeRelay(), await openFakeRelay()];
    const side = openTriggerSide(context, { relays: relays.map(({ url }) => url) });
    context.after(() => Promise.all(relays.map((relay) => relay.close())));
    await side.boot();
    const install_id = side.install(triggers);
    await side.until(() => relays.every(({ frames }) => frames.some(([verb]) => verb === "REQ")));
    const event = note(Math.floor(side.clock.now_ms() / 1_000), "please");
    for (const relay of relays) relay.add(event);
    await side.until(() => side.runs(install_id).length === 1);
    await side.calm();
    await side.shut();
    await side.boot();
    const asked = relays.map(({ frames }) => frames.length);
    await side.until(() => relays.every(({ frames }, index) => frames.length > (asked[index] ?? 0)));
    await side.calm();
    assert.equal(side.runs(install_id).length, 1);
    assert.deepEqual(side.types(install_id), ["trigger.set", "trigger.noted", "trigger.fired", "trigger.run_started"]);
    const fired = side.events(install_id)[2];
    const cause = fired?.event_type === "trigger.fired" ? fired.data.cause : undefined;
    assert.equal(cause?.kind === "nostr_event" && cause.event_id, event.id);
  });
  it("what does not match, is older than the install, dated ahead, forged, or this worker's own starts nothing", async (context) => {
    const relay = await openFakeRelay();
    const side = openTriggerSide(context, { relays: [relay.url] });
    context.after(() => relay.close());
    await side.boot();
    const now_s = Math.floor(side.clock.now_ms() / 1_000);
    relay.add(note(now_s - 100, "before the install"));
    const install_id = side.install(triggers);
    await side.until(() => relay.frames.some(([verb]) => verb === "REQ"));
    relay.add({ ...note(now_s + 1, "forged"), content: "other text" });
    relay.add(note(now_s + 10_000, "from the future"));
    const own = note(now_s + 1, "my own note", WORKER_SECRET);
    relay.add(own);
    const [, subscription = ""] = relay.frames.find(([verb]) => verb === "REQ") ?? [];
    // A relay that sends what was not asked for.
    relay.say(JSON.stringify(["EVENT", subscription, note(now_s + 1, "another kind", SECRET, 7)]));
    await side.until(() => side.types(install_id).length > 1);
    await side.calm();
    assert.deepEqual(side.runs(install_id), []);
    assert.deepEqual(side.types(install_id), ["trigger.set", "trigger.settled"]);
  });
  it("what was published while the worker was not running is run for once it is back", async (context) => {
    const { relay, side, install_id } = await listening(context);
    await side.shut();
    relay.add(note(Math.floor(side.clock.now_ms() / 1_000) + 1, "while you were away"));
    await side.boot();
    await side.until(() => side.runs(install_id).length === 1);
  });
  it("are listened for once, however often a full disk kept that from being recorded", async (context) => {
    const relay = await openFakeRelay();
    const relays: string[] = [];
    const side = openTriggerSide(context, { relays });
    context.after(() => relay.close());
    await side.boot();
    const install_id = side.install(triggers);
    await side.until(() => side.types(install_id).includes("trigger.watch_failed"));
    await side.shut();
    relays.push(relay.url);
    side.disk.full = true;
    await side.boot();
    const failed = () => side.reports.filter((error) => error instanceof Fault && error.code === "disk_full").length;
    await side.until(() => failed() > 1);
    side.disk.full = false;
    await side.until(() => side.types(install_id).includes("trigger.watch_restored"));
    await side.calm();
    assert.equal(relay.frames.filter(([verb]) => verb === "REQ").length, 1);
  });
  it("a flood is run for in few runs, the log does not grow with it, and what was passed over is counted", async (context) => {
    const { relay, side, install_id } = await listening(context);
    const now_s = Math.floor(side.clock.now_ms() / 1_000) + 1;
    const flood = 3 * LIMITS.trigger_events_per_minute;
    for (let index = 0; index < flood; index += 1) relay.add(note(now_s, `number ${index}`));
    await side.until(() => side.runs(install_id).length > 0);
    await side.calm();
    assert.ok(side.runs(install_id).length <= 3);
    const noted = side.types(install_id).filter((type) => type === "trigger.noted").length;
    assert.ok(noted <= LIMITS.trigger_events_per_minute + 3, `${noted} of ${flood} were noted`);
    const events = side.world().store.bySubject(triggerSubject(install_id)) as unknown as readonly TriggerEvent[];
    const passed = events.map((event) => (event.event_type === "trigger.fired" ? (event.data.passed_over ?? 0) : 0));
    assert.equal(noted + passed.reduce((sum, count) => sum + count, 0), flood);
    // The relay sends all of it again to a worker that comes back, as it does after every lost connection.
    const told = side.types(install_id);
    await side.shut();
    await side.boot();
    const asked = relay.frames.length;
    await side.until(() => relay.frames.length > asked);
    await side.calm();
    assert.deepEqual(side.types(install_id), told);
  });
});
