import assert from "node:assert/strict";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { AUTHOR, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { attackClass } from "./attack.ts";
import { COORDINATOR, type InstallWorld, inWorld, STRANGER, WORKER_KEY } from "./install-world.ts";

const honest = manifestBy(AUTHOR);
const published = publish(honest);
const next = manifestBy(AUTHOR, { version: "1.0.1" });
const update = publish(next);
const STALE = ["config_stale", "config_expired"];

/** A coordinator's change of an install, without its events. */
const change = (world: InstallWorld, action: string, revision: number): never => {
  const { config_version, signer, install_id, issued_at, expires_at } = world.orderOf(honest, published);
  return { config_version, action, worker: WORKER_KEY, signer, install_id, revision, issued_at, expires_at } as never;
};

attackClass("replay of install configs and approvals", ({ fails, harmless, works }) => {
  harmless("an order after what it ordered was removed", () =>
    inWorld(async (world) => {
      const order = world.orderOf(honest, published);
      await world.send(order);
      await world.send(change(world, "remove", 2));
      await world.send(order);
      assert.equal(world.install()?.status, "removed");
    }),
  );
  harmless("an order after it was updated, to bring the old version back", () =>
    inWorld(async (world) => {
      const order = world.orderOf(honest, published);
      await world.send(order);
      await world.send(world.orderOf(next, update, { revision: 2 }));
      await world.send(order);
      assert.equal(world.install()?.active?.upgrade_version, "1.0.1");
    }),
  );
  for (const revision of [1, 2]) {
    harmless(`"enable" of revision ${revision} after a later "disable"`, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(honest, published));
        const enable = change(world, "enable", revision);
        if (revision === 2) await world.send(enable);
        await world.send(change(world, "disable", 3));
        // The same words, wrapped anew; then the same words signed at another time.
        await world.send(enable);
        await world.clock.pass(5_000);
        await world.send(enable);
        assert.equal(world.install()?.status, "disabled");
      }),
    );
  }
  harmless("the very same event again and again", () =>
    inWorld(async (world) => {
      const event = world.wrap(world.orderOf(honest, published));
      await world.deliver(event);
      await world.send(change(world, "disable", 2));
      for (let times = 0; times < 3; times += 1) await world.deliver(event);
      assert.equal(world.install()?.status, "disabled", "it had its answer and changes nothing");
    }),
  );
  fails("an order whose time is over", STALE, () =>
    inWorld(async (world) => {
      const event = world.wrap(world.orderOf(honest, published));
      await world.clock.pass(700_000);
      const refusal = await world.deliver(event);
      assert.equal(world.install(), null);
      return refusal;
    }),
  );
  fails("an order to another worker", ["wrong_recipient"], () =>
    inWorld((world) => world.send(world.orderOf(honest, published, { worker: publicKeyOf(STRANGER) }))),
  );
  fails("an order that was sealed to another worker", ["wrong_recipient", "config_unreadable"], () =>
    inWorld((world) => world.send(world.orderOf(honest, published), COORDINATOR, publicKeyOf(STRANGER))),
  );
  fails("another's order, signed by a stranger", ["config_signer", "signer_unknown"], () =>
    inWorld((world) => world.send(world.orderOf(honest, published), STRANGER)),
  );
  fails("a stranger's own order", ["signer_unknown"], () =>
    inWorld((world) => world.send(world.orderOf(honest, published, { signer: publicKeyOf(STRANGER) }), STRANGER)),
  );
  fails("an order that never ends, a month later", STALE, () =>
    inWorld(async (world) => {
      const order = world.orderOf(honest, published);
      const issued_at = order.issued_at - 31 * 86_400;
      const refusal = await world.send({ ...order, issued_at, expires_at: order.issued_at + 400 * 86_400 } as never);
      assert.equal(world.install(), null);
      return refusal;
    }),
  );
  for (const revision of [1, 2, 3]) {
    fails(`an order of revision ${revision} after one of revision 3`, STALE, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(honest, published, { revision: 3 }));
        await world.clock.pass(5_000);
        return world.send(world.orderOf(next, update, { revision }));
      }),
    );
  }
  for (const permission_hash of ["0".repeat(64), ""]) {
    harmless(`an approval of permissions that nobody was shown (${permission_hash.slice(0, 4)}…)`, () =>
      inWorld(async (world) => {
        const wide = manifestBy(AUTHOR, {
          permissions: { network: ["api.example"], tools: ["http.request"], process: true },
        });
        await world.send(world.orderOf(wide, publish(wide)));
        assert.ok(world.owner({ type: "approve", permission_hash, grant: ["process:spawn"] }) !== null);
        assert.equal(world.install()?.active ?? null, null);
      }),
    );
  }
  harmless("an approval of what was approved before, for the next order", () =>
    inWorld(async (world) => {
      const wide = manifestBy(AUTHOR, {
        permissions: { network: ["api.example"], tools: ["http.request"], process: true },
      });
      const wider = manifestBy(AUTHOR, {
        version: "1.0.1",
        permissions: { network: ["*.example"], tools: ["http.request"], process: true },
      });
      const first = world.orderOf(wide, publish(wide));
      await world.send(first);
      world.owner({ type: "inspect" } as never);
      world.owner({ type: "approve", permission_hash: first.permission_hash, grant: ["process:spawn"] });
      await world.send(world.orderOf(wider, publish(wider), { revision: 2 }));
      assert.ok(
        world.owner({ type: "approve", permission_hash: first.permission_hash, grant: ["process:spawn"] }) !== null,
      );
      assert.notEqual(world.install()?.active?.upgrade_version, "1.0.1");
    }),
  );

  works("each order once, and each later one after it", () =>
    inWorld(async (world) => {
      assert.equal(await world.send(world.orderOf(honest, published)), null);
      assert.equal(await world.send(change(world, "disable", 2)), null);
      assert.equal(await world.send(change(world, "enable", 3)), null);
      assert.equal(await world.send(world.orderOf(next, update, { revision: 10 })), null);
      assert.deepEqual([world.install()?.status, world.install()?.active?.upgrade_version], ["enabled", "1.0.1"]);
    }),
  );
});
