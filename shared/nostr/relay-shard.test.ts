import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS } from "./kinds.ts";
import { relayShards, shardName, shardOfEvent, shardOfKey, shardsOfFilter } from "./relay-shard.ts";

const NOBODY: ReadonlySet<string> = new Set();
const keyOf = (first: string): string => first.padEnd(64, "5");
const note = (pubkey: string, kind: number = KINDS.note.kind, tags: string[][] = []) => ({ kind, pubkey, tags });
const all = (count: number): number[] => Array.from({ length: count }, (_, shard) => shard);

test("a relay has one shard unless a power of two is set", () => {
  assert.deepEqual([undefined, "", "1", "2", "16", "256"].map(relayShards), [1, 1, 1, 2, 16, 256]);
  for (const wrong of ["0", "3", "-2", "1.5", "512", "many", "NaN"])
    assert.throws(() => relayShards(wrong), /RELAY_SHARDS/);
});

test("shards have equal ranges of the keys, in their order", () => {
  assert.deepEqual(
    ["00", "3f", "40", "7f", "80", "c0", "ff"].map((first) => shardOfKey(keyOf(first), 4)),
    [0, 0, 1, 1, 2, 3, 3],
  );
  assert.equal(shardOfKey(keyOf("ff"), 1), 0);
  assert.equal(shardOfKey(keyOf("ff"), 256), 255);
  for (const wrong of ["", "zz", "FF", "f"]) assert.equal(shardOfKey(wrong, 16), 0, wrong);
});

test("twice as many shards halve each range, and the lower half keeps its name", () => {
  for (let byte = 0; byte < 256; byte += 1) {
    const key = keyOf(byte.toString(16).padStart(2, "0"));
    for (let count = 1; count < 256; count *= 2) {
      assert.equal(Math.floor(shardOfKey(key, count * 2) / 2), shardOfKey(key, count));
    }
  }
  for (const shard of all(16)) assert.equal(shardName(shard * 2, 32), shardName(shard, 16));
  assert.equal(new Set(all(256).map((shard) => shardName(shard, 256))).size, 256);
});

test("an event lies with its author's, whatever its kind, and a sealed one with its recipient's", () => {
  const [author, recipient] = [keyOf("f0"), keyOf("10")];
  for (const kind of [0, 1, 5, 30051, 30054])
    assert.equal(shardOfEvent(note(author, kind, [["p", recipient]]), 16), 15);
  for (const kind of [1059, 21059]) assert.equal(shardOfEvent(note(author, kind, [["p", recipient]]), 16), 1);
  for (const tags of [[], [["p"]], [["p", "nobody"]]]) assert.equal(shardOfEvent(note(author, 1059, tags), 16), 0);
});

test("a filter touches the shards of its authors, once each, and all where it names none", () => {
  const authors = [keyOf("f0"), keyOf("11"), keyOf("10")];
  assert.deepEqual(shardsOfFilter({ authors, tags: {} }, 16, NOBODY), [1, 15]);
  assert.deepEqual(shardsOfFilter({ authors, kinds: [1], tags: { p: [keyOf("80")] } }, 16, "edge"), [1, 15]);
  assert.deepEqual(shardsOfFilter({ tags: {} }, 16, NOBODY), all(16));
  assert.deepEqual(shardsOfFilter({ kinds: [1], tags: { p: [keyOf("80")] } }, 16, NOBODY), all(16));
  assert.deepEqual(shardsOfFilter({ authors: [], tags: {} }, 16, NOBODY), []);
  assert.deepEqual(shardsOfFilter({ authors, tags: {} }, 1, NOBODY), [0]);
});

test("sealed events are looked for with the recipients that the reader is, and by the edge with all", () => {
  const [own, other, author] = [keyOf("20"), keyOf("30"), keyOf("f0")];
  const sealed = { kinds: [1059], tags: { p: [own, other] } };
  assert.deepEqual(shardsOfFilter(sealed, 16, new Set([own])), [2]);
  assert.deepEqual(shardsOfFilter(sealed, 16, "edge"), [2, 3]);
  assert.deepEqual(shardsOfFilter({ kinds: [1059], tags: {} }, 16, new Set([own])), [2]);
  assert.deepEqual(shardsOfFilter({ kinds: [1059], tags: {} }, 16, NOBODY), []);
  assert.deepEqual(shardsOfFilter({ kinds: [1059], tags: {} }, 16, "edge"), all(16));
  assert.deepEqual(shardsOfFilter({ authors: [author], tags: {} }, 16, new Set([own])), [2, 15]);
  assert.deepEqual(shardsOfFilter({ authors: [author], tags: {} }, 16, "edge"), all(16));
});

test("every event that meets a filter and may be read is in a shard that the filter touches", () => {
  const keys = all(64).map((index) => keyOf((index * 4).toString(16).padStart(2, "0")));
  for (const [index, author] of keys.entries()) {
    const recipient = keys[(index * 7) % keys.length] ?? author;
    for (const kind of [1, 1059]) {
      const event = note(author, kind, [["p", recipient]]);
      const shard = shardOfEvent(event, 16);
      for (const filter of [
        { tags: {} },
        { kinds: [kind], tags: {} },
        { authors: [author], tags: {} },
        { authors: [author], kinds: [kind], tags: { p: [recipient] } },
        { tags: { p: [recipient] } },
      ]) {
        for (const reader of ["edge", new Set([recipient])] as const) {
          assert.ok(shardsOfFilter(filter, 16, reader).includes(shard), JSON.stringify({ filter, kind }));
        }
      }
    }
  }
});
