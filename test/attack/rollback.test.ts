import assert from "node:assert/strict";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import { diffUpgrades } from "@oa/shared/upgrade/diff.ts";
import { sideOf } from "@oa/shared/upgrade/side.ts";
import { AUTHOR, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { attackClass } from "./attack.ts";
import { inWorld } from "./install-world.ts";

const current = manifestBy(AUTHOR, { version: "2.0.0" });
/** Releases that are older than what runs, however they are written. */
const OLDER = ["1.9.9", "1.0.0", "2.0.0-rc.1", "2.0.0-0", "2.0.0-alpha.99", "0.0.1", "1.99.99+2.0.1"];
const NEWER = ["2.0.1", "2.1.0", "3.0.0", "2.0.1-rc.1", "10.0.0"];
const parsed = (version: string) => {
  const found = parseSemver(version);
  assert.ok(!isRejection(found));
  return found;
};

attackClass("rollback and freeze of releases", ({ fails, harmless, works }) => {
  for (const version of OLDER) {
    const old = manifestBy(AUTHOR, { version });
    harmless(`${version} in place of 2.0.0, ordered by a paired coordinator`, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(current, publish(current)));
        await world.send(world.orderOf(old, publish(old), { revision: 2 }));
        assert.equal(world.install()?.active?.upgrade_version, "2.0.0");
      }),
    );
    harmless(`${version}, as if it followed`, () => {
      assert.ok(compareSemver(parsed(version), parsed("2.0.0")) < 0);
      const [before, after] = [sideOf(current), sideOf(old)];
      assert.ok(!isRejection(before) && !isRejection(after));
      const { widened } = diffUpgrades(before, after);
      assert.ok(
        widened.some(({ sentence }) => sentence.includes("OLDER")),
        "the owner is told and asked",
      );
    });
  }
  fails("a release that its author took back", ["release_yanked"], () =>
    inWorld(async (world) => {
      const published = publish(current);
      await world.send(world.orderOf(current, published));
      const release_event_id = published.release_event.id;
      world.owner({ type: "yank", release_event_id, yank_event_id: "e".repeat(64), reason: "it leaks" });
      assert.equal(world.install()?.status, "yanked");
      return world.send(world.orderOf(current, published, { revision: 2 }));
    }),
  );
  fails("a release that its author took back, enabled again", ["release_yanked"], () =>
    inWorld(async (world) => {
      const published = publish(current);
      await world.send(world.orderOf(current, published));
      world.owner({
        type: "yank",
        release_event_id: published.release_event.id,
        yank_event_id: "e".repeat(64),
        reason: "x",
      });
      return world.owner({ type: "enable" });
    }),
  );
  harmless("the same version signed twice with different content, the later one for the first", () =>
    inWorld(async (world) => {
      const published = publish(current);
      await world.send(world.orderOf(current, published));
      const again = manifestBy(AUTHOR, { version: "2.0.0", title: "Other content" });
      const refusal = await world.send(world.orderOf(again, published, { revision: 2 }));
      assert.equal(world.install()?.active?.manifest_sha256, published.manifest_sha256, JSON.stringify(refusal));
    }),
  );

  for (const version of NEWER) {
    works(`${version} after 2.0.0`, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(current, publish(current)));
        const next = manifestBy(AUTHOR, { version });
        assert.equal(await world.send(world.orderOf(next, publish(next), { revision: 2 })), null);
        assert.equal(world.install()?.active?.upgrade_version, version);
      }),
    );
  }
});
