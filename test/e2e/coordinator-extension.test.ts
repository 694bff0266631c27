/** The whole way of an order under the key in a browser extension: a real one in a real browser, under the page's policy. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import type { Page } from "puppeteer-core";
import { killDaemons } from "../cli/oa.ts";
import { cameraOf } from "../fakes/camera.ts";
import { writeFakeExtension } from "../fakes/extension.ts";
import { key } from "../fakes/signed-upgrade.ts";
import { needs } from "../needs.ts";
import { walk } from "./coordinator-walk.ts";
import { type CoordinatorWorld, open, openCoordinatorWorld, press, shows } from "./coordinator-world.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-extension-"));
const VIDEO = join(folder, "camera.y4m");
const [WORLD_KEY, ELEMENT_KEY] = [key(31), key(32)];

describe("the coordinator with a browser extension", { skip: needs("chromium") }, () => {
  let world: CoordinatorWorld;
  const refused: string[] = [];
  /** The visitor whose browser has the extensions, at one of the two names of this machine. */
  const visit = async (host: "127.0.0.1" | "localhost"): Promise<Page> =>
    world.visit(
      async (page) => {
        page.on("console", (message) => {
          if (/Content Security Policy|TrustedScript/.test(message.text())) refused.push(message.text());
        });
      },
      world.url.replace("127.0.0.1", host),
    );
  before(async () => {
    const [inWorld, byElement] = [join(folder, "world"), join(folder, "element")];
    writeFakeExtension(inWorld, { secret_key: WORLD_KEY, host: "127.0.0.1", way: "world" });
    writeFakeExtension(byElement, { secret_key: ELEMENT_KEY, host: "localhost", way: "element", refuses: [1984] });
    writeFileSync(VIDEO, "");
    world = await openCoordinatorWorld({ browser_args: cameraOf(VIDEO), extensions: [inWorld, byElement] });
  });
  after(async () => {
    await world?.close();
    killDaemons();
    rmSync(folder, { recursive: true, force: true });
  });

  it("goes the whole way with one that the browser puts into the page: pair, agree, install, results, rate, report", async () => {
    const page = await visit("127.0.0.1");
    await open(page, "Key");
    await shows(page, "Your extension keeps the key");
    await press(page, "Use the extension");
    await shows(page, "Your key is unlocked");
    await walk(world, page, { public_key: publicKeyOf(WORLD_KEY), video: VIDEO });
    assert.ok(!String(await page.evaluate("JSON.stringify(localStorage)")).includes("ncryptsec"));
    await open(page, "Key");
    await press(page, "Lock now");
    await shows(page, "Your key is locked");
    await press(page, "Unlock");
    await shows(page, "Your key is unlocked");
    await page.close();
  });

  it("goes as far with one that puts an element of its own into the page, and says what its owner refused", async () => {
    const page = await visit("localhost");
    await open(page, "Key");
    await press(page, "Use the extension");
    await shows(page, "Your key is unlocked");
    const refusal = "The extension refused: its owner said no to kind 1984.";
    await walk(world, page, { public_key: publicKeyOf(ELEMENT_KEY), video: VIDEO, refusal });
    await page.close();
  });

  it("breaks no rule of the page's policy with either", () => assert.deepEqual(refused, []));
});
