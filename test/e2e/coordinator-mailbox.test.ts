/** The way that is left where no relay takes an order: the worker's mailbox at the edge, and its answers by the same. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { MailboxPage } from "@oa/shared/generated/types.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { openEncryptedKey } from "@oa/shared/nostr/encrypted-key.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { Page } from "puppeteer-core";
import { killDaemons } from "../cli/oa.ts";
import { eventually } from "../edge/fixture.ts";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { random } from "../fakes/runs.ts";
import { needs } from "../needs.ts";
import { review } from "./coordinator-walk.ts";
import {
  type CoordinatorWorld,
  fill,
  open,
  openCoordinatorWorld,
  press,
  pressIfReady,
  shows,
  words,
} from "./coordinator-world.ts";

const PASSPHRASE = "correct horse battery";

describe("the coordinator where no relay takes an order", { skip: needs("chromium") }, () => {
  let relay: FakeRelay;
  let world: CoordinatorWorld;
  let page: Page;
  let refuses = false;
  before(async () => {
    relay = await openFakeRelay({ accept: () => (refuses ? [false, "blocked: not today"] : [true, ""]) });
    world = await openCoordinatorWorld({ worker_relay: relay.url });
    page = await world.visit();
    await open(page, "Key");
    await fill(page, "new-passphrase", PASSPHRASE);
    await press(page, "Make the key");
    await shows(page, "Your key is unlocked");
    const offer = await world.ask("pair", "add", "--label", "phone", "--results", "--allow", "filesystem:read:**");
    await page.goto(String(offer.invitation));
    await press(page, "Pair");
    await shows(page, "The secret was right");
    const { key } = JSON.parse(String(await page.evaluate("localStorage.getItem('oa.coordinator')")));
    await world.ask("pair", "confirm", String(offer.pairing_id), "--key", key.public_key);
    await shows(page, /Paired\./);
  });
  after(async () => {
    await world?.close();
    await relay?.close();
    killDaemons();
  });
  /** What the coordinator's own mailbox holds. */
  const waiting = async (): Promise<readonly object[]> => {
    const { key } = JSON.parse(String(await page.evaluate("localStorage.getItem('oa.coordinator')")));
    const opened = await openEncryptedKey(key.ncryptsec, async () => PASSPHRASE);
    assert.ok(!isRejection(opened));
    const url = `${world.url}/v1/workers/${key.public_key}/installs?after=0`;
    const template = httpAuthTemplate({ url, method: "GET" }, Math.floor(Date.now() / 1_000), String(random(8)));
    const authorization = httpAuthHeader(signEvent(template, opened, random(32)));
    const page_of = (await (await fetch(url, { headers: { authorization } })).json()) as MailboxPage;
    return page_of.installs;
  };
  /** Asks until the machine, which looks into its mailbox now and then, has answered. */
  const answered = async (text: RegExp): Promise<void> => {
    await eventually(async () => {
      await pressIfReady(page, "Look for an answer");
      return text.test(await words(page));
    }, 60_000);
  };

  it("leaves an order that the relay refuses in the machine's mailbox, and reads the answer in its own", async () => {
    refuses = true;
    await review(world, page);
    // The machine tells its mailbox whom it is paired with when it next looks into it.
    await eventually(async () => {
      await pressIfReady(page, "Agree and send");
      return (await page.evaluate("location.hash")) === "#/installed";
    }, 60_000);
    await shows(page, "No relay of the machine took this order, so it went into its mailbox");
    await answered(/Waits for your approval at the machine:/);
    await world.ask("installs", "approve", "example.morning-words", "--yes");
    await answered(/Installed and enabled\./);
    await world.ask("run", "example.morning-words");
    await answered(/Ran .*1 of 1 steps/);
    assert.ok(!relay.frames.some(([verb, event]) => verb === "EVENT" && JSON.stringify(event).includes("morning")));
  });

  it("does the same where the relay is gone, and takes what it read out of the mailbox", async () => {
    await relay.close();
    await press(page, "Pause");
    await answered(/Installed and paused\./);
    await eventually(async () => (await waiting()).length === 0);
  });

  it("says that nothing was sent where the mailbox cannot be reached either, and remembers no order", async () => {
    const before = await page.evaluate("localStorage.getItem('oa.coordinator')");
    await world.edge.edge().close();
    await press(page, "Resume");
    await shows(page, /Nothing was sent: no relay took it: .*; and the mailbox at http.* cannot be reached\./);
    assert.equal(await page.evaluate("localStorage.getItem('oa.coordinator')"), before);
    await press(page, "Look for an answer");
    await shows(page, /The mailbox at http.* cannot be reached\./);
  });
});
