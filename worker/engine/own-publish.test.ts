import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { type OutwardRecord, passOwn, publishOwn } from "./own-publish.ts";

const KEY = new Uint8Array(32).fill(1);
const RELAYS = ["wss://a.example", "wss://b.example"];

function send(content: string, on = false, tags: string[][] = [], record: OutwardRecord | null = null) {
  const sent: NostrEvent[] = [];
  const pool = {
    publish: async (event: NostrEvent, relays: readonly string[]) => {
      sent.push(event);
      return relays.map((relay) => ({ relay, accepted: true, message: "" }));
    },
  };
  const event = signEvent({ kind: 1985, content, tags, created_at: 1 }, KEY, KEY);
  const gate = { pool, aup: "strict", kill_switch: { isOn: () => on }, now_ms: () => 0, record } as const;
  const answer = publishOwn(event, RELAYS, "owner/test", gate, AbortSignal.timeout(5_000));
  return { answer, sent, event };
}
const TOKEN = `ghp_${"a1B2".repeat(9)}`;

test("what its owner says goes to each relay once, and each one's answer is given", async () => {
  const { answer, sent, event } = send("fine");
  const answers = await answer;
  assert.ok(!isRejection(answers));
  assert.deepEqual([answers.map(({ relay }) => relay), sent], [RELAYS, [event]]);
});

test("nothing is sent while the kill switch is on", async () => {
  const { answer, sent } = send("fine", true);
  const refused = await answer;
  assert.ok(isRejection(refused) && refused.code === "kill_switch_active");
  assert.deepEqual(sent, []);
});

for (const [where, content, tags] of [
  ["content", `use ${TOKEN}`, []],
  ["a tag", "fine", [["note", TOKEN]]],
] as const) {
  test(`a credential in ${where} is not made public, and the refusal does not repeat it`, async () => {
    const { answer, sent } = send(content, false, tags as unknown as string[][]);
    const refused = await answer;
    assert.ok(isRejection(refused) && refused.code === "secret_leak", JSON.stringify(refused));
    assert.ok(!refused.message.includes(TOKEN));
    assert.deepEqual(sent, []);
  });
}

/** A record that remembers what it was told, and refuses what it is told to. */
function recording(refusal: Rejection | null = null, lost = false) {
  const told: unknown[] = [];
  const record: OutwardRecord = {
    begin: async (write) => {
      told.push(write);
      return refusal ?? { outward_id: "out_1" };
    },
    end: async (outward_id, outcome) => {
      told.push([outward_id, outcome]);
      return lost ? reject("disk_full", "no room") : {};
    },
  };
  return { told, record };
}

test("what leaves is recorded before it is sent, and then with who took it", async () => {
  const { told, record } = recording();
  const { answer, event } = send("fine", false, [], record);
  await answer;
  assert.deepEqual(told, [
    { action_type: "event.publish", target: "event:publish:1985", approval_id: "owner/test", content: event.id },
    ["out_1", { accepted: RELAYS, refused: [] }],
  ]);
});

test("what the record refuses is not sent, whatever was thought before", async () => {
  const { told, record } = recording(reject("kill_switch_active", "switched on just now"));
  const { answer, sent } = send("fine", false, [], record);
  const refused = await answer;
  assert.ok(isRejection(refused) && refused.code === "kill_switch_active");
  assert.deepEqual([sent, told.length], [[], 1]);
});

const WRITE = {
  ...({ action_type: "site.publish", target: "network:egress:edge.example" } as const),
  ...{ approval_id: "command/site", content: "a".repeat(64) },
};
const gateWith = (record: OutwardRecord) => {
  return { aup: "strict", kill_switch: { isOn: () => false }, now_ms: () => 0, record } as const;
};
const nobody = () => ({ accepted: [], refused: [] });

test("an end is recorded where the other side refuses, and where nobody knows what came of it", async () => {
  const refusing = recording();
  const said = await passOwn(WRITE, gateWith(refusing.record), async () => reject("not_permitted", "no"), nobody);
  assert.ok(isRejection(said) && said.code === "not_permitted");
  assert.deepEqual(refusing.told[1], ["out_1", { accepted: [], refused: ["no (not_permitted)"] }]);
  const broken = recording();
  const sending = passOwn(WRITE, gateWith(broken.record), () => Promise.reject(new Error("cut off")), nobody);
  await assert.rejects(sending, /cut off/);
  assert.deepEqual(broken.told[1], ["out_1", { accepted: [], refused: ["what came of it is not known"] }]);
});

test("that the log could not keep what came of it is not passed over", async () => {
  const { record } = recording(null, true);
  await assert.rejects(
    passOwn(WRITE, gateWith(record), async () => ({}), nobody),
    /it was sent, and the log does not say so: no room/,
  );
});
