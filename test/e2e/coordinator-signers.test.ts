/** Whoever holds the coordinator's key, and how a machine's code is read, in a real browser. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { qrLines } from "@oa/worker/cli/qr-code.ts";
import { decrypt, getConversationKey } from "nostr-tools/nip44";
import { type EventTemplate, finalizeEvent } from "nostr-tools/pure";
import type { Page } from "puppeteer-core";
import { killDaemons } from "../cli/oa.ts";
import { cameraOf, filmOf } from "../fakes/camera.ts";
import { openFakeSigner } from "../fakes/remote-signer.ts";
import { key } from "../fakes/signed-upgrade.ts";
import { needs } from "../needs.ts";
import { walk } from "./coordinator-walk.ts";
import { type CoordinatorWorld, fill, open, openCoordinatorWorld, press, shows } from "./coordinator-world.ts";

const PASSPHRASE = "correct horse battery";
const folder = mkdtempSync(join(tmpdir(), "oa-camera-"));
const VIDEO = join(folder, "camera.y4m");

describe("the coordinator's signers and its camera", { skip: needs("chromium") }, () => {
  let world: CoordinatorWorld;
  before(async () => {
    writeFileSync(VIDEO, "");
    world = await openCoordinatorWorld({ browser_args: cameraOf(VIDEO) });
  });
  after(async () => {
    await world?.close();
    killDaemons();
    rmSync(folder, { recursive: true, force: true });
  });

  const pair = async (page: Page, public_key: string): Promise<void> => {
    const offer = await world.ask("pair", "add", "--label", "phone", "--results");
    await page.goto(`${world.url}/install/#/pair`);
    await fill(page, "invitation", String(offer.invitation).replace(/^.*#/, ""));
    await press(page, "Go on");
    await shows(page, public_key);
    await press(page, "Pair");
    await shows(page, "The secret was right");
    await world.ask("pair", "confirm", String(offer.pairing_id), "--key", public_key);
    await shows(page, /Paired\./);
  };
  /** A FAKE browser extension: it speaks NIP-07 and agrees to everything, or signs something else on request. */
  const extension =
    (secret_key: Uint8Array, change: (template: EventTemplate) => EventTemplate = (same) => same) =>
    async (page: Page): Promise<void> => {
      await page.exposeFunction("askedToSign", (template: EventTemplate) =>
        finalizeEvent(change(template), secret_key),
      );
      await page.exposeFunction("askedToDecrypt", (from: string, payload: string) =>
        decrypt(payload, getConversationKey(secret_key, from)),
      );
      await page.evaluateOnNewDocument(
        `window.nostr = { getPublicKey: async () => ${JSON.stringify(publicKeyOf(secret_key))},
           signEvent: (template) => window.askedToSign(template),
           nip44: { decrypt: (from, payload) => window.askedToDecrypt(from, payload) } }`,
      );
    };

  it("pairs with the key of a browser extension, which reads the machine's answers too", async () => {
    const page = await world.visit(extension(key(21)));
    await open(page, "Key");
    await press(page, "Use the extension");
    await shows(page, "Your key is unlocked");
    await pair(page, publicKeyOf(key(21)));
    assert.ok(!String(await page.evaluate("JSON.stringify(localStorage)")).includes("ncryptsec"));
    await page.close();
  });

  it("sends nothing that an extension signed in place of what it was asked to", async () => {
    const offer = await world.ask("pair", "add", "--label", "other");
    const page = await world.visit(extension(key(22), (template) => ({ ...template, content: "{}" })));
    await open(page, "Key");
    await press(page, "Use the extension");
    await page.goto(`${world.url}/install/#/pair`);
    await fill(page, "invitation", String(offer.invitation));
    await press(page, "Go on");
    await press(page, "Pair");
    await shows(page, "The signer signed another event than it was asked to: its content differ.");
    const { pairings } = (await world.ask("pair", "list")) as {
      pairings: readonly { readonly label: string; readonly status: string }[];
    };
    assert.equal(pairings.find(({ label }) => label === "other")?.status, "offered");
    await page.close();
  });

  it("goes the whole way with a signer elsewhere, by its address, and reaches it again with the passphrase alone", async () => {
    const signer = await openFakeSigner(world.relay, { author_key: key(23), signer_key: key(24) });
    const page = await world.visit();
    await open(page, "Key");
    await fill(page, "bunker-passphrase", PASSPHRASE);
    await fill(page, "bunker", "bunker://nothing");
    await press(page, "Connect");
    await shows(page, "The signer's address has no key of 64 hex digits");
    await fill(page, "bunker", signer.url);
    await press(page, "Connect");
    await shows(page, "Your key is unlocked");
    await walk(world, page, { public_key: signer.public_key, video: VIDEO });
    const stored = String(await page.evaluate("JSON.stringify(localStorage)"));
    assert.ok(stored.includes("ncryptsec") && !stored.includes("first-time-only"), "no one-time secret is kept");
    await open(page, "Key");
    await press(page, "Lock now");
    await fill(page, "passphrase", "not the passphrase");
    await press(page, "Unlock");
    await shows(page, "The passphrase does not open it.");
    await fill(page, "passphrase", PASSPHRASE);
    await press(page, "Unlock");
    await shows(page, "Your key is unlocked");
    assert.deepEqual([...new Set(signer.asked.map(({ method }) => method))].sort(), [
      ...["connect", "get_public_key", "nip44_decrypt", "sign_event"],
    ]);
    signer.close();
    await page.close();
  });

  it("lets a signer elsewhere connect by a code that it shows, and says why where it refuses", async () => {
    let refuses = false;
    const signer = await openFakeSigner(world.relay, {
      ...{ author_key: key(25), signer_key: key(26) },
      answer: ({ method }) => (refuses && method === "sign_event" ? { error: "not this one" } : undefined),
    });
    const page = await world.visit();
    await open(page, "Key");
    await fill(page, "bunker-passphrase", PASSPHRASE);
    await press(page, "Show a code for it instead");
    await shows(page, /nostrconnect:\/\//);
    assert.equal(await page.evaluate("document.querySelectorAll('canvas.qr').length"), 1);
    signer.connectTo(String(await page.evaluate("document.querySelector('.address').textContent")));
    await shows(page, "Your key is unlocked");
    refuses = true;
    const offer = await world.ask("pair", "add", "--label", "third");
    await page.goto(`${world.url}/install/#/pair`);
    await fill(page, "invitation", String(offer.invitation));
    await press(page, "Go on");
    await press(page, "Pair");
    await shows(page, "The signer refused: not this one.");
    signer.close();
    await page.close();
  });

  it("reads a machine's code by camera, in a browser that cannot read codes itself", async () => {
    const offer = await world.ask("pair", "add", "--label", "camera");
    writeFileSync(VIDEO, filmOf(qrLines(String(offer.invitation), false)));
    const page = await world.visit();
    await page.goto(`${world.url}/install/#/pair`);
    await press(page, "Scan the code");
    await shows(page, "Pair with this machine?");
    await shows(page, String(offer.worker).slice(0, 8));
    assert.equal(await page.evaluate("document.querySelector('video')"), null, "the camera is let go");
    await page.close();
  });
});
