/** The guide on NIPs says what is spoken: the relay's column, the sources and the tests are compared with it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RELAY_NIPS, relayInformation } from "../edge/relay/information.ts";

const ROOT = join(import.meta.dirname, "..");
const guide = readFileSync(join(ROOT, "site/src/content/docs/guides/nips.md"), "utf8");
const SPEAKERS = ["edge", "worker", "shared", "site/src"];

interface Row {
  readonly nip: number;
  readonly relay: boolean;
  readonly spoken: boolean;
  readonly what: string;
  readonly proof: string;
}

const rows: readonly Row[] = guide
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) => {
    const [nip = "", relay = "", edge = "", worker = "", page = "", what = "", proof = ""] = line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
    assert.ok(
      [relay, edge, worker, page].every((cell) => cell === "" || cell === "yes"),
      line,
    );
    return { nip: Number(nip), relay: relay === "yes", spoken: /yes/.test(relay + edge + worker + page), what, proof };
  });

test("the relay's column is what the relay announces", () => {
  const said = rows.filter(({ relay }) => relay).map(({ nip }) => nip);
  const announced = relayInformation({ self: null, operator: null }, { disallowed_kinds: [] });
  assert.ok("supported_nips" in announced);
  assert.deepEqual(said, announced.supported_nips);
  assert.deepEqual(said, [...RELAY_NIPS]);
});

test("each NIP is there once, in order, with who speaks it and what of it", () => {
  const nips = rows.map(({ nip }) => nip);
  assert.deepEqual(
    nips,
    [...new Set(nips)].sort((a, b) => a - b),
  );
  for (const { nip, spoken, what } of rows) assert.ok(spoken && what.length > 10, `NIP-${nip}`);
});

test("every NIP that the sources name is in the table", () => {
  const named = new Map<number, string>();
  for (const place of SPEAKERS) {
    for (const path of readdirSync(join(ROOT, place), { recursive: true, encoding: "utf8" })) {
      if (!/\.(ts|astro)$/.test(path) || /node_modules|generated|\.test\.ts$/.test(path)) continue;
      const source = readFileSync(join(ROOT, place, path), "utf8");
      for (const [, nip] of source.matchAll(/\bNIP-(\d{2})\b/g)) named.set(Number(nip), `${place}/${path}`);
    }
  }
  const known = new Set(rows.map(({ nip }) => nip));
  assert.ok(named.size > 20);
  assert.deepEqual(
    [...named].filter(([nip]) => !known.has(nip)),
    [],
  );
});

test("each proof is a test that there is", () => {
  for (const { nip, proof } of rows) {
    const proofs = [...proof.matchAll(/`([^`]+)` "([^"]+)"/g)];
    assert.ok(proofs.length > 0, `NIP-${nip} has a proof`);
    for (const [, path = "", words = ""] of proofs) {
      assert.ok(
        path.endsWith(".test.ts") && existsSync(join(ROOT, path)),
        `${path}, of NIP-${nip}, is a file of tests`,
      );
      const names = [...readFileSync(join(ROOT, path), "utf8").matchAll(/\b(?:test|it)\(\s*(["`])(.*?)\1/g)];
      assert.ok(
        names.some(([, , name = ""]) => name.includes(words)),
        `${path} has a test of the name "${words}", of NIP-${nip}`,
      );
    }
  }
});
