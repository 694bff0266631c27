import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "oa-service-log-"));
after(() => rmSync(folder, { recursive: true }));

/** A process with its output appended to a file, as launchd does it, that writes numbered lines. */
function writeLines(output: string, file: string, lines: number): void {
  const script = `
    const { serviceStderr } = await import(${JSON.stringify(join(import.meta.dirname, "service-log.ts"))});
    const { writeSync } = await import("node:fs");
    const say = serviceStderr(${JSON.stringify(file)}, 10_000, (line) => void writeSync(2, line));
    for (let line = 1; line <= ${lines}; line += 1) say("line " + line + " " + "x".repeat(90) + "\\n");`;
  const fd = openSync(output, "a");
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", fd, fd] });
  closeSync(fd);
  assert.equal(child.status, 0);
}

test("the file that a service's output is appended to stays bounded, and the last lines are in it or beside it", () => {
  const file = join(folder, "worker.log");
  writeLines(file, file, 1_000);
  assert.ok(statSync(file).size <= 20_000 && statSync(`${file}.1`).size <= 30_000);
  const kept = readFileSync(`${file}.1`, "utf8") + readFileSync(file, "utf8");
  assert.match(kept, /line 1000 x+\n$/);
  assert.ok(!kept.includes("\0"), "nothing but lines");
  // What an earlier process left is looked at too.
  writeLines(file, file, 1);
  assert.match(readFileSync(`${file}.1`, "utf8") + readFileSync(file, "utf8"), /line 1 x+\n/);
});

test("a file that is not this process's output is left alone", () => {
  const [file, other] = [join(folder, "other.log"), join(folder, "output.log")];
  writeLines(file, join(folder, "elsewhere.log"), 300);
  writeLines(other, file, 300);
  assert.ok(statSync(file).size > 20_000 && !existsSync(`${file}.1`));
});
