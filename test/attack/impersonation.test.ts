import assert from "node:assert/strict";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { AUTHOR, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { attackClass } from "./attack.ts";
import { INSTALL, inWorld, STRANGER } from "./install-world.ts";

const honest = manifestBy(AUTHOR);
const published = publish(honest);
const OTHER = `install_${"1".repeat(26)}`;
const asAuthor = { npub: hexToNpub(publicKeyOf(AUTHOR)) };
/** Listings by another key that would pass for the author's. */
const FAKES = {
  "the same id, version and title": manifestBy(STRANGER),
  "a higher version": manifestBy(STRANGER, { version: "99.0.0" }),
  "the same version with build data": manifestBy(STRANGER, { version: "1.0.0+official" }),
  "the author's name": manifestBy(STRANGER, { author: { npub: hexToNpub(publicKeyOf(STRANGER)), name: "The Author" } }),
} as const;
const REFUSED = [
  "author_changed",
  "author_mismatch",
  "not_found",
  "event_tag_mismatch",
  "foreign_event",
  "manifest_hash_mismatch",
  "config_unreadable",
  "signature_invalid",
  "event_id_mismatch",
];

attackClass("same-slug impersonation", ({ fails, harmless, works }) => {
  for (const [what, manifest] of Object.entries(FAKES)) {
    const fake = publish(manifest, STRANGER);
    fails(`${what}, as an update`, REFUSED, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(honest, published));
        const refusal = await world.send(world.orderOf(manifest, fake, { revision: 2 }));
        assert.equal(world.install()?.active?.author_pubkey, publicKeyOf(AUTHOR));
        return refusal;
      }),
    );
    fails(`${what}, under the author's address`, REFUSED, () =>
      inWorld(async (world) => {
        const refusal = await world.send(world.orderOf(manifest, fake, { listing: published.address }));
        assert.equal(world.install()?.active ?? null, null);
        return refusal;
      }),
    );
    harmless(`${what}, beside it: it is another install by another author`, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(honest, published));
        await world.send(world.orderOf(manifest, fake, { install_id: OTHER }));
        assert.equal(world.install(INSTALL)?.active?.author_pubkey, publicKeyOf(AUTHOR));
        assert.equal(world.install(OTHER)?.active?.author_pubkey, publicKeyOf(STRANGER));
        assert.notEqual(world.install(OTHER)?.active?.upgrade_address, world.install(INSTALL)?.active?.upgrade_address);
      }),
    );
    harmless(`${what}, on the network where the author's events are looked up`, () =>
      inWorld(async (world) => {
        world.offer([fake.manifest_event, fake.release_event, published.release_event, published.manifest_event]);
        const {
          manifest_event: _,
          release_event: __,
          ...order
        } = world.orderOf(honest, published) as unknown as Record<string, unknown>;
        assert.equal(await world.send(order as never), null);
        assert.equal(world.install()?.active?.author_pubkey, publicKeyOf(AUTHOR));
      }),
    );
  }
  fails("a manifest that names the author, signed by another key", ["author_mismatch", "event_tag_mismatch"], () => {
    const event = verifyEvent(publish({ ...honest }, AUTHOR).manifest_event, pureSchnorr);
    assert.ok(!isRejection(event));
    return listingFrom({ ...event, pubkey: publicKeyOf(STRANGER) });
  });
  fails("a publication that names another author", ["author_mismatch"], () => {
    try {
      return publish({ ...honest, author: asAuthor }, STRANGER);
    } catch (error) {
      return { rejected: true, code: "author_mismatch", message: String(error) };
    }
  });

  works("the author's own update", () =>
    inWorld(async (world) => {
      await world.send(world.orderOf(honest, published));
      const next = manifestBy(AUTHOR, { version: "1.1.0" });
      assert.equal(await world.send(world.orderOf(next, publish(next), { revision: 2 })), null);
      assert.equal(world.install()?.active?.upgrade_version, "1.1.0");
    }),
  );
  works("two authors may use one id", () =>
    inWorld(async (world) => {
      const theirs = manifestBy(STRANGER);
      assert.equal(await world.send(world.orderOf(theirs, publish(theirs, STRANGER))), null);
      assert.equal(world.install()?.status, "enabled");
    }),
  );
});
