import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { fromEvent as listingFrom } from "../nostr/30051-manifest.ts";
import { isReleaseOf, fromEvent as releaseFrom, withCarried } from "../nostr/30052-release.ts";
import { hexToNpub } from "../nostr/npub.ts";
import { pureSchnorr } from "../nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "../nostr/template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "../nostr/verify.ts";
import { pinned, pinTo, refuseOther } from "./artifact.ts";
import { refuseIncomplete, signPublication } from "./publication.ts";
import { validateManifest } from "./validate.ts";

const secret_key = new Uint8Array(32).fill(1);
const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(3);
const SHA = "a".repeat(64);
const manifest: UpgradeManifest = {
  id: "a.b",
  version: "1.0.0",
  title: "Mini",
  author: { npub: hexToNpub(publicKeyOf(secret_key)) },
  capabilities: { platforms: ["linux"], backends: [] },
  permissions: { network: ["api.example"], tools: ["http.request"] },
  schedule: { type: "manual" },
  pipeline: [{ id: "fetch", op: "http.request", url: "https://api.example/" }],
};
const artifact = { type: "doc", url: "https://cdn.example/a.txt" };
const codeOf = (value: unknown): string => (isRejection(value) ? value.code : "ok");

test("a manifest that asks for all it needs is published, also where it asks for more", () => {
  assert.equal(refuseIncomplete(validateManifest(manifest)), null);
  const more = { ...manifest, permissions: { ...manifest.permissions, network: ["api.example", "b.example"] } };
  const report = validateManifest(more);
  assert.deepEqual(report.over_ask, ["network:egress:b.example"]);
  assert.equal(refuseIncomplete(report), null);
});

test("one that asks for less than its pipeline needs is not, and every missing permission is named", () => {
  const { permissions: _, ...bare } = manifest;
  const refused = refuseIncomplete(validateManifest(bare));
  assert.equal(refused?.code, "permission_undeclared");
  assert.deepEqual(refused?.details?.under_ask, ["network:egress:api.example", "tool:invoke:http.request"]);
  const tools = { ...manifest, permissions: { network: ["api.example"] } };
  assert.deepEqual(refuseIncomplete(validateManifest(tools))?.details?.under_ask, ["tool:invoke:http.request"]);
});

test("an artifact is published only with its checksum and its size", () => {
  for (const part of [{}, { sha256: SHA }, { bytes: 3 }]) {
    const report = validateManifest({ ...manifest, artifacts: [{ ...artifact, ...part }] });
    assert.equal(refuseIncomplete(report)?.code, "artifact_unpinned", JSON.stringify(part));
  }
  const whole = { ...manifest, artifacts: [{ ...artifact, sha256: SHA, bytes: 3 }] };
  assert.equal(refuseIncomplete(validateManifest(whole)), null);
});

test("an artifact is used only where its bytes are those that were signed for", () => {
  const exact = pinned({ ...artifact, sha256: SHA, bytes: 3 });
  assert.ok(!isRejection(exact));
  assert.equal(refuseOther(exact, { sha256: SHA, bytes: 3 }), null);
  assert.equal(refuseOther(exact, { sha256: SHA, bytes: 2 })?.code, "artifact_mismatch");
  assert.equal(refuseOther(exact, { sha256: SHA, bytes: 4 })?.code, "artifact_mismatch");
  assert.equal(refuseOther(exact, { sha256: "b".repeat(64), bytes: 3 })?.code, "artifact_mismatch");
  assert.equal(codeOf(pinned(artifact)), "artifact_unpinned");
  assert.equal(codeOf(pinned({ ...artifact, sha256: SHA })), "artifact_unpinned");
});

test("a local file fills in what a manifest does not state, and must agree with what it does", () => {
  const found = { sha256: SHA, bytes: 3 };
  assert.deepEqual(pinTo(artifact, found, "a.txt"), { ...artifact, ...found });
  assert.deepEqual(pinTo({ ...artifact, ...found }, found, "a.txt"), { ...artifact, ...found });
  assert.equal(codeOf(pinTo({ ...artifact, bytes: 4 }, found, "a.txt")), "artifact_mismatch");
  assert.equal(codeOf(pinTo({ ...artifact, sha256: "b".repeat(64) }, found, "a.txt")), "artifact_mismatch");
});

function verified(event: NostrEvent): VerifiedEvent {
  const result = verifyEvent(event, pureSchnorr);
  assert.ok(!isRejection(result), JSON.stringify(result));
  return result;
}
function publish(channel: "main" | "beta", change: Partial<UpgradeManifest> = {}) {
  const options = { secret_key, notes: "", channel, created_at: 1_750_000_000, random } as const;
  const signed = signPublication({ ...manifest, ...change }, options);
  assert.ok(!isRejection(signed));
  return signed;
}

test("a release of main leaves its manifest to the listing; one of another channel carries it", () => {
  const main = publish("main");
  assert.deepEqual(withCarried([verified(main.release_event)], pureSchnorr).length, 1);
  const beta = publish("beta");
  const [release, carried] = withCarried([verified(beta.release_event)], pureSchnorr);
  assert.ok(release !== undefined && carried !== undefined);
  assert.equal(carried.id, beta.manifest_event.id);
  const [listing, read] = [listingFrom(carried), releaseFrom(release)];
  assert.ok(!isRejection(listing) && !isRejection(read));
  assert.equal(isReleaseOf(read, listing), true);
});

test("a release that carries a manifest event it does not name, or one that is forged, brings none", () => {
  const [beta, other] = [publish("beta"), publish("beta", { title: "Other" })];
  const swap = (manifest_event: NostrEvent): VerifiedEvent => {
    const content = JSON.stringify({ ...JSON.parse(beta.release_event.content), manifest_event });
    return verified(signEvent({ ...beta.release_event, content }, secret_key, random(32)));
  };
  assert.equal(codeOf(releaseFrom(swap(other.manifest_event))), "event_tag_mismatch");
  assert.equal(withCarried([swap({ ...beta.manifest_event, content: "{}" })], pureSchnorr).length, 1);
});

test("a release whose artifacts are not those of its manifest is of another one", () => {
  const artifacts = [{ ...artifact, sha256: SHA, bytes: 3 }];
  const signed = publish("main", { artifacts });
  const listing = listingFrom(verified(signed.manifest_event));
  const release = releaseFrom(verified(signed.release_event));
  assert.ok(!isRejection(listing) && !isRejection(release));
  assert.equal(isReleaseOf(release, listing), true);
  assert.equal(isReleaseOf({ ...release, artifacts: [] }, listing), false);
  assert.equal(isReleaseOf({ ...release, artifacts: [{ ...artifact, sha256: SHA, bytes: 4 }] }, listing), false);
});

test("a manifest too large for a release to carry is refused in words", () => {
  const description = '\\"'.repeat(29_000);
  const options = { secret_key, notes: "", channel: "beta", created_at: 1, random } as const;
  const signed = signPublication({ ...manifest, summary: description }, options);
  assert.equal(codeOf(signed), "too_large");
});
