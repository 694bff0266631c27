import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { toAcceptance, toRevocation, toRotation } from "@oa/shared/nostr/03164-key-rotation.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { INSTALL, type InstallWorld, openInstallWorld } from "../attack/install-world.ts";
import { random } from "../fakes/runs.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";

const [SUCCESSOR, THIEF] = [key(8), key(9)];
const OLD = publicKeyOf(AUTHOR);
const NEW = publicKeyOf(SUCCESSOR);

function said(by: Uint8Array, template: Parameters<typeof signEvent>[0]): VerifiedEvent {
  return verifyEvent(signEvent(template, by, random(32)), pureSchnorr) as VerifiedEvent;
}
/** The author hands over; both sign. */
function rotation(to: Uint8Array): VerifiedEvent {
  const acceptance = signEvent(toAcceptance(OLD, { created_at: 1 }), to, random(32));
  return said(AUTHOR, toRotation(acceptance, { created_at: 1, reason: "a new machine" }));
}

/** An install of the old key's 1.0.0, and an order for 1.1.0 by another key, from a coordinator that may order all of it. */
async function ordered(statements: readonly VerifiedEvent[] | Fault, by = SUCCESSOR) {
  const asked: (readonly string[])[] = [];
  let spoken = false; // the install is older than what is said of its author's key
  const world: InstallWorld = openInstallWorld(undefined, async (keys) => {
    asked.push(keys);
    if (!spoken) return [];
    if (statements instanceof Fault) throw statements;
    return statements.filter(({ pubkey }) => keys.includes(pubkey));
  });
  const first = publish(manifestBy(AUTHOR));
  assert.equal(await world.send(world.orderOf(manifestBy(AUTHOR), first)), null);
  assert.equal(world.install()?.active?.author_pubkey, OLD);
  spoken = true;
  const next = manifestBy(by, { version: "1.1.0" });
  const refusal = await world.send(world.orderOf(next, publish(next, by), { revision: 2 }));
  return { world, refusal: refusal as { code: string; message: string } | null, asked };
}

describe("an order through the mailbox for what an author's other key signed", () => {
  it("waits for the owner, who is told why, where the author handed over to it; nothing is followed silently", async () => {
    const { world, refusal } = await ordered([rotation(SUCCESSOR)]);
    assert.equal(refusal, null);
    const { active, pending, approval_reasons } = world.install() ?? {};
    assert.deepEqual([active?.author_pubkey, pending?.author_pubkey], [OLD, NEW]);
    assert.match(
      approval_reasons?.join() ?? "",
      new RegExp(`signed by another key, ${NEW}, .* ${OLD}, named as its succ`),
    );
    const permission_hash = pending?.permission_hash ?? "";
    assert.equal(world.owner({ type: "inspect", permission_hash, widened: [] }), null);
    assert.equal(world.owner({ type: "approve", permission_hash, grant: pending?.permissions ?? [] }), null);
    assert.equal(world.install()?.active?.author_pubkey, NEW);
    await world.close();
  });

  for (const [what, statements, code, by] of [
    ["nobody handed over", [], "author_changed", SUCCESSOR],
    ["the author handed over to somebody else", [rotation(SUCCESSOR)], "author_changed", THIEF],
    ["the author named two", [rotation(SUCCESSOR), rotation(THIEF)], "rotation_conflict", SUCCESSOR],
    [
      ...([
        "the key was given up",
        [rotation(SUCCESSOR), said(AUTHOR, toRevocation({ created_at: 1, reason: "lost" }))],
      ] as const),
      ...(["key_revoked", SUCCESSOR] as const),
    ],
  ] as const) {
    it(`is refused where ${what}`, async () => {
      const { world, refusal } = await ordered(statements, by);
      assert.equal(refusal?.code, code, refusal?.message);
      const { active, pending } = world.install() ?? {};
      assert.deepEqual([active?.author_pubkey, pending], [OLD, null]);
      await world.close();
    });
  }

  it("is refused where it is signed by the key that handed over, whoever the install is by", async () => {
    const { world, refusal } = await ordered([rotation(SUCCESSOR)], AUTHOR);
    assert.equal(refusal?.code, "key_rotated", refusal?.message);
    assert.match(refusal?.message ?? "", new RegExp(NEW));
    assert.deepEqual([world.install()?.active?.upgrade_version, world.install()?.pending], ["1.0.0", null]);
    await world.close();
  });

  it("asks relays of the keys in question alone", async () => {
    const { world, asked } = await ordered([rotation(SUCCESSOR)]);
    assert.deepEqual([...new Set(asked.flat())].sort(), [OLD, NEW].sort());
    assert.equal(world.install(INSTALL)?.install_id, INSTALL);
    await world.close();
  });
});
