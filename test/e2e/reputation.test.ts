/** Rating, reporting and checking a score from the command line, against an edge in workerd. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ListingReputation } from "@oa/shared/generated/types.ts";
import { toEvent as attestationEvent } from "@oa/shared/nostr/01985-run-attestation.ts";
import { toEvent as ratingEvent } from "@oa/shared/nostr/30054-rating.ts";
import { toEvent as rollUpEvent } from "@oa/shared/nostr/30384-reputation.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import type { ReputationVerification } from "@oa/worker/admin/reputation-verify.ts";
import { document, killDaemons, oa, type Running, startOa } from "../cli/oa.ts";
import { type Client, connect, NOW } from "../edge/fixture.ts";
import { manifestBy, publish } from "../fakes/signed-upgrade.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-reputation-"));
const data = join(folder, "worker");
const env = { HOME: folder };
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [author, rater, liar] = [key(21), key(22), key(23)];
const sign = (template: EventTemplate, by: Uint8Array): NostrEvent => signEvent(template, by, key(9));

let edge: Running;
let client: Client;
let listing: string;
before(async () => {
  edge = await startOa(["edge", "--port", "0", "--data", join(folder, "edge")], env);
  client = await connect(String(edge.said.relay_url));
  const upgrade = publish(manifestBy(author), author);
  listing = upgrade.address;
  await send(upgrade.manifest_event, upgrade.release_event);
});
after(async () => {
  await client.close();
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

async function send(...events: readonly NostrEvent[]): Promise<void> {
  for (const event of events) assert.equal((await client.publish(event))[2], true, JSON.stringify(event));
}
const say = (...args: readonly string[]) => oa([...args, "--data", data, "--json"], { ...env, OA_EDGE_URL: edge.url });
async function ask<T>(...args: readonly string[]): Promise<T> {
  const said = await say(...args);
  assert.equal(said.code, 0, said.stderr + said.stdout);
  return document(said) as T;
}
async function until(holds: (found: ListingReputation) => boolean): Promise<ListingReputation> {
  for (const deadline = Date.now() + 20_000; ; ) {
    assert.ok(Date.now() < deadline, "it did not happen in time");
    const response = await fetch(`${edge.url}/v1/listings/${listing}/reputation`);
    const found = (await response.json()) as ListingReputation;
    if (response.status === 200 && holds(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const attested = (owner: Uint8Array, digit: number): NostrEvent => {
  const hex = publicKeyOf(key(digit));
  const run = { owner: publicKeyOf(owner), listing, release_event_id: hex, manifest_sha256: hex, run_sha256: hex };
  return sign(attestationEvent(run, { created_at: NOW - 100 }), key(digit));
};

describe("an owner rates, reports and checks", { timeout: 120_000 }, () => {
  let owner: string;
  it("a rating without proof of use says so, and is shown apart", async () => {
    const done = await ask<{ by: string; evidence: null }>("rate", listing, "--stars", "4", "--text", "Works.");
    owner = done.by;
    assert.equal(done.evidence, null);
    const { rollup } = await until(({ ratings }) => ratings.length === 1);
    assert.deepEqual([rollup.apart.unknown, rollup.raters.attested], [1, 0]);
  });
  it("with an attested run on the relay it points there, and counts", async () => {
    const { secret_key } = await loadOrCreateKey(data, "owner", null);
    assert.equal(publicKeyOf(secret_key), owner);
    const run = attested(secret_key, 31);
    await send(run);
    const done = await ask<{ evidence: object }>("rate", listing, "--stars", "5");
    assert.deepEqual(done.evidence, { kind: "attestation", event_id: run.id });
    await until(({ rollup, ratings }) => rollup.raters.attested === 1 && ratings[0]?.stars === 5);
    const shown = await ask<ListingReputation>("reputation", "show", listing);
    assert.equal(shown.rollup.listing, listing);
  });
  it("verify reckons the same score from the events on the relay", async () => {
    const found = await ask<ReputationVerification>("reputation", "verify", listing);
    assert.equal(found.verdict, "same");
    assert.deepEqual([found.differences, found.missing, found.left_out], [[], [], []]);
    assert.ok(found.events >= 2);
  });
  it("verify says exactly what differs in a roll-up that lies, and who signed it", async () => {
    const { rollup } = await until(() => true);
    const lie = { ...rollup, score: { ...rollup.score, stars_milli: 4_900 } };
    await send(sign(rollUpEvent(lie), liar));
    const said = await say("reputation", "verify", listing, "--indexer", publicKeyOf(liar));
    assert.equal(said.code, 1);
    const found = document(said) as unknown as ReputationVerification & { error: { code: string; message: string } };
    assert.equal(found.error.code, "reputation_differs");
    assert.match(found.error.message, /\/score\/stars_milli: claimed 4900, computed \d+/);
    assert.deepEqual([found.verdict, found.indexer, found.differences.length], ["differs", publicKeyOf(liar), 1]);
  });
  it("verify finds a rating that an indexer leaves out, and receipts that it let others sign", async () => {
    const left = sign(
      ratingEvent({ listing, stars: 1, review: "", evidence: null }, { created_at: NOW - 2_000 }),
      rater,
    );
    const { rollup } = await until(() => true);
    await send(left);
    await until(({ ratings }) => ratings.length === 2);
    const settings = { ...rollup.settings, receipt_signers: [publicKeyOf(liar)] };
    await send(sign(rollUpEvent({ ...rollup, settings, as_of: rollup.as_of + 1 }), liar));
    const said = await say("reputation", "verify", listing, "--indexer", publicKeyOf(liar));
    const found = document(said) as unknown as ReputationVerification;
    assert.deepEqual(found.left_out, [left.id]);
    assert.ok(found.differences.some(({ field }) => field === "/settings/receipt_signers/0"));
  });
  it("verify calls a score unproven whose events nobody has any more", async () => {
    const before = await until(({ ratings }) => ratings.length === 2);
    await send(sign(rollUpEvent({ ...before.rollup, as_of: before.rollup.as_of + 2 }), key(24)));
    const rating = before.ratings.find(({ rater: by }) => by === publicKeyOf(rater));
    await send(sign({ kind: 5, created_at: NOW, content: "", tags: [["e", rating?.event_id ?? ""]] }, rater));
    const said = await say("reputation", "verify", listing, "--indexer", publicKeyOf(key(24)));
    const found = document(said) as unknown as ReputationVerification;
    assert.deepEqual([said.code, found.verdict, found.missing], [1, "unproven", [rating?.event_id]]);
  });
  it("a report goes to the relay in NIP-56's words", async () => {
    await ask("report", listing, "--reason", "malware", "--text", "It mines.");
    const [report] = await client.query({ kinds: [1984], "#a": [listing] });
    assert.deepEqual([report?.pubkey, report?.content], [owner, "It mines."]);
  });
  it("what cannot be rated is refused with a sentence and the right status", async () => {
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [["rate", "me.watch", "--stars", "5"], 1, "not_found"],
      [["rate", "./me.watch", "--stars", "5"], 2, "usage"],
      [["rate", listing, "--stars", "6"], 2, "usage"],
      [["rate", listing], 2, "usage"],
      [["rate", listing, "--stars", "5", "--text", "x".repeat(2_001)], 3, "schema_invalid"],
      [["report", listing, "--reason", "boring"], 2, "usage"],
      [["reputation", "verify", `30051:${publicKeyOf(liar)}:none`], 1, "not_found"],
      [["rate", listing, "--stars", "5", "--relay", "ws://127.0.0.1:1/"], 1, "relay_refused"],
    ];
    for (const [args, code, reason] of cases) {
      const said = await say(...args);
      const { error } = document(said) as { error: { code: string } };
      assert.deepEqual([said.code, error.code], [code, reason], args.join(" "));
    }
  });
  it("the kill switch stops a rating before anything is signed or sent", async () => {
    const said = await oa(["rate", listing, "--stars", "1", "--data", data, "--json"], {
      ...env,
      OA_EDGE_URL: edge.url,
      OA_KILL_SWITCH: "true",
    });
    assert.deepEqual(
      [said.code, (document(said) as { error: { code: string } }).error.code],
      [3, "kill_switch_active"],
    );
  });
});
