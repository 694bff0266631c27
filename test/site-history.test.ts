import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { fromEvent as listingFrom, toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as releaseEvent } from "@oa/shared/nostr/30052-release.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { historyOf } from "../site/src/catalog/history.ts";
import { AUTHOR, manifestBy } from "./fakes/signed-upgrade.ts";

const AT = 1_750_000_000;
const now = manifestBy(AUTHOR, {
  version: "2.0.0",
  permissions: { network: ["api.example", "new.example"], tools: ["http.request"] },
});
const before = manifestBy(AUTHOR, { version: "1.0.0" });
const sign = (template: Parameters<typeof signEvent>[0]) => signEvent(template, AUTHOR, AUTHOR);

function event(manifest: UpgradeManifest) {
  const signed = sign(manifestEvent(manifest, { created_at: AT }));
  const read = listingFrom(signed as VerifiedEvent);
  assert.ok(!isRejection(read));
  return { signed, read };
}

function release(manifest: UpgradeManifest, at: number, carried: object = {}) {
  const { signed, read } = event(manifest);
  return sign(
    releaseEvent(manifest, {
      ...{ author: signed.pubkey, manifest_event_id: signed.id, manifest_sha256: read.manifest_sha256 },
      ...{ notes: `notes of ${manifest.version}`, channel: "main", created_at: at, manifest_event: signed, ...carried },
    }),
  );
}

function detail(older: readonly object[]): CatalogDetail {
  const { signed, read } = event(now);
  return {
    listing: { manifest_sha256: read.manifest_sha256, event_id: signed.id, version: now.version },
    event: signed,
    release_events: [release(now, AT, { manifest_event: null })],
    older_release_events: older,
  } as never;
}

test("every release that is kept is told, the latest first, and which of them the page shows", () => {
  const history = historyOf(detail([release(before, AT - 10), release({ ...before, version: "0.9.0" }, AT - 20)]), now);
  assert.deepEqual(
    history.map(({ release: { version, notes }, current }) => [version, notes, current]),
    [
      ["2.0.0", "notes of 2.0.0", true],
      ["1.0.0", "notes of 1.0.0", false],
      ["0.9.0", "notes of 0.9.0", false],
    ],
  );
});

test("what has changed for an owner since a release is said where its manifest is kept", () => {
  const [, past] = historyOf(detail([release(before, AT - 10)]), now);
  assert.ok(
    past?.changes?.some((sentence) => sentence.includes("new.example")),
    JSON.stringify(past?.changes),
  );
  const [, without] = historyOf(detail([release(before, AT - 10, { manifest_event: null })]), now);
  assert.equal(without?.changes, null);
});

test("a manifest that is not the one a release names by its hash is compared with nothing", () => {
  const forged = { ...event(before).signed, content: JSON.stringify({ ...before, summary: "other" }) };
  for (const manifest_event of [forged, { ...forged, content: "{" }]) {
    const [, past] = historyOf(detail([release(before, AT - 10, { manifest_event })]), now);
    assert.equal(past?.changes ?? null, null);
  }
});

test("what is no release is left out", () => {
  const { signed } = event(before);
  assert.equal(historyOf(detail([signed]), now).length, 1);
});
