import assert from "node:assert/strict";
import { test } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { curatorNames, keyRows, keyText, targetText } from "./key-text.ts";

const KEY = "a".repeat(64);
const NPUB = hexToNpub(KEY);
const SHORT = `${NPUB.slice(0, 13)}…${NPUB.slice(-6)}`;
const names = curatorNames({ curators: [{ pubkey: KEY, npub: NPUB, name: "Mo", roles: ["hold"] }], moderators: [] });

test("a key is shown by its name and the ends of its npub, whole where that is asked for", () => {
  assert.equal(keyText(KEY, { full: false }), SHORT);
  assert.equal(keyText(KEY, { full: false, names }), `Mo (${SHORT})`);
  assert.equal(keyText(KEY, { full: true, names }), `Mo (${NPUB})`);
  assert.equal(keyText(KEY, { full: true }), NPUB);
});

test("a name never stands for a key alone, and an empty one stands for nothing", () => {
  const unnamed = new Map([[KEY, ""]]);
  assert.equal(keyText(KEY, { full: false, names: unnamed }), SHORT);
  assert.match(keyText(KEY, { full: false, names }), /npub1/);
});

test("a listing is shown by its name and author, by its address where it is to be copied; an event by its id", () => {
  const value = `30051:${KEY}:me.watch`;
  assert.equal(targetText({ kind: "listing", value }, { full: false }), `me.watch by ${SHORT}`);
  assert.equal(targetText({ kind: "listing", value }, { full: true }), value);
  assert.equal(targetText({ kind: "event", value: KEY }, { full: false }), KEY);
  assert.equal(targetText({ kind: "key", value: KEY }, { full: false }), SHORT);
  // What an edge says may be anything.
  assert.equal(targetText({ kind: "listing", value: "30051:short:x" }, { full: false }), "30051:short:x");
});

test("with --json a key is whole in both forms, once, with its name where one is known", () => {
  assert.deepEqual(keyRows([KEY, KEY], names), [{ pubkey: KEY, npub: NPUB, name: "Mo" }]);
  assert.deepEqual(keyRows([KEY]), [{ pubkey: KEY, npub: NPUB, name: null }]);
  assert.deepEqual([...curatorNames(null)], []);
});
