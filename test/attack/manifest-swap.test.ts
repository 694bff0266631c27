import assert from "node:assert/strict";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { Publication } from "@oa/shared/upgrade/publication.ts";
import { AUTHOR, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { attackClass } from "./attack.ts";
import { type InstallWorld, inWorld, STRANGER } from "./install-world.ts";

const honest = manifestBy(AUTHOR);
const approved = publish(honest);
/** The same upgrade and version by the same author, with something else in it. */
const evil = (change: Partial<UpgradeManifest>): Publication => publish(manifestBy(AUTHOR, change));
const CHANGES: Readonly<Record<string, Partial<UpgradeManifest>>> = {
  "another host": { pipeline: [{ op: "http.request", id: "fetch", url: "https://evil.example/" }] },
  "another path of the same host": {
    pipeline: [{ op: "http.request", id: "fetch", url: "https://api.example/steal" }],
  },
  "another method": { pipeline: [{ op: "http.request", id: "fetch", method: "DELETE", url: "https://api.example/" }] },
  "one more step": { pipeline: [...honest.pipeline, { op: "http.request", id: "more", url: "https://api.example/" }] },
  "wider permissions": { permissions: { network: ["*.example"], tools: ["http.request"] } },
  "another schedule": { schedule: { type: "cron", expression: "* * * * *" } },
  "a price": { pricing: { model: "per-run", amount_sats: 100_000 } },
  "another title": { title: "Something else" },
};
/** What is ordered was approved; the events are what the attacker puts in their place. */
const swapped = (other: Publication, change: object): ((world: InstallWorld) => Promise<unknown>) => {
  return (world) => world.send(world.orderOf(honest, approved, { ...eventsOf(other), ...change }));
};
const eventsOf = ({ manifest_event, release_event }: Publication) => ({ manifest_event, release_event });
const REFUSED = [
  "manifest_hash_mismatch",
  "permission_hash_mismatch",
  "event_id_mismatch",
  "signature_invalid",
  "event_tag_mismatch",
  "config_unreadable",
  "foreign_event",
  "author_mismatch",
  "author_changed",
];
const inIt = (attack: (world: InstallWorld) => Promise<unknown>) => () =>
  inWorld(async (world) => {
    const refusal = await attack(world);
    assert.equal(world.install()?.active ?? null, null, "nothing was installed");
    return refusal;
  });

attackClass("manifest swap after approval", ({ fails, harmless, works }) => {
  for (const [what, change] of Object.entries(CHANGES)) {
    const other = evil(change);
    fails(`${what}, in the events that come along`, REFUSED, inIt(swapped(other, {})));
    fails(
      `${what}, with its ids named`,
      REFUSED,
      inIt(swapped(other, { manifest_event_id: other.manifest_event.id, release_event_id: other.release_event.id })),
    );
    fails(
      `${what}, with the hash named and the old permissions`,
      REFUSED,
      inIt((world) => {
        const forged = { ...approved.manifest_event, content: other.manifest_event.content };
        return world.send(world.orderOf(honest, approved, { manifest_event: forged }));
      }),
    );
    fails(
      `${what}, the release of the one with the manifest of the other`,
      REFUSED,
      inIt((world) => world.send(world.orderOf(honest, approved, { manifest_event: other.manifest_event }))),
    );
    fails(
      `${what}, the manifest of the one with the release of the other`,
      REFUSED,
      inIt((world) => world.send(world.orderOf(honest, approved, { release_event: other.release_event }))),
    );
    harmless(`${what}, on the network after it was installed`, () =>
      inWorld(async (world) => {
        assert.equal(await world.send(world.orderOf(honest, approved)), null);
        world.offer([other.manifest_event, other.release_event]);
        const { expires_at, issued_at, signer, worker, install_id } = world.orderOf(honest, approved);
        const disable = {
          config_version: 1,
          action: "disable",
          revision: 2,
          expires_at,
          issued_at,
          signer,
          worker,
          install_id,
        };
        await world.send(disable as never);
        await world.send({ ...disable, action: "enable", revision: 3 } as never);
        assert.equal(world.install()?.active?.manifest_sha256, approved.manifest_sha256);
        assert.equal(world.install()?.active?.manifest_event_id, approved.manifest_event.id);
      }),
    );
  }
  const forgeries: Readonly<Record<string, object>> = {
    "an event whose content was changed": {
      content: approved.manifest_event.content.replace("api.example", "evil.example"),
    },
    "an event with another time": { created_at: approved.manifest_event.created_at + 1 },
    "an event with another tag": { tags: [...approved.manifest_event.tags, ["x", "0".repeat(64)]] },
    "an event of another kind": { kind: 1 },
    "an event by another key": { pubkey: "1".repeat(64) },
    "an event with another id": { id: "0".repeat(64) },
    "an event with no signature": { sig: "0".repeat(128) },
    "an event with another's signature": { sig: publish(manifestBy(STRANGER), STRANGER).manifest_event.sig },
  };
  for (const [what, change] of Object.entries(forgeries)) {
    fails(
      what,
      [...REFUSED, "event_malformed", "unsigned_manifest", "not_found"],
      inIt((world) =>
        world.send(world.orderOf(honest, approved, { manifest_event: { ...approved.manifest_event, ...change } })),
      ),
    );
  }

  works("what was approved is installed, to the byte", () =>
    inWorld(async (world) => {
      assert.equal(await world.send(world.orderOf(honest, approved)), null);
      const install = world.install();
      assert.deepEqual([install?.status, install?.active?.manifest_sha256], ["enabled", approved.manifest_sha256]);
    }),
  );
  works("an approved change is installed", () =>
    inWorld(async (world) => {
      await world.send(world.orderOf(honest, approved));
      const next = manifestBy(AUTHOR, { version: "1.0.1", title: "Something else" });
      assert.equal(await world.send(world.orderOf(next, publish(next), { revision: 2 })), null);
      assert.equal(world.install()?.active?.upgrade_version, "1.0.1");
    }),
  );
});
