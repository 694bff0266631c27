import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nip77 } from "nostr-tools";
import { sha256Hex } from "../core/hash.ts";
import { isRejection } from "../core/refusal.ts";
import { answerSync, beginSync, continueSync, type SyncItem, syncSet } from "./negentropy.ts";

const item = (n: number, created_at = 1_700_000_000 + (n % 7)): SyncItem => ({ created_at, id: sha256Hex(`${n}`) });
const items = (from: number, to: number): SyncItem[] => Array.from({ length: to - from }, (_, n) => item(from + n));
const ids = (list: readonly SyncItem[]): string[] => list.map(({ id }) => id).sort();

/** Both sides are ours; what the one that began learns, and how many messages it sent. */
function sync(mine: readonly SyncItem[], theirs: readonly SyncItem[]) {
  const [own, other] = [syncSet(mine), syncSet(theirs)];
  const [have, need]: [string[], string[]] = [[], []];
  let rounds = 0;
  for (let message: string | null = beginSync(own); message !== null; rounds += 1) {
    assert.ok(rounds < 200, "it comes to an end");
    const answer = answerSync(other, message);
    assert.ok(!isRejection(answer));
    const step = continueSync(own, answer);
    assert.ok(!isRejection(step));
    have.push(...step.have);
    need.push(...step.need);
    message = step.reply;
  }
  return { have: have.sort(), need: need.sort(), rounds };
}

describe("two sets of events are compared by ranges (NIP-77)", () => {
  it("each side's own are found, with equal times and with none in common", () => {
    const shared = items(0, 500);
    const [mine, theirs] = [items(1_000, 1_040), items(2_000, 2_100)];
    const { have, need } = sync([...shared, ...mine], [...shared, ...theirs]);
    assert.deepEqual([have, need], [ids(mine), ids(theirs)]);
    assert.deepEqual(sync(mine, theirs).need, ids(theirs));
    assert.deepEqual(sync([], theirs), { have: [], need: ids(theirs), rounds: 1 });
    assert.deepEqual(sync(mine, []).have, ids(mine));
    assert.deepEqual(sync([], []), { have: [], need: [], rounds: 1 });
  });
  it("equal sets take one round, however large", () => {
    const all = items(0, 20_000);
    assert.deepEqual(sync(all, all), { have: [], need: [], rounds: 1 });
  });
  it("ten thousand events of one second that one side lacks all arrive, over several messages", () => {
    const many = Array.from({ length: 10_000 }, (_, n) => item(n, 1_700_000_000));
    const { need, rounds } = sync([], many);
    assert.deepEqual(need, ids(many));
    assert.ok(rounds > 1);
  });
  it("any two sets", () => {
    const set = fc.uniqueArray(fc.nat(300), { maxLength: 200 });
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [mine, theirs] = [a.map((n) => item(n)), b.map((n) => item(n))];
        const { have, need } = sync(mine, theirs);
        assert.deepEqual(have, ids(mine.filter((_, n) => !b.includes(a[n] ?? -1))));
        assert.deepEqual(need, ids(theirs.filter((_, n) => !a.includes(b[n] ?? -1))));
      }),
      { numRuns: 200 },
    );
  });
  it("another implementation that begins learns the same from our answers", () => {
    for (const [mine, theirs] of [
      [items(0, 300), items(100, 500)],
      [[], items(0, 3_000)],
      [items(0, 10), []],
    ] as const) {
      const storage = new nip77.NegentropyStorageVector();
      for (const { created_at, id } of mine) storage.insert(created_at, id);
      storage.seal();
      const [have, need]: [string[], string[]] = [[], []];
      const other = new nip77.Negentropy(storage);
      let message: string | null = other.initiate();
      while (message !== null) {
        const answer = answerSync(syncSet(theirs), message);
        assert.ok(!isRejection(answer));
        message = other.reconcile(
          answer,
          (id) => have.push(id),
          (id) => need.push(id),
        );
      }
      const own = new Set(ids(mine));
      assert.deepEqual(
        have.sort(),
        ids(mine).filter((id) => !new Set(ids(theirs)).has(id)),
      );
      assert.deepEqual(
        need.sort(),
        ids(theirs).filter((id) => !own.has(id)),
      );
    }
  });
});

describe("a message that makes no sense is refused", () => {
  const set = syncSet(items(0, 100));
  const bad: Readonly<Record<string, string>> = {
    "nothing at all": "",
    "not hex": "zz",
    "half a byte": "6",
    "another version": "62",
    "a bound without a mode": "610000",
    "an unknown mode": "61000007",
    "a fingerprint cut short": "61000001ff",
    "a bound longer than an id": "61002101",
    "a list that claims more than it holds": "6100000290ffffff7f",
    "a number without end": `61${"ff".repeat(40)}`,
  };
  for (const [what, message] of Object.entries(bad)) {
    it(what, () => {
      for (const answer of [answerSync(set, message), continueSync(set, message)]) {
        assert.ok(isRejection(answer) && answer.code === "sync_invalid", JSON.stringify(answer));
      }
    });
  }
  it("bytes at random are refused or answered, and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const message = `61${Buffer.from(bytes).toString("hex")}`;
        answerSync(set, message);
        continueSync(set, message);
      }),
      { numRuns: 2_000 },
    );
  });
});
