/** Ratings from the relay to a signed score: the built edge in workerd, a fake LNURL server, real signatures. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type {
  CatalogListing,
  CatalogPage,
  ListingReputation,
  ReputationInputs,
  SnapshotPage,
} from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { toEvent as attestationEvent } from "@oa/shared/nostr/01985-run-attestation.ts";
import { toEvent as ratingEvent, type Stars } from "@oa/shared/nostr/30054-rating.ts";
import { fromEvent as rollUpFrom } from "@oa/shared/nostr/30384-reputation.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type EventTemplate, publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";
import { encodeBytes } from "nostr-tools/nip19";
import { generateSecretKey } from "nostr-tools/pure";
import { type FakeLnurlServer, startFakeLnurlServer } from "../fakes/lnurl-server.ts";
import { manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { type Client, connect, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const wallet = generateSecretKey();
let lnurl: FakeLnurlServer;
let host: TestEdge;
let client: Client;

before(async () => {
  lnurl = await startFakeLnurlServer(wallet);
  host = await openTestEdge({ LNURL_HOSTS: lnurl.host });
  client = await connect(host.edge().relay_url);
});
after(async () => {
  await client.close();
  await host.close();
  await lnurl.close();
});

const plain = (template: EventTemplate, by: Uint8Array): NostrEvent =>
  signed(by, { ...template, tags: template.tags.map((tag) => [...tag]) });
const rates = (listing: string, by: Uint8Array, stars: Stars, created_at = NOW, review = ""): NostrEvent =>
  plain(ratingEvent({ listing, stars, review, evidence: null }, { created_at }), by);
const attests = (listing: string, owner: Uint8Array, created_at = NOW): NostrEvent => {
  const hex = publicKeyOf(generateSecretKey());
  const run = { owner: publicKeyOf(owner), listing, release_event_id: hex, manifest_sha256: hex, run_sha256: hex };
  return plain(attestationEvent(run, { created_at }), generateSecretKey());
};
async function send(...events: readonly NostrEvent[]): Promise<void> {
  for (const event of events) assert.deepEqual((await client.publish(event))[2], true, JSON.stringify(event));
}
/** A fresh author's listing in the catalog. */
async function list(title = "Rated"): Promise<{ readonly author: Uint8Array; readonly listing: string }> {
  const author = generateSecretKey();
  const { manifest_event, release_event, address } = publish(manifestBy(author, { title }), author);
  await send(manifest_event, release_event);
  return { author, listing: address };
}
const get = async <T>(path: string): Promise<T> => (await (await fetch(`${host.edge().url}${path}`)).json()) as T;
const reputation = (listing: string): Promise<ListingReputation> => get(`/v1/listings/${listing}/reputation`);
async function until(listing: string, holds: (found: ListingReputation) => boolean): Promise<ListingReputation> {
  let found = await reputation(listing);
  await eventually(async () => {
    found = await reputation(listing);
    return found.rollup !== undefined && holds(found);
  });
  assert.ok(validators.isListingReputation(found), JSON.stringify(validators.isListingReputation.errors));
  return found;
}

test("ratings become a score with its explanation, and the signed roll-up is on the relay", async () => {
  const { listing } = await list();
  const [proven, stranger] = [generateSecretKey(), generateSecretKey()];
  await send(attests(listing, proven), rates(listing, proven, 5, NOW, "Good."), rates(listing, stranger, 1));
  const found = await until(listing, ({ ratings }) => ratings.length === 2);
  assert.deepEqual(found.rollup.raters, { receipt: 0, attested: 1, trusted: 0 });
  assert.equal(found.rollup.score.stars_milli, 3_182);
  assert.deepEqual([found.rollup.apart.unknown, found.rollup.apart.unknown_stars_milli], [1, 1_000]);
  assert.deepEqual(found.ratings.map(({ class: proof, weight_ppm, review }) => [proof, weight_ppm, review]).sort(), [
    ["attested", 500_000, "Good."],
    ["unknown", 0, ""],
  ]);
  assert.match(found.explanation.join(" "), /One rater counts: .* 1 with an attested run/);
  const [event] = await client.query({ kinds: [30384], "#d": [listing] });
  const verified = verifyEvent(event, pureSchnorr);
  assert.ok(!isRejection(verified));
  assert.deepEqual(rollUpFrom(verified), found.rollup);
  assert.deepEqual(event, found.event);
});

test("the catalog shows the score, and orders by the lower end of its interval", async () => {
  const [best, worst, unrated] = [await list("sortable one"), await list("sortable two"), await list("sortable three")];
  for (const [{ listing }, stars] of [
    [best, 5],
    [worst, 1],
  ] as const) {
    const raters = [1, 2, 3].map(() => generateSecretKey());
    await send(...raters.flatMap((rater) => [attests(listing, rater), rates(listing, rater, stars)]));
  }
  const page = () => get<CatalogPage>("/v1/listings?text=sortable&sort=rating");
  await eventually(
    async () => (await page()).listings.filter(({ reputation: score }) => score?.raters === 3).length === 2,
  );
  const { listings } = await page();
  assert.deepEqual(
    listings.map(({ address }: CatalogListing) => address),
    [best.listing, worst.listing, unrated.listing],
  );
  assert.equal(listings[2]?.reputation, undefined);
  assert.deepEqual(listings[0]?.reputation?.badges, ["few_ratings"]);
  const snapshot = await get<SnapshotPage>(`/v1/snapshot?cursor=${encodeURIComponent(best.listing.slice(0, -1))}`);
  const [detail] = snapshot.details;
  assert.equal(detail?.listing.address, best.listing);
  assert.equal(detail?.reputation_event?.id, detail?.listing.reputation?.event_id);
  const signed = verifyEvent(detail?.reputation_event, pureSchnorr);
  assert.ok(!isRejection(signed));
  const rollup = rollUpFrom(signed);
  assert.ok(!isRejection(rollup));
  assert.deepEqual(summaryOf(rollup, signed.id), detail?.listing.reputation, "a mirror can show it offline");
});

test("a rater has one rating: a newer one takes its place, an older one does not, a deletion takes it away", async () => {
  const { listing } = await list();
  const rater = generateSecretKey();
  const first = rates(listing, rater, 1, NOW - 20);
  await send(attests(listing, rater), first);
  await until(listing, ({ ratings }) => ratings[0]?.stars === 1);
  const second = rates(listing, rater, 4, NOW - 10);
  await send(second);
  await until(listing, ({ ratings }) => ratings.length === 1 && ratings[0]?.stars === 4);
  assert.equal((await client.publish(rates(listing, rater, 1, NOW - 15)))[2], false);
  await send(signed(rater, { kind: 5, tags: [["e", second.id]] }));
  const after = await until(listing, ({ ratings }) => ratings.length === 0);
  assert.equal(after.rollup.score.stars_milli, 3_000);
});

test("a deletion by address is obeyed, and nobody deletes another's rating", async () => {
  const { listing } = await list();
  const [rater, stranger] = [generateSecretKey(), generateSecretKey()];
  const rating = rates(listing, rater, 2, NOW - 20);
  await send(attests(listing, rater), rating);
  await until(listing, ({ ratings }) => ratings.length === 1);
  const address = `30054:${publicKeyOf(rater)}:${listing}`;
  await send(
    signed(stranger, {
      kind: 5,
      tags: [
        ["e", rating.id],
        ["a", address],
      ],
    }),
  );
  await send(rates(listing, stranger, 5));
  await until(listing, ({ ratings }) => ratings.length === 2);
  await send(signed(rater, { kind: 5, tags: [["a", address]], created_at: NOW - 5 }));
  const left = await until(listing, ({ ratings }) => ratings.length === 1);
  assert.equal(left.ratings[0]?.rater, publicKeyOf(stranger));
});

test("zaps count when the author's wallet signed them; anybody else's are ignored, and none is in the score", async () => {
  const { author, listing } = await list();
  await send(signed(author, { kind: 0, content: JSON.stringify({ lud16: `ada@${lnurl.host}` }) }));
  const request = (content: string): NostrEvent =>
    signed(generateSecretKey(), {
      kind: 9734,
      content,
      tags: [
        ["relays", "wss://relay.example"],
        ["amount", "21000"],
        ["p", publicKeyOf(author)],
        ["a", listing],
      ],
    });
  await send(lnurl.zap(request("thanks"), 21_000), lnurl.zap(request("forged"), 21_000, generateSecretKey()));
  await send(lnurl.zap(request("other amount"), 5_000));
  const { rollup } = await until(listing, ({ rollup: { zaps } }) => zaps.count > 0);
  assert.deepEqual([rollup.zaps, rollup.score.stars_milli], [{ count: 1, senders: 1, msats: 21_000 }, 3_000]);
  assert.equal(rollup.settings.zap_provider, publicKeyOf(wallet));
  const asked = lnurl.asked();
  await send(rates(listing, generateSecretKey(), 3));
  await until(listing, ({ ratings }) => ratings.length === 1);
  assert.equal(lnurl.asked(), asked);
});

test("an author's wallet is found by an lnurl as by a lightning address", async () => {
  const { author, listing } = await list();
  const address = new TextEncoder().encode(`https://${lnurl.host}/.well-known/lnurlp/ada`);
  const lud06 = encodeBytes("lnurl", address);
  await send(signed(author, { kind: 0, content: JSON.stringify({ lud16: "", lud06 }) }));
  const tags = [
    ["relays", "wss://relay.example"],
    ["amount", "21000"],
    ["p", publicKeyOf(author)],
    ["a", listing],
  ];
  await send(lnurl.zap(signed(generateSecretKey(), { kind: 9734, tags }), 21_000));
  const { rollup } = await until(listing, ({ rollup: { zaps } }) => zaps.count > 0);
  assert.equal(rollup.settings.zap_provider, publicKeyOf(wallet));
});

test("an author's retaliation target and praise ring are found among ratings of other listings", async () => {
  const [victim, mine, friend] = [await list(), await list(), await list()];
  // The victim's author rated my listing low; I answer in kind. Two friends praise the victim, who praises them back.
  await send(rates(mine.listing, victim.author, 1, NOW - 60), rates(friend.listing, victim.author, 5, NOW - 60));
  const { listing } = victim;
  await send(attests(listing, mine.author), rates(listing, mine.author, 1), rates(listing, friend.author, 5));
  const { rollup, ratings } = await until(listing, ({ ratings: all }) => all.length === 2);
  assert.deepEqual(rollup.filters, [{ rule: "retaliation", ratings: 1 }]);
  assert.deepEqual(ratings.find(({ stars }) => stars === 1)?.rules, [{ rule: "retaliation", kept_ppm: 250_000 }]);
});

test("a flood by one key leaves one rating, and everybody else's stand", async () => {
  const { listing } = await list();
  const [flooder, honest] = [generateSecretKey(), generateSecretKey()];
  await send(attests(listing, honest), rates(listing, honest, 5));
  for (let turn = 0; turn < 200; turn += 1)
    client.send(["EVENT", rates(listing, flooder, 1, NOW - 200 + turn, String(turn))]);
  const { ratings } = await until(listing, ({ ratings: all }) => all.some(({ review }) => review === "199"));
  assert.equal(ratings.length, 2);
});

test("what is no listing's, unlabelled or out of bounds never reaches a score", async () => {
  const { listing } = await list();
  const key = generateSecretKey();
  const good = ratingEvent({ listing, stars: 5, review: "", evidence: null }, { created_at: NOW });
  const change = (name: string, ...values: string[]): NostrEvent =>
    plain({ ...good, tags: [...good.tags.filter((tag) => tag[0] !== name), [name, ...values]] }, generateSecretKey());
  await send(change("rating", "6"), change("L", "somebody.else"), change("d", "me.watch"), rates(listing, key, 3));
  const { ratings } = await until(listing, ({ ratings: all }) => all.length > 0);
  assert.deepEqual(
    ratings.map(({ rater }) => rater),
    [publicKeyOf(key)],
  );
});

test("an unrated listing has no reputation, and an address that is none says how one is written", async () => {
  const { listing } = await list();
  const missing = await fetch(`${host.edge().url}/v1/listings/${listing}/reputation`);
  assert.deepEqual(
    [missing.status, ((await missing.json()) as { error: { code: string } }).error.code],
    [404, "not_found"],
  );
  for (const path of ["me.watch/reputation", `${listing}/reputation/inputs?after=x`]) {
    assert.equal((await fetch(`${host.edge().url}/v1/listings/${path}`)).status, 400);
  }
});

test("the inputs are served in order with the root that the roll-up names, and survive a restart", async () => {
  const { listing } = await list();
  const rater = generateSecretKey();
  await send(attests(listing, rater), rates(listing, rater, 4));
  const found = await until(listing, ({ rollup }) => rollup.raters.attested === 1);
  const inputs = await get<ReputationInputs>(`/v1/listings/${listing}/reputation/inputs`);
  assert.ok(validators.isReputationInputs(inputs));
  assert.deepEqual(inputs, { ...found.rollup.inputs, next_after: null });
  await client.close();
  await host.restart();
  client = await connect(host.edge().relay_url);
  assert.deepEqual(await reputation(listing), found);
  const again: VerifiedEvent | undefined = (await client.query({ ids: [found.event.id] })).map(
    (e) => e as VerifiedEvent,
  )[0];
  assert.equal(again?.id, found.event.id);
});
