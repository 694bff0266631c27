import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openFakeRelay } from "../fakes/relay.ts";
import { document, down, inLaterSecond, killDaemons, oa, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-consent-"));
const data = join(folder, "data");
mkdirSync(data, { mode: 0o700 });
const relay = await openFakeRelay();
const env = { OA_DATA: data, OA_RELAYS: relay.url, OA_PORT: "0" };
after(async () => {
  killDaemons();
  await relay.close();
  rmSync(folder, { recursive: true });
});

interface Install {
  readonly install_id: string;
  readonly status: string;
  readonly auto_update: string;
  readonly channel: string;
  readonly yanked: { readonly reason: string } | null;
  readonly active: { readonly upgrade_version: string };
  readonly pending: { readonly upgrade_version: string } | null;
}
const words = async (...args: readonly string[]) => {
  const said = await oa([...args, "--json"], env);
  return { code: said.code, stderr: said.stderr, ...document(said) } as Record<string, unknown> & {
    readonly code: number;
    readonly error?: { readonly code: string };
  };
};
const install = async (): Promise<Install> => (await words("installs", "watch")) as unknown as Install;

function manifest(version: string, change: object = {}): string {
  const file = join(folder, `watch-${version}.json`);
  const base = {
    id: "me.watch",
    version,
    title: "Watch",
    author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: join(folder, "out.txt"), access: "write" }], tools: ["fs.write"] },
    schedule: { type: "manual" },
    pipeline: [{ id: "write", op: "fs.write", path: join(folder, "out.txt"), content: "hello" }],
  };
  writeFileSync(file, JSON.stringify({ ...base, ...change }));
  return file;
}
async function publish(file: string, ...more: readonly string[]): Promise<string> {
  const how = ["--author-from-key", "--relay", relay.url, ...more];
  const said = await inLaterSecond("me", () => words("upgrade", "publish", file, ...how));
  assert.equal(said.code, 0, JSON.stringify(said));
  return String(said.address);
}
async function until(what: (install: Install) => boolean): Promise<Install> {
  for (let tries = 0; tries < 100; tries += 1) {
    const now = await install();
    if (what(now)) return now;
    await sleep(100);
  }
  throw new Error(`it did not come to that: ${JSON.stringify(await install())}`);
}

test("install, narrow update, widening update, yank: what is asked, what is taken, what stops", async () => {
  const address = await publish(manifest("1.0.0"));
  const daemon = await startOa(["up"], env);
  const first = await words("install", address, "--auto-update", "narrow", "--yes");
  assert.equal(first.code, 0, JSON.stringify(first));
  assert.deepEqual([(await install()).auto_update, (await install()).channel], ["narrow", "main"]);

  // Nothing is widened: consent is not asked for, although there is no terminal and no --yes.
  await publish(manifest("1.1.0", { summary: "It says what it does." }));
  const narrow = await words("install", address);
  assert.equal(narrow.code, 0, JSON.stringify(narrow));
  assert.equal((await install()).active.upgrade_version, "1.1.0");

  // Something is: the same command asks, and says what for.
  const wider = { schedule: { type: "cron", expression: "0 3 * * *" } };
  await publish(manifest("1.2.0", wider));
  const asked = await words("install", address);
  assert.deepEqual([asked.code, asked.error?.code], [3, "consent_needed"]);
  const { consent } = asked as unknown as { consent: { update: { diff: { widened: { sentence: string }[] } } } };
  assert.match(consent.update.diff.widened[0]?.sentence ?? "", /It starts at 0 3 \* \* \*/);
  assert.equal((await install()).active.upgrade_version, "1.1.0");

  // The version that runs is compared with the one that is listed, though the relay has forgotten it.
  const diff = await words("upgrade", "diff", `${address}@1.1.0`, address);
  assert.deepEqual(
    (diff.widened as { kind: string }[]).map(({ kind }) => kind),
    ["schedule"],
  );

  const yanked = await words("upgrade", "yank", `${address}@1.1.0`, "--reason", "it leaks", "--relay", relay.url);
  assert.equal(yanked.code, 0, JSON.stringify(yanked));
  const stopped = await until(({ status }) => status === "yanked");
  assert.equal(stopped.yanked?.reason, "it leaks");
  const run = await words("run", "watch");
  assert.deepEqual([run.code, run.error?.code], [3, "release_yanked"]);
  const enabled = await words("installs", "enable", "watch");
  assert.equal(enabled.error?.code, "release_yanked");

  // Another release runs again, once the owner agrees to it.
  assert.equal((await words("install", address, "--yes")).code, 0);
  assert.deepEqual([(await install()).status, (await install()).active.upgrade_version], ["enabled", "1.2.0"]);
  assert.equal(await down(daemon), 0);
});

test("only the author's key takes a release back, and a release needs a version", async () => {
  const foreign = await words("upgrade", "yank", `30051:${"a".repeat(64)}:me.watch@1.0.0`, "--relay", relay.url);
  assert.deepEqual([foreign.code, foreign.error?.code], [3, "author_mismatch"]);
  const bare = await words("upgrade", "yank", `30051:${"a".repeat(64)}:me.watch`, "--relay", relay.url);
  assert.deepEqual([bare.code, bare.error?.code], [2, "usage"]);
  const mistaken = await words("upgrade", "yank", "me.wotch@1.0.0", "--relay", relay.url);
  assert.equal(mistaken.release_event_id, null);
  assert.match(String(mistaken.stderr), /none of these relays shows a release me\.wotch@1\.0\.0 of yours/);
});

test("a channel is followed only when it is asked for", async () => {
  const address = await publish(manifest("2.0.0-beta.1", { id: "me.beta" }), "--channel", "beta");
  const refused = await words("install", address, "--yes");
  assert.equal(refused.error?.code, "channel_not_followed");
  const taken = await words("install", address, "--channel", "beta", "--yes");
  assert.deepEqual([taken.code, taken.channel], [0, "beta"]);
});

test("what is installed has one set of names, for commands about installs and about listings alike", async () => {
  const { install_id, active } = (await install()) as Install & {
    readonly active: { readonly release_event_id: string };
  };
  for (const name of ["watch", "me.watch", install_id, active.release_event_id]) {
    const why = await words("why-not", name);
    assert.deepEqual([why.code, why.verdict, why.version], [0, "yes", "1.2.0"], JSON.stringify(why));
    assert.equal((await words("installs", name)).install_id, install_id, name);
  }
  assert.equal((await words("plan", "watch")).title, "Watch");
  assert.deepEqual((await words("upgrade", "artifacts", "watch")).artifacts, []);
  const diff = await words("upgrade", "diff", "watch@1.2.0", manifest("1.3.0", { title: "Watch more" }));
  assert.equal(diff.code, 0, JSON.stringify(diff));
  // The name is understood; that there is no edge is another matter.
  assert.equal((await words("market", "show", "watch")).error?.code, "unreachable");
  assert.equal((await words("market", "show", "wotch")).error?.code, "not_found");
  const mistaken = await words("why-not", "wotch");
  assert.equal(mistaken.error?.code, "not_found");
  assert.match(
    String((await words("installs", "me.wotch")).stderr),
    /nothing called me\.wotch is installed \(did you mean me\.watch/,
  );
  assert.match(String((await words("plan", "no-such.json")).stderr), /there is no file no-such\.json/);
});

test("plan and why-not look at a file without changing anything of the world", async () => {
  const file = manifest("3.0.0", { capabilities: { platforms: ["windows"], backends: [] } });
  const plan = await words("plan", file);
  assert.deepEqual(
    (plan.writes as { glob: string }[]).map(({ glob }) => glob),
    [join(folder, "out.txt")],
  );
  const why = await words("why-not", file);
  assert.deepEqual([why.code, why.verdict], [3, "no"]);
  const all = await words("why-not", file, "--all");
  assert.deepEqual([all.code, all.verdict], [3, "no"], "no worker can");
  const here = await words(
    "why-not",
    manifest("3.0.0", { capabilities: { platforms: ["linux", "macos"], backends: [] } }),
  );
  assert.deepEqual([here.code, here.verdict], [0, "yes"]);
  assert.deepEqual(
    (why.obstacles as { subject: string }[]).map(({ subject }) => subject),
    ["platform"],
  );
});
