import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { knownSecrets } from "@oa/shared/core/known-secrets.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { redact } from "@oa/shared/core/secrets.ts";
import { type LogOptions, openLog } from "./log.ts";

describe("the worker's log", () => {
  const root = mkdtempSync(join(tmpdir(), "oa-log-"));
  after(() => rmSync(root, { recursive: true, force: true }));
  let count = 0;
  const open = (change: Partial<LogOptions> = {}) => {
    count += 1;
    const folder = join(root, String(count));
    const said: string[] = [];
    const options: LogOptions = {
      ...{ folder, level: "info", redact, now_ms: () => 1_750_000_000_000 },
      stderr: (line) => said.push(line),
      ...change,
    };
    const lines = () =>
      readFileSync(join(folder, "worker.log"), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    return { log: openLog(options), said, folder: options.folder, lines };
  };

  it("is one JSON object a line, for its owner alone", () => {
    const { log, lines, folder } = open();
    log.write("info", "two\nlines", { run_id: "run_1", count: 2 });
    const at = "2025-06-15T15:06:40.000Z";
    assert.deepEqual(lines(), [{ at, level: "info", message: "two\nlines", run_id: "run_1", count: 2 }]);
    assert.equal(statSync(join(folder, "worker.log")).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });
  it("keeps a fault with its code and a bug with its stack, and says both on stderr", () => {
    const { log, lines, said } = open();
    log.error(new Fault("timeout", "it took too long", { retryable: true }));
    log.error(new TypeError("a bug"));
    log.error("text");
    const [fault, bug, text] = lines();
    assert.deepEqual([fault.code, fault.retryable, fault.message], ["timeout", true, "it took too long"]);
    assert.match(bug.stack, /TypeError: a bug\n +at /);
    assert.equal(text.message, "text");
    assert.equal(said.length, 3);
  });
  it("keeps an error that a loop says again and again once a minute, and says how often it came", () => {
    let now_ms = 1_750_000_000_000;
    const { log, lines, said } = open({ now_ms: () => now_ms });
    const full = () => log.error(new Fault("disk_full", "the disk is full: nothing was written", { retryable: true }));
    for (let count = 0; count < 60; count += 1) {
      full();
      now_ms += 1_000;
    }
    log.error(new Fault("timeout", "something else"));
    full();
    assert.deepEqual(
      lines().map(({ code, repeated = 0 }) => [code, repeated]),
      [...[["disk_full", 0]], ...[["timeout", 0]], ...[["disk_full", 59]]],
    );
    assert.equal(said.length, 3);
  });
  it("tells an error again where the clock was set back, and forgets the oldest of very many", () => {
    let now_ms = 1_750_000_000_000;
    const { log, lines } = open({ now_ms: () => now_ms });
    log.error(new Fault("timeout", "it took too long"));
    now_ms -= 3_600_000;
    log.error(new Fault("timeout", "it took too long"));
    assert.equal(lines().length, 2);
    for (let count = 0; count < LIMITS.log_known_errors; count += 1) log.error(`another ${count}`);
    log.error(new Fault("timeout", "it took too long"));
    assert.equal(lines().length, 3 + LIMITS.log_known_errors);
  });
  it("leaves out what its owner does not want to read", () => {
    const { log, lines, said } = open({ level: "warn" });
    log.write("debug", "a");
    log.write("info", "b");
    log.write("warn", "c");
    assert.deepEqual([lines().map(({ message }) => message), said.length], [["c"], 1]);
  });
  it("holds no secret, neither in a message nor in a field, on disk or on stderr", () => {
    const key = "5".repeat(64);
    const { log, folder, said } = open({
      redact: (text) => redact(text, knownSecrets([{ name: "a key", value: key }])),
    });
    const error = new Error(`cannot sign with ${key}`, { cause: new Error(key) });
    log.error(error);
    log.write("warn", "asked", { url: `https://u:passw0rd@host.example/?token=tok1234567`, key });
    const all = readFileSync(join(folder, "worker.log"), "utf8") + said.join("");
    for (const secret of [key, "passw0rd", "tok1234567"]) assert.ok(!all.includes(secret), all);
  });
  it("is cut where it is long", () => {
    const { log, lines } = open();
    log.write("info", "x".repeat(1_000_000));
    assert.equal(lines()[0].message.length, LIMITS.log_line_chars);
  });
  it("begins a new file when one is full, and keeps a bounded number", () => {
    const { log, folder } = open({ file_bytes: 1_000 });
    for (let line = 0; line < 400; line += 1) log.write("info", "x".repeat(100));
    const files = readdirSync(folder);
    assert.equal(files.length, LIMITS.log_files);
    for (const name of files) assert.ok(statSync(join(folder, name)).size <= 1_000);
  });
  it("goes on in its file after a restart, and deletes what is too old", () => {
    const { folder } = open();
    const first = openLog({ folder, level: "info", redact, now_ms: Date.now, stderr: () => {} });
    first.write("info", "one");
    const old = join(folder, "worker-2020-01-01T00-00-00-000Z-0.log");
    writeFileSync(old, "old\n");
    utimesSync(old, 1_577_836_800, 1_577_836_800);
    const second = openLog({ folder, level: "info", redact, now_ms: Date.now, stderr: () => {} });
    second.write("info", "two");
    assert.deepEqual(readdirSync(folder), ["worker.log"]);
    assert.equal(readFileSync(join(folder, "worker.log"), "utf8").trimEnd().split("\n").length, 2);
  });
  it("of a worker that says little holds nothing older than its time", () => {
    let now_ms = 1_750_000_000_000;
    const { log, folder } = open({ now_ms: () => now_ms });
    const oldest = (): number => {
      const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"));
      return Math.min(...lines.map((line) => Date.parse(JSON.parse(line).at)));
    };
    // The clock was years ahead when it began.
    now_ms += 3_650 * 86_400_000;
    log.write("info", "ahead");
    now_ms -= 3_650 * 86_400_000;
    for (let day = 0; day < 40; day += 1) {
      log.write("info", "a day");
      // Restarts do not make a file young again.
      if (day % 2 === 0) {
        openLog({ folder, level: "info", redact, now_ms: () => now_ms, stderr: () => {} }).write("info", "again");
      }
      assert.ok(now_ms - oldest() <= LIMITS.log_ms, `day ${day}`);
      now_ms += 86_400_000;
    }
    assert.ok(readdirSync(folder).length > 5);
    assert.ok(!readdirSync(folder).some((name) => readFileSync(join(folder, name), "utf8").includes("ahead")));
  });
  it("that cannot be written says so once on stderr and throws nothing", () => {
    writeFileSync(join(root, "file"), "");
    const { log, said } = open({ folder: join(root, "file") });
    log.write("info", "a");
    log.write("info", "b");
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /the log cannot be written/);
  });
});
