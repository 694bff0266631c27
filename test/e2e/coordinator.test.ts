/** The coordinator's page in a real browser, with a real edge in workerd and a real worker. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { seal, toEvent } from "@oa/shared/nostr/24051-install-config.ts";
import { openEncryptedKey } from "@oa/shared/nostr/encrypted-key.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import axe from "axe-core";
import type { Page } from "puppeteer-core";
import { killDaemons } from "../cli/oa.ts";
import { connect, eventually } from "../edge/fixture.ts";
import { random } from "../fakes/runs.ts";
import { needs } from "../needs.ts";
import {
  type CoordinatorWorld,
  fill,
  open,
  openCoordinatorWorld,
  press,
  shows,
  TITLE,
  words,
} from "./coordinator-world.ts";

const PASSPHRASE = "correct horse battery";
const SHOT = process.env.OA_SHOTS;

describe("the coordinator in a browser", { skip: needs("chromium") }, () => {
  let world: CoordinatorWorld;
  let page: Page;
  const errors: string[] = [];
  before(async () => {
    world = await openCoordinatorWorld();
    page = await world.visit(async (made) => {
      made.on("pageerror", (error) => errors.push(String(error)));
      made.on("console", (message) => {
        if (message.type() === "error" && /Content Security Policy/.test(message.text())) {
          errors.push(message.text());
        }
      });
    });
  });
  after(async () => {
    await world?.close();
    killDaemons();
  });
  const barriers: string[] = [];
  /** Looks at a view as a person would, or cannot: its barriers are told at the end, its picture kept where asked for. */
  const look = async (name: string): Promise<void> => {
    await page.evaluate(axe.source);
    const found = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))`);
    barriers.push(...(found as readonly string[]).map((barrier) => `${name}: ${barrier}`));
    const sideways = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
    if (sideways === true) barriers.push(`${name}: it is wider than a phone`);
    if (SHOT === undefined) return;
    for (const width of [390, 1280]) {
      await page.setViewport({ width, height: 1_500 });
      await page.screenshot({ path: join(SHOT, `${name}-${width}.png`) });
    }
    await page.setViewport({ width: 390, height: 844 });
  };
  const file = (): string => join(world.folder, "home", "words.txt");
  const kept = async (): Promise<Remembered> =>
    JSON.parse((await page.evaluate("localStorage.getItem('oa.coordinator')")) as string);

  it("takes a reader without a mouse along, and names each screen, from the newcomer's first on", async () => {
    await shows(page, /Once, in this order:\s+.*Make a key/);
    await look("find-first");
    await open(page, "Machines");
    await shows(page, "None is paired yet.");
    const heading = "document.activeElement === document.querySelector('main h1')";
    await page.waitForFunction(`document.title === 'Machines · Agent Upgrades' && ${heading}`);
    await press(page, "Pair a machine");
    await page.waitForFunction(`document.title === 'Pair a machine · Agent Upgrades' && ${heading}`);
    await page.goto(`${world.url}/install/#/listing/nonsense`);
    await shows(page, "It cannot be shown");
    await press(page, "Find an upgrade");
  });

  it("makes a key, which is kept encrypted alone", async () => {
    await open(page, "Key");
    await look("key-none");
    await fill(page, "new-passphrase", "short");
    await press(page, "Make the key");
    await shows(page, "A passphrase has at least 8 characters.");
    await fill(page, "new-passphrase", PASSPHRASE);
    await press(page, "Make the key");
    await shows(page, "Your key is unlocked");
    const { key } = await kept();
    const opened = await openEncryptedKey(key.ncryptsec, async () => PASSPHRASE);
    assert.ok(!isRejection(opened));
    assert.equal(publicKeyOf(opened), key.public_key);
    const secret = Buffer.from(opened).toString("hex");
    assert.ok(!JSON.stringify(await kept()).includes(secret));
    await look("key-open");
  });

  it("says in one sentence that a passphrase is wrong, and stays locked", async () => {
    await press(page, "Lock now");
    await shows(page, "Your key is locked");
    await fill(page, "passphrase", "wrong horse battery");
    await press(page, "Unlock");
    await shows(page, "The passphrase does not open it.");
    assert.match(await words(page), /Locked/);
    await look("key-locked");
  });
  const unlock = async (): Promise<void> => {
    await open(page, "Key");
    await fill(page, "passphrase", PASSPHRASE);
    await press(page, "Unlock");
  };

  it("refuses an invitation that expired, before anything is sent", async () => {
    const { url, token_path } = world.daemon;
    const authorization = `Bearer ${readFileSync(token_path, "utf8").trim()}`;
    const answer = await fetch(`${url}/v1/pairings`, {
      ...{ method: "POST", headers: { authorization, "content-type": "application/json" } },
      body: JSON.stringify({ label: "late", ceiling: [], expires_in_ms: 1_000 }),
    });
    const { invitation } = (await answer.json()) as { readonly invitation: string };
    await eventually(async () => Number(/until=(\d+)/.exec(invitation)?.[1]) * 1_000 < Date.now());
    await page.goto(invitation);
    await shows(page, "no longer: it has expired");
    await unlock();
    await press(page, "Pair");
    await shows(page, "This pairing code has expired: make a new one");
    const { pairings } = await world.ask("pair", "list");
    assert.ok(!JSON.stringify(pairings).includes("claimed"));
  });

  it("pairs by a link, whose secret does not stay in the address, once the owner confirmed its key", async () => {
    const ceiling = ["--allow", `filesystem:read:${file()}`, "--allow", "tool:invoke:fs.read"];
    const offer = await world.ask("pair", "add", "--label", "phone", "--results", ...ceiling);
    await page.goto(String(offer.invitation));
    await shows(page, "Pair with this machine?");
    await page.reload();
    await shows(page, "Or paste its text");
    await page.goto(String(offer.invitation));
    await shows(page, "Pair with this machine?");
    assert.equal(await page.evaluate("location.hash"), "#/pair");
    await press(page, "unlock your key");
    await fill(page, "passphrase", PASSPHRASE);
    await press(page, "Unlock");
    await shows(page, "Pair with this machine?");
    await look("pair");
    await press(page, "Pair");
    await shows(page, "The secret was right");
    await look("machines-claimed");
    const { key } = await kept();
    await world.ask("pair", "confirm", String(offer.pairing_id), "--key", key.public_key);
    await shows(page, /Paired\.[\s\S]*Tells results\s+yes/);
    await look("machines");
  });

  it("shows what authors wrote as text, wherever it stands", async () => {
    await open(page, "Find");
    await shows(page, TITLE);
    await look("find");
    await press(page, TITLE);
    await shows(page, "Its id, signature and manifest were checked in this browser.");
    await look("listing");
    assert.equal(await page.evaluate("window.hacked"), undefined);
    assert.equal(await page.evaluate("document.querySelectorAll('main img, main script').length"), 0);
    const markup = `document.querySelector("main").innerHTML = "<b>x</b>"`;
    assert.equal(
      await page.evaluate(`(() => { try { ${markup}; return "written"; } catch { return "refused"; } })()`),
      "refused",
    );
  });

  it("lets the owner choose values and times, and shows the next of them with the changes of clocks", async () => {
    await press(page, "Install on a machine …");
    await shows(page, "Settings");
    await press(page, "Review what it may do");
    await shows(page, "No value was given for file");
    await fill(page, "file", file());
    assert.doesNotMatch(await words(page), /No value was given/, "it is being put right");
    await shows(page, /It runs every day at 02:00 in Chicago\./);
    await page.select('select[name="how"]', "daily");
    await fill(page, "timezone", "Europe/Berlin");
    await page.select('select[name="days"]', "1-5");
    await shows(
      page,
      /It runs Monday to Friday at 02:00 in Berlin\.[\s\S]*\w{3} 20\d\d-\d\d-\d\d, 02:00 \(UTC\+0[12]:00\)/,
    );
    await look("settings-daily");
    await page.select('select[name="how"]', "cron");
    await fill(page, "expression", "30 2 * 3 SUN");
    await shows(page, /Clocks skip 20\d\d-03-\d\d 02:00 to 03:00: it fires right after\./);
    await fill(page, "expression", "61 2 * * *");
    await shows(page, /cron|minute/i);
    await press(page, "Review what it may do");
    await shows(page, "61");
    await fill(page, "expression", "30 3 * * 1-5");
    await page.select('select[name="overlap"]', "queue_one");
    await page.locator('main [name="plugged_in"]').click();
    await look("settings");
  });

  it("asks for consent to exactly this, and the machine installs and enables it", async () => {
    await press(page, "Review what it may do");
    await shows(page, "Do you agree?");
    await shows(page, `Read the file ${file()}.`);
    assert.doesNotMatch(await words(page), /asks at the machine/);
    await look("consent");
    await press(page, "Agree and send");
    await shows(page, "Installed and enabled.");
    await look("installed");
    const { installs } = (await world.ask("installs")) as { installs: readonly Install[] };
    assert.equal(installs.length, 1);
    const { schedule, signed_by } = installs[0]?.active ?? ({} as Install["active"]);
    assert.deepEqual(schedule, {
      ...{ type: "cron", expression: "30 3 * * 1-5", timezone: "Europe/Berlin", overlap: "queue_one" },
      constraints: { plugged_in: true },
    });
    assert.ok(signed_by.revision >= Math.floor(Date.now() / 1_000) - 600);
  });

  it("shows the result of a run, by name and number, and nothing of what was read", async () => {
    await world.ask("run", "example.morning-words");
    await shows(page, /Ran .*1 of 1 steps/);
    await look("result");
    assert.doesNotMatch(JSON.stringify(await kept()), /good morning/);
  });

  it("pauses and resumes with orders of higher revisions", async () => {
    await press(page, "Pause");
    await shows(page, "Installed and paused.");
    await press(page, "Resume");
    await shows(page, "Installed and enabled.");
  });

  it("marks what a change newly asks for, which waits for the owner at the machine", async () => {
    await press(page, "Change");
    await shows(page, "Change Morning words");
    await fill(page, "file", join(world.folder, "home", "other.txt"));
    await press(page, "Review what it may do");
    await shows(page, /other\.txt\.\s*new\s*asks at the machine/);
    await press(page, "Agree and send");
    await shows(page, /Enabled as before; the change waits for your approval at the machine:\s+.*other\.txt/);
    await look("waiting");
    await world.ask("installs", "approve", "example.morning-words", "--yes");
    await shows(page, "Installed and enabled.");
  });

  it("is refused an order that was tampered with, on the way and after the consent", async () => {
    const { key, workers, installs } = await kept();
    const opened = await openEncryptedKey(key.ncryptsec, async () => PASSPHRASE);
    assert.ok(!isRejection(opened));
    const [worker = "", { install_id, order } = { install_id: "", order: { revision: 0 } }] = [
      workers[0]?.public_key,
      installs[0],
    ];
    const detail = (await (
      await fetch(`${world.url}/v1/listings/${encodeURIComponent(world.address)}`)
    ).json()) as Detail;
    const now_s = Math.floor(Date.now() / 1_000);
    const config = {
      ...{ config_version: 1, action: "install", worker, signer: key.public_key, install_id },
      ...{ revision: order.revision + 100, issued_at: now_s, expires_at: now_s + 600, listing: world.address },
      manifest_event_id: detail.event.id,
      release_event_id: detail.release_events[0]?.id,
      manifest_sha256: detail.listing.manifest_sha256,
      permission_hash: "0".repeat(64),
      ...{ inputs: { file: file() }, manifest_event: detail.event, release_event: detail.release_events[0] },
    } as never;
    const fresh = { one_time_key: random(32), nonce: random(32), aux_random: random(32), created_at: now_s };
    const sealed = seal(signEvent(toEvent(config), opened, random(32)), worker, fresh);
    assert.ok(!isRejection(sealed));
    const client = await connect(world.relay);
    const broken = await client.publish({ ...sealed, content: `A${sealed.content.slice(1, -1)}A` });
    assert.equal(broken[2], false, "the relay itself refuses what was changed on the way");
    assert.equal((await client.publish(sealed))[2], true);
    await client.close();
    await eventually(async () => {
      const { installs: now } = (await world.ask("installs")) as { installs: readonly Install[] };
      return now[0]?.refusal?.code === "permission_hash_mismatch";
    });
  });

  it("rates in the name of its key, in public", async () => {
    await page.goto(`${world.url}/install/#/listing/${encodeURIComponent(world.address)}`);
    await page.reload();
    await unlock();
    await page.goto(`${world.url}/install/#/listing/${encodeURIComponent(world.address)}`);
    await page.locator("details.rate summary").click();
    await press(page, "Publish the rating");
    await shows(page, "Choose from one to five stars.");
    await page.select('select[name="stars"]', "4");
    await fill(page, "review", "Ready every morning.");
    await press(page, "Publish the rating");
    await shows(page, "Your rating is published.");
    // As a listing's page links to it.
    await page.goto(`${world.url}/install/#/report/${encodeURIComponent(world.address)}`);
    await page.waitForSelector("details.report[open]");
    await page.select('select[name="reason"]', "spam");
    await press(page, "Publish the report");
    await shows(page, "Your report is published");
    await look("rated");
    const client = await connect(world.relay);
    const { key } = await kept();
    const found = await client.query({ kinds: [30054, 1984], authors: [key.public_key] });
    await client.close();
    assert.deepEqual(found.map(({ kind }) => kind).sort(), [1984, 30054]);
    assert.ok(
      found.some(
        ({ tags, content }) => tags.some(([n, v]) => n === "rating" && v === "4") && content.startsWith("Ready"),
      ),
    );
  });

  it("removes by the second press alone, and takes what is over off its list", async () => {
    await open(page, "Installed");
    await press(page, "Remove");
    await shows(page, "Press again to remove it");
    await page.focus("nav.tabs a");
    assert.doesNotMatch(await words(page), /Press again|order to remove/);
    await press(page, "Remove");
    await press(page, "Press again to remove it");
    await press(page, "Take it off this list");
    await shows(page, "Nothing has been ordered from here yet.");
  });

  it("has no barrier in any view, on a phone", () => assert.deepEqual(barriers, []));

  it("loads no program by any way but its own files, and breaks no rule of its policy", () => {
    const scripts = readdirSync(world.site, { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".js"),
    );
    assert.ok(scripts.some((path) => path === join("install", "offline.js")));
    for (const path of scripts) {
      const code = readFileSync(join(world.site, path), "utf8");
      assert.doesNotMatch(
        code,
        /(?<![.\w$])eval\s*\(|new\s+Function\b|WebAssembly[.[]\w|importScripts|innerHTML|outerHTML|insertAdjacentHTML/,
        path,
      );
      assert.doesNotMatch(code, /["'`]node:|child_process|DurableObject/, path);
    }
    assert.deepEqual(errors, []);
  });

  it("opens without a network, and says how old what it shows is, and what cannot be done", async () => {
    await page.waitForFunction("navigator.serviceWorker.controller !== null");
    await open(page, "Find");
    await press(page, TITLE);
    await shows(page, "What it may touch");
    await open(page, "Find");
    await shows(page, TITLE);
    // What is shown has been kept.
    const shelved =
      "caches.match(new URL('/v1/listings?limit=50', location.href)).then((answer) => answer !== undefined)";
    await page.waitForFunction(shelved);
    await world.edge.edge().close();
    await page.goto(`${world.url}/install/`);
    await shows(page, /This is as it was .* ago/);
    await shows(page, TITLE);
    await look("offline");
    await fill(page, "q", "never asked before");
    await shows(page, "No catalog can be reached");
    await page.setOfflineMode(true);
    await shows(page, "You are offline. What was kept here can be read; pairing, ordering, rating");
    await look("offline-said");
    await unlock();
    await open(page, "Find");
    await press(page, TITLE);
    await press(page, "Install on a machine …");
    await fill(page, "file", file());
    await press(page, "Review what it may do");
    await press(page, "Agree and send");
    await shows(
      page,
      /Nothing was sent: no relay took it: .* cannot be reached; and the mailbox at .* cannot be reached\./,
    );
    const { installs } = await kept();
    assert.equal(installs.length, 0, "an order that was not sent is not remembered as one");
  });
});

/** What the page keeps, as far as it is looked at. */
interface Remembered {
  readonly key: { readonly ncryptsec: string; readonly public_key: string };
  readonly workers: readonly { readonly public_key: string }[];
  readonly installs: readonly { readonly install_id: string; readonly order: { readonly revision: number } }[];
}

interface Install {
  readonly active: { readonly schedule: object; readonly signed_by: { readonly revision: number } };
  readonly pending: object | null;
  readonly refusal: { readonly code: string } | null;
}

interface Detail {
  readonly listing: { readonly manifest_sha256: string };
  readonly event: { readonly id: string };
  readonly release_events: readonly { readonly id: string }[];
}
