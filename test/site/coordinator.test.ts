import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { DAY_MS, HOUR_MS } from "@oa/shared/core/durations.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type {
  CatalogDetail,
  InstallStatus,
  StatusRun,
  UpgradeManifest,
  WorkerStatus,
} from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { ageNotice } from "../../site/src/browser/install/catalog.ts";
import { inputsOf } from "../../site/src/browser/install/input-fields.ts";
import {
  type Kept,
  type KnownInstall,
  NOTHING_KEPT,
  nextRevision,
  openBox,
  withClaim,
  withOrder,
  withSeen,
  withStatus,
} from "../../site/src/browser/install/kept.ts";
import { checkUpgrade, orderOf, reviewOrder } from "../../site/src/browser/install/orders.ts";
import { fieldsOf, nextTimes, scheduleOf } from "../../site/src/browser/install/schedule-fields.ts";
import { openSession } from "../../site/src/browser/install/session.ts";
import type { Signer } from "../../site/src/browser/install/signer.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";

const [WORKER, OTHER] = ["a".repeat(64), "b".repeat(64)];
const INSTALL = `install_${"0".repeat(26)}`;
const RUN = `run_${"0".repeat(26)}`;
const invitation = { worker: WORKER, secret: "s", relays: ["wss://r.example"], edge_url: null, expires_at: 100 };
const install: KnownInstall = {
  ...{ install_id: INSTALL, worker: WORKER, listing: "30051:x:y", title: "T", version: "1.0.0", inputs: {} },
  ...{ schedule: null, permissions: [], status: null, status_at: null, runs: [] },
  order: {
    ...{ action: "install", revision: 5, event_id: "e".repeat(64), way: "relay", sent_at: 1, expires_at: 10 },
    answer: null,
  },
};
const status = (change: Partial<InstallStatus> = {}): InstallStatus => ({
  ...{ about: "install", seq: 10, install_id: INSTALL, listing: null, title: null, version: null, state: "enabled" },
  ...{ waits_for: [], answer: null, run: null, ...change },
});
const from = (kept: Kept, said: WorkerStatus, worker = WORKER): Kept =>
  withStatus(kept, { worker, status: said, said_at: 50, event_id: "f".repeat(64) });
const paired = withOrder(withClaim(NOTHING_KEPT, invitation), install);

describe("what the page remembers", () => {
  it("follows a pairing by its worker's word, the latest of it, and nobody else's", () => {
    const said = { about: "pairing", state: "confirmed", label: "mini", results: true, ceiling: ["x"] } as const;
    const [worker] = from(paired, { ...said, seq: 3 }).workers;
    assert.deepEqual([worker?.state, worker?.label, worker?.results], ["confirmed", "mini", true]);
    const later = from(from(paired, { ...said, seq: 3, state: "removed" }), { ...said, seq: 2 });
    assert.equal(later.workers[0]?.state, "removed");
    assert.equal(from(paired, { ...said, seq: 3 }, OTHER), paired);
  });
  it("follows an install by the latest status, keeps every run once, and takes an answer for its own order alone", () => {
    const run: StatusRun = {
      ...({ run_id: RUN, status: "succeeded", reason: "manual", code: null, message: null } as const),
      ...{ started_at: null, finished_at: "2026-01-01T00:00:00Z", steps_done: 1, steps_total: 1, outputs: [] },
    };
    const first = from(paired, status({ run, seq: 12 }));
    const again = from(from(first, status({ run, seq: 12 })), status({ state: "disabled", seq: 11 }));
    assert.deepEqual([again.installs[0]?.status?.state, again.installs[0]?.runs.length], ["enabled", 1]);
    const answer = { config_event_id: "e".repeat(64), revision: 5, code: "config_stale", message: "no" };
    assert.equal(from(paired, status({ answer })).installs[0]?.order.answer?.code, "config_stale");
    const other = { ...answer, config_event_id: "9".repeat(64) };
    assert.equal(from(paired, status({ answer: other })).installs[0]?.order.answer, null);
    assert.equal(from(paired, status(), OTHER), paired, "another worker says nothing of this one's installs");
  });
  it("gives each order a revision above every one before, of other pages with the same key too", () => {
    assert.equal(nextRevision(NOTHING_KEPT, INSTALL, 1_000), 1_000);
    const ahead = withOrder(paired, { ...install, order: { ...install.order, revision: 5_000 } });
    assert.equal(nextRevision(ahead, INSTALL, 1_000), 5_001);
  });
  it("remembers what was read, up to a bound", () => {
    let kept = paired;
    for (let n = 0; n < 1_200; n += 1) kept = withSeen(kept, String(n));
    assert.deepEqual([kept.seen.length, kept.seen[0]], [1_000, "1199"]);
  });
  it("is written whole, tells who listens, and never throws away what it cannot read", () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, text: string) => void stored.set(name, text),
    };
    const box = openBox(storage);
    let told = 0;
    box.onChange(() => {
      told += 1;
    });
    box.change((kept) => withClaim(kept, invitation));
    assert.deepEqual([box.read().workers.length, told], [1, 1]);
    for (const text of ["{", "null", '{"version":2}', '"x"']) {
      stored.set("oa.coordinator", text);
      assert.deepEqual(box.read(), NOTHING_KEPT);
      assert.equal(stored.get("oa.coordinator.unreadable"), text);
    }
  });
});

describe("an order", () => {
  const manifest: UpgradeManifest = {
    ...manifestBy(AUTHOR),
    inputs: { host: { type: "string", default: "api.example" } },
    permissions: { network: ["${inputs.host}"], tools: ["http.request"] },
    pipeline: [{ op: "http.request", id: "fetch", url: "https://${inputs.host}/" }],
  };
  const published = publish(manifest);
  const detail = {
    listing: {},
    event: published.manifest_event,
    release_events: [published.release_event],
  } as unknown as CatalogDetail;
  const checked = () => {
    const upgrade = checkUpgrade(detail, published.address);
    assert.ok(!isRejection(upgrade), JSON.stringify(upgrade));
    return upgrade;
  };
  const context = { before: null, ceiling: ["tool:invoke:http.request"] };
  it("is for exactly what its signer saw: the worker comes to the same permissions", () => {
    const choices = { inputs: { host: "other.example" }, schedule: null };
    const review = reviewOrder(checked(), choices, context);
    assert.ok(!isRejection(review));
    assert.deepEqual(
      review.permissions.map(({ sentence, asks }) => [sentence, asks]),
      [
        ["Connect to other.example.", true],
        [review.permissions[1]?.sentence, false],
      ],
    );
    const envelope = { worker: WORKER, signer: OTHER, install_id: INSTALL, revision: 7, now_s: 1_000 };
    const order = orderOf(review, envelope, { embed: true });
    assert.ok(validators.isInstallConfig(order), JSON.stringify(validators.isInstallConfig.errors));
    const plan = planOf(manifest, choices.inputs, { home: "/home/somebody" });
    assert.ok(!isRejection(plan));
    assert.equal(order.permission_hash, permissionHash(plan.permissions));
    assert.equal(orderOf(review, envelope, { embed: false }).manifest_event, undefined);
    assert.ok(order.expires_at > 1_000);
  });
  it("says what its author declares and what it keeps for itself, as the worker's own consent does", () => {
    const state: UpgradeManifest = {
      ...manifest,
      permissions: { filesystem: [], tools: ["fs.write"], state_mb: 16 },
      pipeline: [{ op: "fs.write", id: "keep", path: "${install.state}/seen.json", content: "{}" }],
      policy: { aup_flags: ["no_legal_advice"], data_retention_days: 14, telemetry_level: "basic" },
    };
    const { inputs: _, ...own } = state;
    const signed = publish(own);
    const found = { listing: {}, event: signed.manifest_event, release_events: [signed.release_event] };
    const upgrade = checkUpgrade(found as unknown as CatalogDetail, signed.address);
    assert.ok(!isRejection(upgrade), JSON.stringify(upgrade));
    const review = reviewOrder(upgrade, { inputs: {}, schedule: null }, context);
    assert.ok(!isRejection(review), JSON.stringify(review));
    assert.deepEqual(review.declares, [
      "It says of its use: no legal advice.",
      "What its runs gave is deleted after 14 days.",
      "Its runs send basic telemetry to a collector of yours, where you have set one up, and nowhere else.",
    ]);
    assert.ok(review.permissions.some(({ sentence }) => /own state .*up to 16 MB/.test(sentence)));
    const plainly = reviewOrder(checked(), { inputs: {}, schedule: null }, context);
    assert.ok(!isRejection(plainly));
    assert.deepEqual(plainly.declares, [], "what is not declared is not said");
  });
  it("marks what was not agreed to with the order before", () => {
    const before = { ...install, permissions: ["tool:invoke:http.request"] };
    const review = reviewOrder(checked(), { inputs: {}, schedule: null }, { ...context, before });
    assert.ok(!isRejection(review));
    assert.deepEqual(
      review.permissions.map(({ fresh }) => fresh),
      [true, false],
    );
  });
  it("is refused with values and times that its worker would refuse", () => {
    const code = (choices: Parameters<typeof reviewOrder>[1]) => {
      const review = reviewOrder(checked(), choices, context);
      return isRejection(review) ? review.code : "reviewed";
    };
    assert.equal(code({ inputs: { nothing: "x" }, schedule: null }), "input_unknown");
    assert.equal(code({ inputs: {}, schedule: { type: "cron", expression: "61 * * * *" } }), "cron_invalid");
  });
  it("is for no listing that a catalog forged, swapped or has no release of", () => {
    const code = (change: object, address = published.address) => {
      const upgrade = checkUpgrade({ ...detail, ...change } as CatalogDetail, address);
      return isRejection(upgrade) ? upgrade.code : "checked";
    };
    const event = { ...published.manifest_event, content: published.manifest_event.content.replace("Example", "Evil") };
    assert.equal(code({ event }), "event_id_mismatch");
    assert.equal(code({}, `30051:${"c".repeat(64)}:example.upgrade`), "author_mismatch");
    assert.equal(code({ release_events: [] }), "not_found");
    const foreign = publish(manifestBy(key(5)), key(5));
    assert.equal(code({ release_events: [foreign.release_event] }), "not_found");
  });
});

describe("the form", () => {
  it("reads values of each type, leaves defaults out and refuses what is no number", () => {
    const manifest = {
      inputs: {
        ...{ n: { type: "integer" }, on: { type: "boolean", default: false }, list: { type: "string_list" } },
        ...{ path: { type: "path" }, text: { type: "string", default: "same" } },
      },
    } as unknown as UpgradeManifest;
    assert.deepEqual(inputsOf(manifest, { n: " 3 ", on: true, list: "a\n\n b ", path: " /x ", text: "same" }), {
      ...{ n: 3, on: true, list: ["a", "b"], path: "/x" },
    });
    assert.deepEqual(inputsOf(manifest, { n: "", on: false }), {});
    const refused = inputsOf(manifest, { n: "three" });
    assert.ok(isRejection(refused) && refused.code === "input_invalid");
  });
  const declared = { type: "cron", expression: "0 2 * * *", timezone: "America/Chicago", jitter_ms: 5 } as const;
  it("keeps the author's times unless others are chosen, and what it does not show", () => {
    const fields = fieldsOf(declared, null, "Europe/Berlin");
    assert.equal(scheduleOf(declared, fields), null);
    const chosen = scheduleOf(declared, { ...fields, how: "cron", start: "01:00", end: "05:00", cpu_max: "50" });
    assert.deepEqual(chosen, {
      ...{ type: "cron", expression: "0 2 * * *", timezone: "America/Chicago", overlap: "skip", jitter_ms: 5 },
      ...{ window: { start: "01:00", end: "05:00" }, constraints: { cpu_max_percentage: 50 } },
    });
    assert.deepEqual(fieldsOf(declared, chosen, "UTC").cpu_max, "50");
    assert.equal(scheduleOf(declared, { ...fields, how: "manual" })?.type, "manual");
  });
  it("takes a time of day and days as people have them, and finds them again in what was chosen", () => {
    const fields = fieldsOf(declared, null, "Europe/Berlin");
    assert.deepEqual([fields.how, fields.at, fields.days], ["declared", "02:00", "*"]);
    const chosen = scheduleOf(declared, { ...fields, how: "daily", at: "06:30", days: "1-5", timezone: "UTC" });
    assert.equal(chosen?.expression, "30 6 * * 1-5");
    const again = fieldsOf(declared, chosen, "Europe/Berlin");
    assert.deepEqual([again.how, again.at, again.days, again.timezone], ["daily", "06:30", "1-5", "UTC"]);
    for (const expression of ["*/5 6 * * *", "30 6 1 * *", "30 6 * * 1,3", "75 6 * * *"]) {
      assert.equal(fieldsOf(declared, { ...declared, expression }, "UTC").how, "cron", expression);
    }
    const none = scheduleOf(declared, { ...fields, how: "daily", at: "" });
    assert.ok(isRejection(nextTimes(none ?? declared, "UTC", 0)), "no time was chosen");
  });
  it("shows the next times with what a change of clocks does, and says what is wrong", () => {
    const now_ms = Date.UTC(2027, 2, 26);
    const times = nextTimes({ type: "cron", expression: "30 2 * * *", timezone: "Europe/Berlin" }, "UTC", now_ms);
    assert.ok(!isRejection(times));
    assert.equal(times[0], "Fri 2027-03-26, 02:30 (UTC+01:00)");
    assert.equal(times.at(-1), "Clocks skip 2027-03-28 02:00 to 03:00: it fires right after.");
    const outside = { type: "cron", expression: "0 12 * * *", window: { start: "01:00", end: "02:00" } } as const;
    const openings = nextTimes(outside, "UTC", now_ms);
    assert.ok(!isRejection(openings));
    assert.equal(openings[0], "Sat 2027-03-27, 01:00 (UTC+00:00)");
    assert.match(openings.at(-1) ?? "", /^What is due outside 01:00 to 02:00 starts when the window opens/);
    assert.deepEqual(nextTimes({ ...outside, on_missed: "skip" }, "UTC", now_ms), [
      "It never fires within its window.",
    ]);
    const wrong = nextTimes({ type: "cron", expression: "x" }, "UTC", now_ms);
    assert.ok(isRejection(wrong) && wrong.code === "cron_invalid");
  });
});

describe("an open key", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
  afterEach(() => mock.timers.reset());
  const open = () => {
    let closed = 0;
    const session = openSession(() => undefined, 1_000);
    session.open({ kind: "local", public_key: WORKER, close: () => (closed += 1) } as unknown as Signer);
    return { session, closed: () => closed };
  };
  it("locks itself when nobody has used the page for a while, and not before", () => {
    const { session, closed } = open();
    mock.timers.tick(900);
    session.touch();
    mock.timers.tick(900);
    assert.ok(session.signer() !== null);
    mock.timers.tick(100);
    assert.deepEqual([session.signer(), closed()], [null, 1]);
    assert.throws(
      () => session.require(),
      (error) => error instanceof Fault && error.code === "signer_refused",
    );
  });
  it("is locked on waking where the page slept through its time", () => {
    const { session } = open();
    mock.timers.setTime(5_000);
    assert.throws(() => session.require(), Fault);
  });
});

describe("a listing that was kept", () => {
  it("says how old it is, and one of now says nothing", () => {
    const now_ms = Date.UTC(2026, 0, 2);
    assert.equal(ageNotice(null, now_ms), null);
    assert.match(ageNotice(new Date(now_ms - 3 * HOUR_MS), now_ms) ?? "", /3 hours ago \(2026-01-01 21:00 UTC\)/);
    assert.match(ageNotice(new Date(now_ms - 5 * DAY_MS), now_ms) ?? "", /5 days ago/);
  });
});
