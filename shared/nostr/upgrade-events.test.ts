import assert from "node:assert/strict";
import { test } from "node:test";
import { nsecEncode } from "nostr-tools/nip19";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { InstallOrder, UpgradeManifest } from "../generated/types.ts";
import * as note from "./00001-note.ts";
import * as installConfig from "./24051-install-config.ts";
import * as listing from "./30051-manifest.ts";
import * as release from "./30052-release.ts";
import { hexToNpub, npubToHex } from "./npub.ts";
import { pureSchnorr } from "./schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "./verify.ts";

const key = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const NOISE = key(9);
const [author, signer, worker, stranger] = [key(1), key(2), key(3), key(4)];
const NOW = 1_766_000_000;

const manifest: UpgradeManifest = {
  id: "a.b",
  version: "1.2.0",
  title: "Mini",
  author: { npub: hexToNpub(publicKeyOf(author)) },
  license: "MIT",
  categories: ["search"],
  tags: ["cron"],
  capabilities: { platforms: ["macos"], backends: ["mlx"] },
  schedule: { type: "manual" },
  pipeline: [{ op: "fs.read", path: "~/a" }],
  pricing: {
    model: "per-month",
    amount_sats: 50,
    revenue_split: [{ npub: hexToNpub(publicKeyOf(signer)), bps: 10_000 }],
  },
  signing: { manifest_sha256: "not to be trusted" },
};

function verified(event: NostrEvent): VerifiedEvent {
  const result = verifyEvent(event, pureSchnorr);
  assert.ok(!isRejection(result), JSON.stringify(result));
  return result;
}
const sign = (template: EventTemplate, by = author): VerifiedEvent => verified(signEvent(template, by, NOISE));
const codeOf = (result: object | Rejection): string => (isRejection(result) ? result.code : "ok");
const retag = (template: EventTemplate, name: string, ...values: readonly string[]): EventTemplate => ({
  ...template,
  tags: template.tags.map((tag) => (tag[0] === name ? [name, ...values] : tag)),
});

const listingTemplate = listing.toEvent(manifest, { created_at: NOW });
const listingEvent = sign(listingTemplate);
const listed = listing.fromEvent(listingEvent);
assert.ok(!isRejection(listed));
const releaseTemplate = release.toEvent(manifest, {
  author: publicKeyOf(author),
  manifest_event_id: listingEvent.id,
  manifest_sha256: listed.manifest_sha256,
  notes: "First.",
  channel: "main",
  created_at: NOW,
});
const releaseEvent = sign(releaseTemplate);

test("a manifest's event carries its facts as tags, keys in hex, and no signing inside", () => {
  const hex = publicKeyOf(signer);
  assert.deepEqual(listingTemplate.tags, [
    ["d", "a.b"],
    ["version", "1.2.0"],
    ["v", "1.2.0"],
    ["x", listed.manifest_sha256],
    ["t", "cron"],
    ["c", "search"],
    ["b", "mlx"],
    ["L", "openagents.upgrade"],
    ["l", "manifest", "openagents.upgrade"],
    ["L", "license"],
    ["l", "MIT", "license"],
    ["price", "50", "SAT", "month"],
    ["zap", hex, "", "10000"],
    ["alt", "Agent upgrade: Mini 1.2.0"],
  ]);
  assert.ok(!listingTemplate.content.includes("signing"));
  assert.equal(listed.address, `30051:${publicKeyOf(author)}:a.b`);
});

test("events read back and written again are the same", () => {
  assert.deepEqual(listing.toEvent(listed.manifest, { created_at: NOW }), listingTemplate);
  const released = release.fromEvent(releaseEvent);
  assert.ok(!isRejection(released));
  assert.equal(released.listing, listed.address);
  assert.deepEqual(release.toEvent(listed.manifest, { ...released, created_at: NOW }), releaseTemplate);
  const completion = {
    listing: listed.address,
    title: "Mini",
    version: "1.2.0",
    release_event_id: releaseEvent.id,
    manifest_sha256: listed.manifest_sha256,
    outcome: "failed" as const,
  };
  assert.deepEqual(note.fromEvent(sign(note.toEvent(completion, { created_at: NOW }), worker)), completion);
});

test("another application's use of our kinds is foreign, and so is content that is no manifest", () => {
  const unlabelled = { ...listingTemplate, tags: listingTemplate.tags.filter(([name]) => name !== "L") };
  assert.equal(codeOf(listing.fromEvent(sign(unlabelled))), "foreign_event");
  assert.equal(codeOf(listing.fromEvent(sign({ ...listingTemplate, kind: 30053 }))), "foreign_event");
  assert.equal(codeOf(listing.fromEvent(sign({ ...listingTemplate, content: "a bounty" }))), "foreign_event");
  assert.equal(
    codeOf(listing.fromEvent(sign({ ...listingTemplate, content: '{"id":"a","id":"b"}' }))),
    "foreign_event",
  );
  assert.equal(codeOf(release.fromEvent(listingEvent)), "foreign_event");
  assert.equal(codeOf(release.fromEvent(sign({ ...releaseTemplate, content: "{}" }))), "foreign_event");
  assert.equal(
    codeOf(note.fromEvent(sign({ kind: 1, created_at: NOW, tags: [["L", "openagents.upgrade"]], content: "hi" }))),
    "foreign_event",
  );
});

test("a manifest whose tags say otherwise than its content is refused", () => {
  assert.equal(codeOf(listing.fromEvent(sign(retag(listingTemplate, "x", "0".repeat(64))))), "manifest_hash_mismatch");
  const altered = { ...listingTemplate, content: listingTemplate.content.replace("~/a", "~/b") };
  assert.equal(codeOf(listing.fromEvent(sign(altered))), "manifest_hash_mismatch");
  assert.equal(codeOf(listing.fromEvent(sign(retag(listingTemplate, "d", "other")))), "event_tag_mismatch");
  assert.equal(codeOf(listing.fromEvent(sign(retag(listingTemplate, "v", "1.3.0")))), "event_tag_mismatch");
  assert.equal(codeOf(listing.fromEvent(sign(listingTemplate, stranger))), "author_mismatch");
});

test("a release whose tags do not fit each other is refused", () => {
  for (const [name, value] of [
    ["d", "a.b@9.9.9"],
    ["i", "c"],
    ["v", "1"],
    ["e", "x"],
    ["x", "y"],
    ["channel", "secret"],
    ["a", "30051:a.b"],
  ] as const) {
    assert.equal(codeOf(release.fromEvent(sign(retag(releaseTemplate, name, value)))), "event_tag_mismatch", name);
  }
  assert.equal(codeOf(release.fromEvent(sign(releaseTemplate, stranger))), "author_mismatch");
});

test("keys convert between npub and hex, and what is neither is null", () => {
  assert.equal(npubToHex(hexToNpub(publicKeyOf(author))), publicKeyOf(author));
  for (const text of ["", "npub1", publicKeyOf(author), nsecEncode(author)]) {
    assert.equal(npubToHex(text), null);
  }
});

const order: InstallOrder = {
  config_version: 1,
  action: "install",
  worker: publicKeyOf(worker),
  signer: publicKeyOf(signer),
  install_id: "install_01JFACEB00KJFACEB00KJFACEB",
  revision: 1,
  issued_at: NOW,
  expires_at: NOW + 600,
  listing: listed.address,
  manifest_event_id: listingEvent.id,
  release_event_id: releaseEvent.id,
  manifest_sha256: listed.manifest_sha256,
  permission_hash: "0".repeat(64),
  inputs: {},
  manifest_event: { ...listingEvent, tags: listingEvent.tags.map((tag) => [...tag]) },
  release_event: { ...releaseEvent, tags: releaseEvent.tags.map((tag) => [...tag]) },
};

function wrapped(inner: NostrEvent, to = publicKeyOf(worker)): VerifiedEvent {
  const options = { one_time_key: key(7), nonce: key(8), aux_random: NOISE, created_at: NOW };
  const wrap = installConfig.seal(inner, to, options);
  assert.ok(!isRejection(wrap), JSON.stringify(wrap));
  return verified(wrap);
}
const opening = (wrap: VerifiedEvent, secret_key = worker, now_s = NOW): ReturnType<typeof installConfig.open> =>
  installConfig.open(wrap, { secret_key, worker: publicKeyOf(secret_key), now_s, schnorr: pureSchnorr });
const openCode = (config: InstallOrder, by = signer): string =>
  codeOf(opening(wrapped(signEvent(installConfig.toEvent(config), by, NOISE))));

test("a sealed config opens for its worker, with signer, order and the upgrade it embeds", () => {
  const wrap = wrapped(signEvent(installConfig.toEvent(order), signer, NOISE));
  assert.notEqual(wrap.pubkey, publicKeyOf(signer));
  assert.ok(!wrap.content.includes("install"));
  const opened = opening(wrap);
  assert.ok(!isRejection(opened), JSON.stringify(opened));
  assert.deepEqual(opened.config, order);
  assert.equal(opened.event.pubkey, publicKeyOf(signer));
  assert.equal(opened.upgrade?.release.version, "1.2.0");
});

test("a config for another worker does not open, whatever the outside says", () => {
  const inner = signEvent(installConfig.toEvent(order), signer, NOISE);
  assert.equal(codeOf(opening(wrapped(inner), stranger)), "wrong_recipient");
  const relabelled = signEvent({ ...wrapped(inner), tags: [["p", publicKeyOf(stranger)]] }, key(7), NOISE);
  assert.equal(codeOf(opening(verified(relabelled), stranger)), "config_unreadable");
  // Someone who may read a config seals it again to another worker.
  assert.equal(codeOf(opening(wrapped(inner, publicKeyOf(stranger)), stranger)), "wrong_recipient");
});

test("a forged, altered or expired config is refused", () => {
  const inner = signEvent(installConfig.toEvent(order), signer, NOISE);
  assert.equal(
    codeOf(opening(wrapped({ ...inner, content: inner.content.replace('"revision":1', '"revision":9') }))),
    "event_id_mismatch",
  );
  assert.equal(codeOf(opening(wrapped({ ...inner, sig: "0".repeat(128) }))), "signature_invalid");
  assert.equal(openCode(order, stranger), "config_signer");
  assert.equal(codeOf(opening(wrapped(inner), worker, NOW + 600)), "config_expired");
  assert.equal(openCode({ ...order, issued_at: NOW + 86_400, expires_at: NOW + 90_000 }), "event_in_future");
  assert.equal(
    codeOf(opening(wrapped(sign({ kind: 14, created_at: NOW, tags: [], content: "hi" }, signer)))),
    "foreign_event",
  );
  const shapeless = { ...installConfig.toEvent(order), content: '{"action":"install"}' };
  assert.equal(codeOf(opening(wrapped(signEvent(shapeless, signer, NOISE)))), "schema_invalid");
});

test("an embedded upgrade must be the one that the order pins", () => {
  assert.equal(openCode({ ...order, manifest_sha256: "1".repeat(64) }), "manifest_hash_mismatch");
  assert.equal(openCode({ ...order, manifest_event_id: "1".repeat(64) }), "event_id_mismatch");
  assert.equal(openCode({ ...order, listing: `30051:${publicKeyOf(author)}:other` }), "event_tag_mismatch");
});

test("a config that does not fit an event is refused with a way out", () => {
  const inner = { ...signEvent(installConfig.toEvent(order), signer, NOISE), content: "x".repeat(100_000) };
  const options = { one_time_key: key(7), nonce: key(8), aux_random: NOISE, created_at: NOW };
  assert.equal(codeOf(installConfig.seal(inner, publicKeyOf(worker), options)), "too_large");
});
