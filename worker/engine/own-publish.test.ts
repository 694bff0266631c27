import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { publishOwn } from "./own-publish.ts";

const KEY = new Uint8Array(32).fill(1);
const RELAYS = ["wss://a.example", "wss://b.example"];

function send(content: string, on = false, tags: string[][] = []) {
  const sent: NostrEvent[] = [];
  const pool = {
    publish: async (event: NostrEvent, relays: readonly string[]) => {
      sent.push(event);
      return relays.map((relay) => ({ relay, accepted: true, message: "" }));
    },
  };
  const event = signEvent({ kind: 1985, content, tags, created_at: 1 }, KEY, KEY);
  const gate = { pool, aup: "strict", kill_switch: { isOn: () => on }, now_ms: () => 0 } as const;
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
