import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { linesOf } from "./loader.ts";

test("a listing is one line of the snapshot, whatever separators of Unicode its author wrote", async () => {
  const folder = mkdtempSync(join(tmpdir(), "oa-loader-"));
  try {
    const texts = ["a\u2028b", "c\u2029d", "e\r", "ü".repeat(70_000), "last"];
    const file = join(folder, "catalog.ndjson");
    writeFileSync(file, `${texts.map((text) => JSON.stringify(text)).join("\n")}\n`);
    const read: unknown[] = [];
    for await (const line of linesOf(file)) read.push(JSON.parse(line));
    assert.deepEqual(read, texts);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
