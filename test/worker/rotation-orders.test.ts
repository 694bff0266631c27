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
  const world: InstallWorld = openInstallWorld(undefined, async (keys) => {
    asked.push(keys);
    if (statements instanceof Fault) throw statements;
    return statements.filter(({ pubkey }) => keys.includes(pubkey));
  });
  const first = publish(manifestBy(AUTHOR));
  assert.equal(await world.send(world.orderOf(manifestBy(AUTHOR), first)), null);
  assert.equal(world.install()?.active?.author_pubkey, OLD);
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

  it("asks relays of the keys in question alone, and not at all for the key that is known", async () => {
    const { world, asked } = await ordered([rotation(SUCCESSOR)]);
    assert.deepEqual(asked.flat().sort(), [OLD, NEW].sort());
    assert.equal(world.install(INSTALL)?.install_id, INSTALL);
    await world.close();
  });
});
