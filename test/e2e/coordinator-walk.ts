import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { qrLines } from "@oa/worker/cli/qr-code.ts";
import type { Page } from "puppeteer-core";
import { connect } from "../edge/fixture.ts";
import { filmOf } from "../fakes/camera.ts";
import { type CoordinatorWorld, fill, open, press, shows, TITLE, words } from "./coordinator-world.ts";

/** Pairs with the worker by the code that it shows, read by the page's camera, whose film is `video`. */
export async function pairByCode(world: CoordinatorWorld, page: Page, public_key: string, video: string) {
  const file = join(world.folder, "home", "words.txt");
  const allowed = ["--allow", `filesystem:read:${file}`, "--allow", "tool:invoke:fs.read"];
  const offer = await world.ask("pair", "add", "--label", "phone", "--results", ...allowed);
  writeFileSync(video, filmOf(qrLines(String(offer.invitation), false)));
  await open(page, "Machines");
  await press(page, "Pair a machine");
  await press(page, "Scan the code");
  await shows(page, "Pair with this machine?");
  await shows(page, public_key);
  await press(page, "Pair");
  await shows(page, "The secret was right");
  await world.ask("pair", "confirm", String(offer.pairing_id), "--key", public_key);
  await shows(page, /Paired\./);
}

/** From the catalog over its settings, half past four in Berlin, to the permission screen. */
export async function review(world: CoordinatorWorld, page: Page): Promise<void> {
  const file = join(world.folder, "home", "words.txt");
  await open(page, "Find");
  await press(page, TITLE);
  await shows(page, "Its id, signature and manifest were checked in this browser.");
  await press(page, "Install on a machine …");
  await fill(page, "file", file);
  await page.select('main select[name="how"]', "cron");
  await fill(page, "timezone", "Europe/Berlin");
  await fill(page, "expression", "30 4 * * *");
  await press(page, "Review what it may do");
  await shows(page, "Do you agree?");
  await shows(page, `Read the file ${file}.`);
}

/**
 * Pairs, orders, hears what became of it and of a run, rates and reports, with whatever signer the page has open.
 * `refusal`: what the page says instead where the signer does not sign reports.
 */
export async function walk(
  world: CoordinatorWorld,
  page: Page,
  { public_key, video, refusal }: { readonly public_key: string; readonly video: string; readonly refusal?: string },
): Promise<void> {
  await pairByCode(world, page, public_key, video);
  await review(world, page);
  await press(page, "Agree and send");
  await shows(page, "Installed and enabled.");
  const install_id = String(await page.evaluate("document.querySelector('[data-install]').dataset.install"));
  const { installs } = (await world.ask("installs")) as {
    readonly installs: readonly { readonly install_id: string; readonly active: { readonly schedule: object } }[];
  };
  assert.deepEqual(installs.find((one) => one.install_id === install_id)?.active.schedule, {
    ...{ type: "cron", expression: "30 4 * * *", timezone: "Europe/Berlin", overlap: "skip" },
  });
  await world.ask("run", install_id);
  await shows(page, /Ran .*1 of 1 steps/);
  assert.doesNotMatch(await words(page), /good morning/, "what was read stays at the machine");

  await open(page, "Find");
  await press(page, TITLE);
  await page.locator("details.rate summary").click();
  await page.select('select[name="stars"]', "4");
  await press(page, "Publish the rating");
  await shows(page, "Your rating is published.");
  await page.locator("details.report summary").click();
  await press(page, "Publish the report");
  await shows(page, refusal ?? "Your report is published");
  const client = await connect(world.relay);
  const found = await client.query({ kinds: [30054, 1984], authors: [public_key] });
  await client.close();
  assert.deepEqual(found.map(({ kind }) => kind).sort(), refusal === undefined ? [1984, 30054] : [30054]);
}
