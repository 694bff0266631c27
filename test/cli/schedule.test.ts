/** What people may type for times and settings, and what schedule commands say of a data folder. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { readChanges } from "@oa/worker/cli/schedule-options.ts";
import { readInstant, readLocalTime } from "@oa/worker/cli/time-options.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-schedule-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const NOW = new Date(2026, 2, 10, 12, 30).getTime();
const local = (...parts: [number, number, number, number?, number?]): number => new Date(...parts).getTime();

test("a time without an offset is this machine's; a time of day is the last one", () => {
  assert.equal(readLocalTime("--at", "02:00", NOW), local(2026, 2, 10, 2, 0));
  assert.equal(readLocalTime("--at", "13:00", NOW), local(2026, 2, 9, 13, 0));
  assert.equal(readLocalTime("--at", "2026-03-08 02:15", NOW), local(2026, 2, 8, 2, 15));
  assert.equal(readLocalTime("--at", "2026-03-08T02:15", NOW), local(2026, 2, 8, 2, 15));
  assert.equal(readLocalTime("--at", "2026-03-08", NOW), local(2026, 2, 8));
  assert.equal(readLocalTime("--at", "2026-03-08T02:15:00Z", NOW), Date.UTC(2026, 2, 8, 2, 15));
  assert.equal(readLocalTime("--at", "2026-03-08T02:15-05:00", NOW), Date.UTC(2026, 2, 8, 7, 15));
});

test("a time without an offset is read in the zone that is asked for, and the last time of day is that zone's", () => {
  const now = Date.UTC(2026, 2, 10, 12, 30); // 21:30 in Tokyo, 07:30 in Chicago
  const read = (text: string, zone: string): string => {
    const at_ms = readLocalTime("--at", text, now, zone);
    assert.ok(!isRejection(at_ms), isRejection(at_ms) ? at_ms.message : "");
    return new Date(at_ms).toISOString().slice(0, 16);
  };
  assert.equal(read("21:00", "Asia/Tokyo"), "2026-03-10T12:00");
  assert.equal(read("22:00", "Asia/Tokyo"), "2026-03-09T13:00");
  assert.equal(read("08:00", "America/Chicago"), "2026-03-09T13:00");
  assert.equal(read("00:00", "Asia/Tokyo"), "2026-03-09T15:00");
  assert.equal(read("2026-03-09 02:15", "America/Chicago"), "2026-03-09T07:15");
  assert.equal(read("2026-03-10", "Asia/Tokyo"), "2026-03-09T15:00");
  assert.equal(read("2026-03-09T02:15Z", "Asia/Tokyo"), "2026-03-09T02:15", "an offset says more than a zone");
});

test("a time that clocks skip is that of the change, when what is due in it runs, and one that comes twice is the first, or the last that has come", () => {
  const read = (text: string, now: string, zone = "America/Chicago"): string => {
    const at_ms = readLocalTime("--at", text, Date.parse(now), zone);
    assert.ok(!isRejection(at_ms), isRejection(at_ms) ? at_ms.message : "");
    return new Date(at_ms).toISOString().slice(0, 16);
  };
  assert.equal(read("2026-03-08 02:30", "2026-03-10T00:00Z"), "2026-03-08T08:00");
  assert.equal(read("02:30", "2026-03-08T08:01Z"), "2026-03-08T08:00");
  assert.equal(read("2026-10-04 02:10", "2026-10-10T00:00Z", "Australia/Lord_Howe"), "2026-10-03T15:30");
  assert.equal(read("2011-12-30 12:00", "2012-01-01T00:00Z", "Pacific/Apia"), "2011-12-30T10:00");
  assert.equal(read("2026-11-01 01:30", "2026-11-10T00:00Z"), "2026-11-01T06:30");
  assert.equal(read("01:30", "2026-11-01T07:00Z"), "2026-11-01T06:30");
  assert.equal(read("01:30", "2026-11-01T08:00Z"), "2026-11-01T07:30");
});

test("what is no time is refused, with what was typed", () => {
  for (const text of [
    "",
    "yesterday",
    "25:00",
    "2026-13-01",
    "2026-03-08T02:15+99:00",
    "8.3.2026",
    "1e3",
    "2026-02-30 25:00",
  ]) {
    const answer = readLocalTime("--at", text, NOW);
    assert.ok(isRejection(answer) && answer.code === "usage", text);
    assert.ok(answer.message.includes(JSON.stringify(text)), answer.message);
  }
  assert.ok(isRejection(readInstant("--from", "2026-03-08T02:15")), "a preview's start needs its offset");
});

test("settings are read as the schedule has them; none takes one away; unknown ones are refused", () => {
  assert.deepEqual(
    readChanges([
      "cron=0 3 * * *",
      "tz=UTC",
      "window=01:00-05:00",
      "jitter_ms=0",
      "catch_up_max_age_h=24",
      "overlap=queue_one",
      "plugged_in=none",
    ]),
    {
      expression: "0 3 * * *",
      timezone: "UTC",
      window: { start: "01:00", end: "05:00" },
      jitter_ms: 0,
      catch_up_max_age_h: 24,
      overlap: "queue_one",
      constraints: { plugged_in: null },
    },
  );
  assert.deepEqual(readChanges(["window=none", "cpu_max_percentage=40", "wifi_only=true", "respect_dnd=false"]), {
    window: null,
    constraints: { cpu_max_percentage: 40, wifi_only: true, respect_dnd: false },
  });
  assert.deepEqual(readChanges([]), {});
  for (const text of ["crn=0 3 * * *", "cron", "=x", "__proto__=1", "toString=1"]) {
    const answer = readChanges([text]);
    assert.ok(isRejection(answer) && answer.code === "usage", text);
  }
});

test("a preview says when clocks change, on the day it begins and the day it ends", async () => {
  const said = await oa(
    ["schedule", "next", "--cron", "0 12 * * *", "--tz", "Pacific/Apia"].concat("--from", "2011-12-29T00:00:00Z"),
  );
  assert.match(said.stdout, /^2011-12-31 00:00\+14:00 {3}2011-12-30T10:00:00\.000Z {3}← gap$/m);
  assert.match(said.stdout, /^2011-12-30 00:00 to 2011-12-31 00:00 in Pacific\/Apia does not exist; .* once/m);
});

test("a preview without a zone is of this machine's, and says so", async () => {
  const said = await oa(["schedule", "next", "--cron", "0 12 * * *", "--count", "1"], { TZ: "Asia/Tokyo" });
  assert.equal(said.code, 0, said.stderr);
  assert.match(said.stdout, /^\d{4}-\d\d-\d\d 12:00\+09:00 {3}\S+T03:00:00\.000Z$/m);
  assert.match(said.stderr, /this machine's time zone, Asia\/Tokyo/);
  const named = await oa(["schedule", "next", "--cron", "0 12 * * *", "--tz", "UTC", "--json"], { TZ: "Asia/Tokyo" });
  assert.deepEqual([document(named).time_zone, named.stderr], ["UTC", ""]);
  for (const args of [["--tz", "UTC"], []]) {
    const refused = await oa(["schedule", "next", ...args, "--json"]);
    assert.equal((document(refused) as { error: { code: string } }).error.code, "usage");
  }
});

test("an installed schedule is listed, explained and simulated; wrong settings are refused by the worker", async () => {
  const data_dir = join(folder, "data");
  const env = { HOME: folder, TZ: "UTC" };
  const run = (...args: string[]) => oa([...args, "--data", data_dir, "--json"], env);
  assert.deepEqual(document(await run("schedule", "list")), { schedules: [] });
  const { public_key } = await loadOrCreateKey(data_dir, "author");
  const file = join(folder, "manifest.json");
  const schedule = { type: "cron", expression: "0 2 * * *", timezone: "UTC", constraints: { plugged_in: true } };
  writeFileSync(
    file,
    JSON.stringify({
      id: "test.upgrade.nightly",
      version: "1.0.0",
      title: "Nightly",
      author: { npub: hexToNpub(public_key) },
      capabilities: { platforms: ["linux", "macos"], backends: [] },
      permissions: { filesystem: [{ path: "~/x", access: "read" }], tools: ["fs.read"] },
      schedule,
      pipeline: [{ op: "fs.read", path: "~/x" }],
    }),
  );
  const first = await run("install", file, "--yes");
  assert.equal(first.code, 0, first.stdout);
  const { schedules } = document(await run("schedule", "list")) as {
    schedules: { title: string; waiting_for: null }[];
  };
  assert.deepEqual(
    schedules.map(({ title, waiting_for }) => [title, waiting_for]),
    [["Nightly", null]],
  );
  const why = document(await run("why", "nightly"));
  assert.equal(why.answer, "not_decided");
  const people = await oa(["why", "nightly", "--data", data_dir], env);
  assert.match(
    people.stdout,
    /^Nightly has not been due since it was scheduled \(0 2 \* \* \* in UTC\)\.\nIt is due next at /,
  );
  const simulated = await run(
    "schedule",
    "simulate",
    "nightly",
    "--from",
    "2026-03-01",
    "--to",
    "2026-03-03",
    "--set",
    "on_unknown=run",
  );
  const { decisions, schedule: edited } = document(simulated) as {
    decisions: object[];
    schedule: { on_unknown: string };
  };
  assert.deepEqual([simulated.code, decisions.length, edited.on_unknown], [0, 2, "run"]);
  for (const words of [["list"], ["next", "nightly"]]) {
    const { stdout, stderr } = await oa(["schedule", ...words, "--data", data_dir], env);
    assert.match(stdout, /0 2 \* \* \* /);
    assert.match(stderr, /^No worker is running: nothing starts by itself before `oa up`/, words.join(" "));
  }
  const table = await oa(["schedule", "simulate", "nightly", "--data", data_dir], env);
  assert.match(
    table.stdout,
    /waits for constraints[\s\S]*0 runs would have started; 0 really did\.\nWhere nothing was measured/,
  );
  for (const [setting, code] of [
    ["overlap=always", "schema_invalid"],
    ["catch_up_max_age_h=745", "schema_invalid"],
    ["catch_up_max_age_h=a while", "schema_invalid"],
    ["cron=61 * * * *", "cron_invalid"],
    ["window=03:00", "window_invalid"],
    ["nothing", "usage"],
  ] as const) {
    const refused = document(await run("schedule", "simulate", "nightly", "--set", setting)) as {
      error: { code: string };
    };
    assert.equal(refused.error.code, code, setting);
  }
  assert.equal(
    (document(await run("why", "nightly", "--at", "soon")) as { error: { code: string } }).error.code,
    "usage",
  );

  const own = await run(
    "schedule",
    "set",
    "nightly",
    "--schedule",
    "30 3 * * *",
    "--tz",
    "Asia/Tokyo",
    "--window",
    "03:00-05:00",
  );
  assert.equal(own.code, 0, own.stderr);
  const next = await oa(["schedule", "next", "nightly", "--count", "2", "--data", data_dir], env);
  assert.match(
    next.stdout,
    /^Nightly runs on the schedule 30 3 \* \* \* \(Asia\/Tokyo\), only between 03:00 and 05:00, only while the machine is plugged in\.\nYou chose that; the upgrade declares: on the schedule 0 2/,
  );
  assert.equal(next.stdout.match(/^\d{4}-\d\d-\d\d 03:30\+09:00 {3}\S+Z$/gm)?.length, 2, next.stdout);
  assert.match((await oa(["schedule", "list", "--data", data_dir], env)).stdout, /30 3 \* \* \* Asia\/Tokyo \(yours\)/);
  // The machine is in UTC: what is asked and what is answered are both in the schedule's zone.
  const night = await oa(["why", "nightly", "--at", "02:00", "--data", data_dir], env);
  assert.match(night.stdout, /^Nightly was not installed with a schedule yet at \S+ 02:00\+09:00 \(Asia\/Tokyo\)\.$/m);
  const codeOf = async (...args: string[]): Promise<string> =>
    (document(await run("schedule", "set", "nightly", ...args)) as { error: { code: string } }).error.code;
  assert.equal(await codeOf("--schedule", "0 0 30 2 *"), "cron_invalid");
  assert.equal(await codeOf("--tz", "Mars/Olympus"), "time_zone_unknown");
  assert.equal(await codeOf("--window", "03:00-03:00"), "window_invalid");
  assert.equal(await codeOf(), "usage");
  assert.equal(await codeOf("--declared", "--overlap", "skip"), "usage");
  const declared = document(await run("schedule", "set", "nightly", "--declared")) as { schedule_changes: unknown };
  assert.equal(declared.schedule_changes, null);
  const planned = await oa(["plan", file, "--data", data_dir], env);
  assert.match(planned.stdout, /^ {2}run on the schedule 0 2 \* \* \* \(UTC\), only while the machine is plugged in$/m);
  // Again, with a schedule chosen while consenting.
  const bad = document(await run("install", file, "--yes", "--schedule", "99 * * * *")) as { error: { code: string } };
  assert.equal(bad.error.code, "cron_invalid");
  const again = await oa(
    ["install", file, "--yes", "--schedule", "45 4 * * *", "--overlap", "queue_one", "--data", data_dir],
    env,
  );
  assert.match(
    again.stderr,
    /runs {6}on the schedule 45 4 \* \* \* \(UTC\), only while the machine is plugged in\n.*you chose that; it declares: on the schedule 0 2/,
  );
  const { schedules: after } = document(await run("schedule", "list")) as {
    schedules: { schedule: { expression: string; overlap: string } }[];
  };
  assert.deepEqual(
    after.map(({ schedule: { expression, overlap } }) => [expression, overlap]),
    [["45 4 * * *", "queue_one"]],
  );
});
