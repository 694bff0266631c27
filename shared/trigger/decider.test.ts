import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { TriggerCause, TriggerEvent, TriggerWatch } from "../generated/types.ts";
import { addSign, lookAt } from "./debounce.ts";
import { type Hold, readyAt, type TriggerCommand, triggerDecider, triggerSubject } from "./decider.ts";

const INSTALL = "install_01JD5XQ0000000000000000000";
const AT = 1_789_000_000_000;
const WATCHES: readonly TriggerWatch[] = [
  { type: "file_change", glob: "/home/ann/src/**" },
  { type: "nostr_event", filter: { kinds: [1] } },
];
const set: TriggerCommand = { type: "set", now_ms: AT, install_id: INSTALL, watches: WATCHES };
const files = (...paths: readonly string[]): TriggerCause => ({ kind: "file_change", paths, changed: paths.length });
const nostr = (digit: string): TriggerCause => ({
  kind: "nostr_event",
  event_id: digit.repeat(64),
  relay: "wss://relay.example.com/",
});
const note = (now_ms: number, trigger: number, cause: TriggerCause): TriggerCommand => ({
  type: "note",
  now_ms,
  trigger,
  cause,
});
const check = (now_ms: number, active_runs = 0, hold: Hold | null = null): TriggerCommand => ({
  ...{ type: "check", now_ms, active_runs, hold, passed_over: 0, passed_over_ids: [], constraints: [] },
});

/** Handles commands in turn; the events of the last one, or its rejection's code. */
function after(...commands: readonly TriggerCommand[]) {
  const all: TriggerEvent[] = [];
  let last: readonly TriggerEvent[] | string = [];
  for (const command of commands) {
    const events = triggerDecider.decide(foldAll(triggerDecider, all), command);
    last = isRejection(events) ? events.code : events;
    if (!isRejection(events)) all.push(...events);
  }
  return { last, all, state: foldAll(triggerDecider, all), types: all.map(({ event_type }) => event_type) };
}
const types = (result: readonly TriggerEvent[] | string): unknown =>
  typeof result === "string" ? result : result.map(({ event_type }) => event_type);

describe("triggers of an install", () => {
  it("fires once for a change that was noted", () => {
    const { last, state } = after(set, note(AT + 10, 0, files("/home/ann/src/a")), check(AT + 10));
    assert.deepEqual(last, [
      {
        event_type: "trigger.fired",
        data: {
          ...{ install_id: INSTALL, fire: 1, trigger: 0, at_ms: AT + 10, causes: 1, first_ms: AT + 10 },
          cause: files("/home/ann/src/a"),
        },
      },
    ]);
    assert.equal(readyAt(state, AT + 10), Number.POSITIVE_INFINITY);
    assert.deepEqual(triggerDecider.decide(state, check(AT + 20)), []);
  });
  it("does nothing where nothing was noted", () => {
    assert.deepEqual(after(set, check(AT + 10)).last, []);
    assert.deepEqual(after(check(AT)).last, []);
  });
  it("notes nothing for an install that is disabled, and nothing noted before counts after", () => {
    assert.equal(after(note(AT, 0, files("/a"))).last, "install_disabled");
    const cleared = after(set, note(AT, 0, files("/a")), { type: "clear", reason: "the install is disabled" });
    assert.equal(isRejection(triggerDecider.decide(cleared.state, note(AT, 0, files("/a")))), true);
    assert.deepEqual(triggerDecider.decide(cleared.state, check(AT + 1)), []);
    const again = after(set, note(AT, 0, files("/a")), { type: "clear", reason: "off" }, set, check(AT + 1));
    assert.deepEqual(again.last, []);
  });
  it("refuses a trigger that the manifest does not have", () => {
    assert.equal(after(set, note(AT, 2, files("/a"))).last, "not_found");
  });
  it("setting the same triggers again changes nothing, other ones begin anew", () => {
    assert.deepEqual(after(set, { ...set, now_ms: AT + 5 }).last, []);
    const other = after(set, note(AT, 0, files("/a")), { ...set, watches: WATCHES.slice(1) });
    assert.deepEqual(types(other.last), ["trigger.set"]);
    assert.equal(other.state.pending, null);
  });
  it("waits while a run of the install is active, and then runs once for all that came", () => {
    const { last, types } = after(
      set,
      note(AT, 0, files("/a")),
      check(AT, 1),
      note(AT + 1, 0, files("/b")),
      check(AT + 1, 1),
      check(AT + 2),
    );
    assert.deepEqual(types, ["trigger.set", "trigger.noted", "trigger.noted", "trigger.fired"]);
    assert.equal(Array.isArray(last) && last[0]?.event_type === "trigger.fired" && last[0].data.causes, 2);
  });
});

describe("Nostr events", () => {
  it("one event counts once, from however many relays it comes and however late", () => {
    const twice = after(set, note(AT, 1, nostr("a")), note(AT + 1, 1, nostr("a")));
    assert.deepEqual(twice.types, ["trigger.set", "trigger.noted"]);
    const fired = after(
      set,
      note(AT, 1, nostr("a")),
      check(AT + LIMITS.trigger_quiet_ms),
      { type: "record_start", fire: 1, run_id: "run_1" },
      note(AT + 3_600_000, 1, nostr("a")),
    );
    assert.deepEqual(fired.last, []);
  });
  it("passed over in a flood are counted by the fire that answers for them, and by no other", () => {
    const flood = { ...check(AT + LIMITS.trigger_quiet_ms), passed_over: 9 } as TriggerCommand;
    const { last } = after(set, note(AT, 1, nostr("a")), flood);
    assert.equal(Array.isArray(last) && last[0]?.event_type === "trigger.fired" && last[0].data.passed_over, 9);
    assert.deepEqual(after(set, flood).last, [], "alone they start nothing");
    const later = after(set, note(AT, 1, nostr("a")), flood, { type: "record_start", fire: 1, run_id: "run_1" }, flood);
    assert.deepEqual(later.last, []);
  });
  it("passed over in a flood count once as well: they start nothing when they come again", () => {
    const id = "c".repeat(64);
    const flood = { ...check(AT + LIMITS.trigger_quiet_ms), passed_over: 1, passed_over_ids: [id.slice(0, 16)] };
    const again = note(AT + 3_600_000, 1, { kind: "nostr_event", event_id: id, relay: "wss://r.example/" });
    const { last } = after(
      set,
      note(AT, 1, nostr("a")),
      flood as TriggerCommand,
      { type: "record_start", fire: 1, run_id: "run_1" },
      again,
    );
    assert.deepEqual(last, []);
  });
  it("remembers an event that this worker signed, without running for it", () => {
    const own: TriggerCommand = { type: "settle", now_ms: AT, trigger: 1, reason: "own_event", cause: nostr("b") };
    const { types, last } = after(set, own, note(AT + 1, 1, nostr("b")), check(AT + 10_000));
    assert.deepEqual(types, ["trigger.set", "trigger.settled"]);
    assert.deepEqual(last, []);
  });
  it("wait until they have stopped coming, but not for ever", () => {
    const burst: TriggerCommand[] = [];
    for (let index = 0; index <= LIMITS.trigger_wait_ms / 1_000; index += 1) {
      const id = index.toString(16).padStart(64, "0");
      burst.push(note(AT + index * 1_000, 1, { kind: "nostr_event", event_id: id, relay: "wss://r.example/" }));
      burst.push(check(AT + index * 1_000));
    }
    const { all } = after(set, ...burst);
    const fired = all.filter(({ event_type }) => event_type === "trigger.fired");
    assert.equal(fired.length, 1);
    assert.deepEqual(after(set, note(AT, 1, nostr("c")), check(AT + LIMITS.trigger_quiet_ms - 1)).last, []);
  });
  it("memory of them is bounded: the oldest are forgotten", () => {
    const many: TriggerCommand[] = [];
    for (let index = 0; index <= LIMITS.trigger_event_ids; index += 1) {
      const id = index.toString(16).padStart(64, "0");
      many.push(note(AT, 1, { kind: "nostr_event", event_id: id, relay: "wss://r.example/" }));
    }
    assert.equal(after(set, ...many).state.event_ids.length, LIMITS.trigger_event_ids);
  });
});

describe("the rate", () => {
  const fires = (count: number): readonly TriggerCommand[] =>
    Array.from({ length: count }, (_, index): readonly TriggerCommand[] => [
      note(AT + index * 10_000, 0, files("/a")),
      check(AT + index * 10_000),
      { type: "record_start", fire: index + 1, run_id: `run_${index}` },
    ]).flat();
  const most = LIMITS.trigger_fires;

  it("holds a cause back once the limit is reached, says so once, and runs later", () => {
    const late = AT + most * 10_000;
    const held = after(set, ...fires(most), note(late, 0, files("/b")), check(late), check(late + 1));
    assert.equal(held.types.filter((type) => type === "trigger.deferred").length, 1);
    assert.equal(held.types.filter((type) => type === "trigger.fired").length, most);
    assert.equal(readyAt(held.state, late), AT + LIMITS.trigger_fires_window_ms);
    const then = triggerDecider.decide(held.state, check(AT + LIMITS.trigger_fires_window_ms));
    assert.deepEqual(isRejection(then) ? then : types(then), ["trigger.fired"]);
  });
  it("a clock that went back by a day holds nothing up", () => {
    const late = AT + most * 10_000;
    const { state } = after(set, ...fires(most), note(late, 0, files("/b")), check(late));
    const then = triggerDecider.decide(state, check(AT - 86_400_000));
    assert.deepEqual(isRejection(then) ? then : types(then), ["trigger.fired"]);
  });
});

describe("what the schedule asks for holds for triggers too", () => {
  const closed: Hold = { reason: "window", until_ms: AT + 3_600_000 };
  const unplugged: Hold = { reason: "constraints", until_ms: AT + 60_000 };

  it("a cause waits, which is said once for each reason, and runs when it may", () => {
    const waiting = after(
      set,
      note(AT, 0, files("/a")),
      check(AT, 0, closed),
      check(AT + 1, 0, closed),
      check(AT + 2, 0, unplugged),
      check(AT + 3, 0, unplugged),
    );
    assert.deepEqual(waiting.types.slice(2), ["trigger.deferred", "trigger.deferred"]);
    const then = triggerDecider.decide(waiting.state, check(AT + 4));
    assert.deepEqual(isRejection(then) ? then : types(then), ["trigger.fired"]);
  });
  it("what was measured is kept with the decision", () => {
    const constraints = [{ name: "plugged_in", required: true, measured: true, met: "yes" }] as const;
    const { last } = after(set, note(AT, 0, files("/a")), { ...check(AT), constraints } as TriggerCommand);
    assert.deepEqual(
      Array.isArray(last) && last[0]?.event_type === "trigger.fired" && last[0].data.constraints,
      constraints,
    );
  });
});

describe("the run that was fired", () => {
  const fired = [set, note(AT, 0, files("/a")), check(AT)];

  it("is recorded once", () => {
    const start: TriggerCommand = { type: "record_start", fire: 1, run_id: "run_1" };
    assert.deepEqual(types(after(...fired, start).last), ["trigger.run_started"]);
    assert.deepEqual(after(...fired, start, start).last, []);
    assert.deepEqual(after(...fired, { type: "record_start", fire: 2, run_id: "run_2" }).last, []);
  });
  it("refused at the wrong moment, comes again a little later and does not count against the rate", () => {
    const refuse: TriggerCommand = {
      ...{ type: "record_refusal", now_ms: AT, fire: 1 },
      ...{ code: "already_running", message: "it has a run that has not ended" },
    };
    const { state } = after(...fired, refuse);
    assert.equal(state.unstarted, null);
    assert.deepEqual(state.fired_at_ms, []);
    assert.deepEqual(triggerDecider.decide(state, check(AT)), []);
    const later = triggerDecider.decide(state, check(AT + LIMITS.trigger_quiet_ms));
    assert.deepEqual(isRejection(later) ? later : types(later), ["trigger.fired"]);
    assert.equal(!isRejection(later) && later[0]?.event_type === "trigger.fired" && later[0].data.fire, 2);
  });
  it("refused for good, is given up", () => {
    const refuse: TriggerCommand = {
      ...{ type: "record_refusal", now_ms: AT, fire: 1 },
      ...{ code: "trigger_not_granted", message: "the glob is outside what is granted" },
    };
    const { state } = after(...fired, refuse);
    assert.deepEqual([state.unstarted, state.pending], [null, null]);
  });
  it("no second one is fired before the first is recorded", () => {
    assert.deepEqual(after(...fired, note(AT + 1, 0, files("/b")), check(AT + 1)).last, []);
  });
});

describe("watched files", () => {
  it("what they were like is known after each look, whether it is run for or not", () => {
    const baseline = { fingerprint: "ab".repeat(32), files: 3 };
    const look: TriggerCommand = { type: "settle", now_ms: AT, trigger: 0, reason: "first_look", baseline };
    const { state, types } = after(set, look);
    assert.deepEqual(state.baselines[0], { ...baseline, at_ms: AT });
    assert.deepEqual(types, ["trigger.set", "trigger.settled"]);
    assert.equal(state.pending, null);
    const noted = after(set, look, { ...note(AT + 5, 0, files("/a")), baseline: { ...baseline, files: 4 } } as never);
    assert.equal(noted.state.baselines[0]?.files, 4);
  });
  it("are looked at once it is quiet, at the latest after the longest wait", () => {
    const one = addSign(null, AT);
    assert.equal(lookAt(one), AT + LIMITS.trigger_quiet_ms);
    assert.equal(lookAt(addSign(one, AT + 100)), AT + 100 + LIMITS.trigger_quiet_ms);
    assert.equal(lookAt(addSign(one, AT + 10 * LIMITS.trigger_wait_ms)), AT + LIMITS.trigger_wait_ms);
  });
});

it("an install's triggers are a subject of their own", () => {
  assert.equal(triggerSubject(INSTALL), "trigger_01JD5XQ0000000000000000000");
});
