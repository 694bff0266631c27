import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { fromEvent, snapshotRoot, toEvent } from "./30078-snapshot.ts";
import { pureSchnorr } from "./schnorr.ts";
import { verifyEvent } from "./verify.ts";

const example = join(import.meta.dirname, "../../schemas/examples/nostr/30078-snapshot/valid/three-listings.json");

test("a snapshot's event is read and written the same again", () => {
  const event = verifyEvent(JSON.parse(readFileSync(example, "utf8")), pureSchnorr);
  assert.ok(!isRejection(event));
  const snapshot = fromEvent(event);
  assert.ok(!isRejection(snapshot));
  assert.deepEqual({ events: snapshot.events, listings: snapshot.listings }, { events: 5, listings: 3 });
  const { kind, created_at, tags, content } = event;
  assert.deepEqual(toEvent(snapshot), { kind, created_at, tags, content });
});

test("the root does not depend on the order of events and changes with any of them", () => {
  const ids = ["a", "b", "c"].map((digit) => digit.repeat(64));
  assert.equal(snapshotRoot(ids), snapshotRoot([...ids].reverse()));
  for (const [index] of ids.entries()) {
    assert.notEqual(snapshotRoot(ids), snapshotRoot(ids.toSpliced(index, 1)));
    assert.notEqual(snapshotRoot(ids), snapshotRoot(ids.with(index, "d".repeat(64))));
  }
});

test("what is not a snapshot of a catalog is foreign, and one without its counts is refused", () => {
  const event = verifyEvent(JSON.parse(readFileSync(example, "utf8")), pureSchnorr);
  assert.ok(!isRejection(event));
  const read = (change: (tag: readonly string[]) => readonly string[]) => {
    const snapshot = fromEvent({ ...event, tags: event.tags.map(change) } as typeof event);
    return isRejection(snapshot) ? snapshot.code : snapshot;
  };
  assert.equal(
    read((tag) => (tag[0] === "d" ? ["d", "settings"] : tag)),
    "foreign_event",
  );
  assert.equal(
    read((tag) => (tag[0] === "L" ? ["L", "else"] : tag)),
    "foreign_event",
  );
  assert.equal(
    read((tag) => (tag[0] === "listings" ? ["listings", "03"] : tag)),
    "event_tag_mismatch",
  );
  assert.equal(
    read((tag) => (tag[0] === "x" ? ["x", "beef"] : tag)),
    "event_tag_mismatch",
  );
});
