import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hashBody } from "@oa/shared/core/hash-chain.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { exportLines, verifyExport } from "./audit.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-audit-"));
after(() => rmSync(folder, { recursive: true }));

function log(count: number) {
  const stream = "workspace/local";
  const links: { stream: string; seq: number; body: string; event_hash: string }[] = [];
  for (let seq = 1; seq <= count; seq += 1) {
    const prev_event_hash = links.at(-1)?.event_hash ?? null;
    const body = canonicalize({
      stream_type: "workspace",
      stream_id: "local",
      stream_seq: seq,
      prev_event_hash,
      data: {},
    });
    links.push({ stream, seq, body, event_hash: hashBody(body) });
  }
  const heads = [{ stream, seq: count, event_hash: links.at(-1)?.event_hash ?? "" }];
  return { links: () => links, heads: () => heads };
}

function verify(lines: readonly string[]) {
  const file = join(folder, "log.jsonl");
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  return verifyExport(file);
}

const whole = [...exportLines(log(3))];

test("an export begins with the heads and verifies whole", () => {
  assert.deepEqual(Object.keys(JSON.parse(whole[0] ?? "")), ["heads"]);
  assert.deepEqual(verify(whole), { ok: true, events: 3, first_bad: null });
});

test("events that are appended while the export is read are left out of it", () => {
  const { links } = log(5);
  const lines = [...exportLines({ links, heads: log(3).heads })];
  assert.deepEqual(verify(lines), { ok: true, events: 3, first_bad: null });
});

const altered = (whole[2] ?? "").replace("local", "other");
const bad: readonly [string, readonly string[], string, number][] = [
  ["a file without its heads", whole.slice(1), "malformed", 0],
  ["an empty file", [], "malformed", 0],
  ["a file that lost its last line", whole.slice(0, -1), "truncated", 3],
  ["a file with only its heads", whole.slice(0, 1), "truncated", 1],
  ["a line missing in the middle", [...whole.slice(0, 2), ...whole.slice(3)], "sequence_gap", 3],
  ["a line twice", [...whole.slice(0, 3), ...whole.slice(2)], "sequence_gap", 2],
  ["an altered stream", [...whole.slice(0, 2), altered, ...whole.slice(3)], "unknown_stream", 2],
  ["a line that is not JSON", [...whole.slice(0, 2), "{", ...whole.slice(3)], "malformed", 2],
  ["a line that is no link", [...whole.slice(0, 2), "[]", ...whole.slice(3)], "malformed", 2],
  ["a line more than the heads know", [...whole, ...[...exportLines(log(4))].slice(4)], "unknown_stream", 4],
];
for (const [what, lines, code, seq] of bad) {
  test(`${what} is found: ${code} at ${seq}`, () => {
    const report = verify(lines);
    assert.equal(report.ok, false);
    assert.deepEqual([report.first_bad?.code, report.first_bad?.seq], [code, seq]);
  });
}

test("a file that is not there is an error, never a whole log", () => {
  assert.throws(() => verifyExport(join(folder, "none.jsonl")), { code: "ENOENT" });
});
