import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventPublisher } from "./publisher.ts";

describe("an upgrade that publishes events", () => {
  const sent: (readonly string[])[] = [];
  const publisher = (grant: readonly string[] | null) =>
    eventPublisher(
      {
        secret_key: new Uint8Array(32).fill(1),
        relays: ["wss://a.example", "wss://b.example"],
        random: (count) => new Uint8Array(count).fill(2),
        pool: {
          publish: async (_, relays) => {
            sent.push(relays);
            return relays.map((relay) => ({ relay, accepted: true, message: "" }));
          },
        },
      },
      grant,
    );
  const note = { kind: 1, content: "hello", tags: [] };
  const when = { created_at: 1_800_000_000, signal: new AbortController().signal };

  it("reaches the relays its owner chose, or those of them it names", async () => {
    const { accepted } = await publisher(["event:publish:1"]).publish(note, when);
    assert.deepEqual(accepted, ["wss://a.example", "wss://b.example"]);
    await publisher(["event:publish:1"]).publish(note, { ...when, relays: ["wss://b.example"] });
    assert.deepEqual(sent.at(-1), ["wss://b.example"]);
  });
  it("is refused a relay its owner did not choose", async () => {
    const before = sent.length;
    const asked = publisher(["event:publish:1"]).publish(note, { ...when, relays: ["ws://169.254.169.254/"] });
    await assert.rejects(asked, { code: "not_permitted" });
    assert.equal(sent.length, before);
  });
  it("is refused a kind the grant does not name", async () => {
    await assert.rejects(publisher(["event:publish:1"]).publish({ ...note, kind: 0 }, when), { code: "not_permitted" });
    await assert.rejects(publisher([]).publish(note, when), { code: "not_permitted" });
  });
  it("signs the same event for the same step and time", async () => {
    const [first, second] = [
      await publisher(null).publish(note, { ...when, relays: ["wss://c.example"] }),
      await publisher(null).publish(note, { ...when, relays: ["wss://c.example"] }),
    ];
    assert.equal(first.event_id, second.event_id);
    assert.deepEqual(sent.at(-1), ["wss://c.example"]);
  });
});
