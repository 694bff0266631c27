/** A curator, an author and an owner, each with their own machine, over a real edge: taken down, stopped, overridden, restored. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CatalogPage, ModerationCase, ModerationLedger, ModerationRoles } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, down, killDaemons, oa, type Running, type Said, startOa } from "../cli/oa.ts";

/** A key in npub form; publishing puts the author's own in its place. */
const NPUB = hexToNpub("1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f");
const folder = mkdtempSync(join(tmpdir(), "oa-moderation-"));
const base = { HOME: folder };
const [operator, curator, author, owner] = ["operator", "curator", "author", "owner"].map((name) =>
  join(folder, name),
) as [string, string, string, string];
let edge: Running;
let relay: string;
let daemon: Running;
let address: string;

const run = (data: string, ...args: readonly string[]): Promise<Said> =>
  oa([...args, "--data", data, "--json"], { ...base, OA_EDGE_URL: edge.url });
async function ask<T>(data: string, ...args: readonly string[]): Promise<T> {
  const said = await run(data, ...args);
  assert.equal(said.code, 0, said.stderr + said.stdout);
  return document(said) as T;
}
async function codeOf(data: string, ...args: readonly string[]): Promise<string> {
  const { error } = document(await run(data, ...args)) as { error?: { code: string } };
  return error?.code ?? "done";
}
/** Asks again until it holds; the test's own time limit is the only deadline. */
async function until<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
const install = (): Promise<InstallView> => ask<InstallView>(owner, "installs", "reader");
const keyOf = async (data: string): Promise<string> => (await loadOrCreateKey(data, "owner")).public_key;

before(async () => {
  for (const data of [operator, curator, author, owner]) mkdirSync(data, { mode: 0o700 });
  edge = await startOa(
    ["edge", "--port", "0", "--data", join(folder, "edge"), "--operator", await keyOf(operator)],
    base,
  );
  relay = String(edge.said.relay_url);
  const manifest = {
    ...{ id: "test.upgrade.reader", version: "1.0.0", title: "Reader", author: { name: "Ada", npub: NPUB } },
    ...{ capabilities: { platforms: ["linux", "macos"], backends: [] }, schedule: { type: "manual" } },
    permissions: { filesystem: ["~/text.txt"], tools: ["fs.read"] },
    pipeline: [{ op: "fs.read", id: "read", path: "~/text.txt" }],
  };
  const file = join(folder, "reader.json");
  writeFileSync(file, JSON.stringify(manifest));
  writeFileSync(join(folder, "text.txt"), "hello");
  await ask(author, "upgrade", "publish", file, "--relay", relay, "--author-from-key");
  daemon = await startOa(["up", "--data", owner, "--port", "0", "--edge", edge.url, "--relay", relay], base);
  const { listings } = await until(
    () => ask<CatalogPage>(owner, "market", "list"),
    (page) => page.listings.length === 1,
  );
  address = listings[0]?.address ?? "";
  await ask(owner, "install", address, "--yes");
});
after(async () => {
  if (daemon !== undefined) await down(daemon);
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

const evidence = join(folder, "trace.txt");
writeFileSync(evidence, "connect 203.0.113.7:443");
let decision: string;

test("the operator names a curator, whose case opens with an owner's report", { timeout: 60_000 }, async () => {
  assert.equal(await codeOf(curator, "moderate", "cases"), "not_permitted");
  const roles = ["hold", "label", "take_down", "restore"].flatMap((role) => ["--role", role]);
  await ask(operator, "curate", "add", "curators", await keyOf(curator), "--name", "Mo", ...roles);
  await until(
    () => codeOf(curator, "moderate", "cases"),
    (code) => code === "done",
  );
  await ask(owner, "report", address, "--reason", "malware", "--text", "It asks for a strange host.");
  const found = await until(
    () => run(curator, "moderate", "show", address),
    ({ code }) => code === 0,
  );
  const { status, reports } = document(found) as unknown as ModerationCase;
  assert.deepEqual([status, reports[0]?.text], ["open", "It asks for a strange host."]);
});

test("what the curator takes down stops on the owner's machine, who is told why", { timeout: 60_000 }, async () => {
  assert.equal((await install()).status, "enabled");
  const args = ["--reason", "data_exfiltration", "--evidence", evidence, "--note", "See trace.txt."];
  const done = await ask<ModerationCase & { event_id: string }>(curator, "moderate", "take-down", address, ...args);
  decision = done.event_id;
  assert.equal(done.status, "decided");
  const { status, takedown } = await until(install, (view) => view.takedown !== null);
  assert.equal(status, "disabled");
  assert.equal(takedown?.moderator, await keyOf(curator));
  const shown = await oa(["installs", "reader", "--data", owner], base);
  assert.match(shown.stdout, /MODERATED: it was taken down: it sends data where it does not say.*See trace\.txt/);
  assert.match(shown.stdout, /oa installs override install_/);
  assert.equal(await codeOf(owner, "installs", "enable", "reader"), "listing_taken_down");
});

test("nobody installs it any more from there, and the ledger tells everybody why", { timeout: 60_000 }, async () => {
  assert.equal(await codeOf(owner, "market", "show", address), "listing_taken_down");
  assert.equal(await codeOf(owner, "install", address, "--yes"), "listing_taken_down");
  const { entries } = await ask<ModerationLedger>(author, "moderate", "ledger");
  assert.deepEqual(
    entries.map((entry) => [entry.decision.event_id, entry.state, entry.decision.reason]),
    [[decision, "standing", "data_exfiltration"]],
  );
  // For people: whose listing, by the operator's name for the curator, and no key in hex.
  const args = ["moderate", "ledger", "--data", author];
  const env = { ...base, OA_EDGE_URL: edge.url };
  const { stdout } = await oa(args, env);
  const npub = hexToNpub(await keyOf(curator));
  assert.match(stdout, /^test\.upgrade\.reader by npub1\w{8}…\w{6}$/m);
  assert.match(stdout, new RegExp(`by Mo \\(${npub.slice(0, 13)}…${npub.slice(-6)}\\) in ${decision}`));
  assert.deepEqual(stdout.match(/\b[0-9a-f]{64}\b/g), [decision]);
  assert.match((await oa([...args, "--full"], env)).stdout, new RegExp(`by Mo \\(${npub}\\) in`));
  const { keys } = await ask<{ readonly keys: readonly object[] }>(author, "moderate", "ledger");
  assert.deepEqual(keys, [{ pubkey: await keyOf(curator), npub, name: "Mo" }]);
});

test("a command takes other moderators than the setting, for itself alone", { timeout: 60_000 }, async () => {
  const mo = hexToNpub(await keyOf(curator));
  for (const [chosen, code] of [
    ["none", "done"],
    [await keyOf(author), "done"],
    [mo, "listing_taken_down"],
    [`${await keyOf(author)},${mo}`, "listing_taken_down"],
    ["somebody", "usage"],
  ] as const) {
    for (const words of [["market", "show"], ["plan"]]) {
      assert.equal(await codeOf(owner, ...words, address, "--moderators", chosen), code, `${words} by ${chosen}`);
    }
  }
  const found = async (...args: readonly string[]): Promise<number> =>
    (await ask<CatalogPage>(owner, "market", ...args)).listings.length;
  assert.deepEqual(await Promise.all([found("list"), found("search", "reader")]), [0, 0]);
  const free = ["--moderators", "none"];
  assert.deepEqual(await Promise.all([found("list", ...free), found("search", "reader", ...free)]), [1, 1]);
  assert.equal(await codeOf(owner, "install", join(folder, "reader.json"), "--yes", ...free), "usage", "a file");
});

test("consent by other moderators than the setting says that the upgrade will be stopped again", {
  timeout: 60_000,
}, async () => {
  const consent = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await oa(["install", address, "--data", owner, ...args], base);
    return { code, said: `${stdout}${stderr}` };
  };
  const free = await consent("--moderators", "none");
  assert.notEqual(free.code, 0, "nobody agreed");
  assert.match(free.said, /Your own setting of moderators hides it, and what runs goes by that setting:/);
  assert.match(
    free.said,
    /was taken down: it sends data where it does not say.*\n.*stopped again.*oa installs override/,
  );
  const asked = document(await run(owner, "install", address, "--moderators", "none"));
  const { consent: view } = asked as { readonly consent?: { readonly stopped_by: string | null } };
  assert.match(String(view?.stopped_by), /was taken down/);
});

test("who chose no moderators sees and installs it all the same", { timeout: 60_000 }, async () => {
  const free = join(folder, "free");
  const env = { ...base, OA_EDGE_URL: edge.url, OA_MODERATORS: "" };
  mkdirSync(free, { mode: 0o700 });
  writeFileSync(join(free, "config.json"), JSON.stringify({ edge_url: edge.url, moderators: [] }));
  const said = await oa(["market", "show", address, "--data", free, "--json"], env);
  assert.equal(said.code, 0, said.stderr);
});

test("the owner overrides it by an explicit command, which the log keeps with the reason", {
  timeout: 60_000,
}, async () => {
  assert.equal((await run(owner, "installs", "override", "reader")).code, 2);
  await ask(owner, "installs", "override", "reader", "--reason", "I read it; the host is ours.");
  const { status, takedown } = await install();
  assert.deepEqual([status, takedown?.overridden], ["enabled", true]);
  const history = await oa(["installs", "history", "reader", "--data", owner], base);
  assert.match(history.stdout, /runs it all the same: I read it; the host is ours/);
});

test("its author appeals, the operator restores it, and it is back everywhere", { timeout: 60_000 }, async () => {
  assert.equal(await codeOf(owner, "moderate", "appeal", decision), "not_permitted");
  assert.equal(await codeOf(curator, "moderate", "uphold", decision), "not_found");
  const appealed = await ask<ModerationCase>(author, "moderate", "appeal", decision, "--note", "The host is mine.");
  assert.equal(appealed.status, "appealed");
  assert.equal(await codeOf(curator, "moderate", "uphold", decision), "own_decision");
  await ask(operator, "moderate", "restore", decision, "--note", "The host is its author's own.");
  await until(install, (view) => view.takedown === null);
  assert.equal((await install()).status, "enabled");
  await until(
    () => codeOf(owner, "market", "show", address),
    (code) => code === "done",
  );
  const { entries } = await ask<ModerationLedger>(owner, "moderate", "ledger");
  assert.deepEqual([entries[0]?.state, entries[0]?.appeal], ["reversed", "restored"]);
  const args = ["--reason", "data_exfiltration", "--evidence", evidence];
  assert.equal(await codeOf(curator, "moderate", "take-down", address, ...args), "already_decided");
});

test("a curator's list is made, changed, shown and sent again", { timeout: 60_000 }, async () => {
  await ask(curator, "curate", "create", "top", "--title", "Top upgrades");
  assert.equal(await codeOf(curator, "curate", "create", "top", "--title", "Top upgrades"), "file_exists");
  await ask(curator, "curate", "add", "top", address);
  const shown = await ask<{ listings: string[]; title: string }>(curator, "curate", "show", "top");
  assert.deepEqual([shown.title, shown.listings], ["Top upgrades", [address]]);
  await ask(curator, "curate", "publish", "top");
  await ask(curator, "curate", "remove", "top", address);
  assert.deepEqual((await ask<{ listings: string[] }>(curator, "curate", "show", "top")).listings, []);
  assert.equal(await codeOf(curator, "curate", "add", "none", address), "not_found");
  assert.equal(await codeOf(curator, "curate", "add", "curators", await keyOf(owner)), "usage");
  assert.equal(await codeOf(curator, "curate", "add", "top", "npub1x"), "usage");
});

test("an operator offers moderators by a list of its own, which gives no roles and can be taken back", {
  timeout: 60_000,
}, async () => {
  const watch = await keyOf(author);
  const offered = async (): Promise<readonly string[]> => {
    const roles = (await (await fetch(`${edge.url}/v1/moderation/roles`)).json()) as ModerationRoles;
    return roles.moderators.map(({ pubkey, name }) => `${name} ${pubkey}`);
  };
  assert.equal(await codeOf(operator, "curate", "add", "moderators", watch, "--role", "hold"), "usage");
  await ask(operator, "curate", "add", "moderators", watch, "--name", "Watch");
  await until(offered, (names) => names.join() === `Watch ${watch}`);
  const { moderators, curators } = await ask<ModerationRoles>(author, "moderate", "roles");
  assert.deepEqual([moderators.map(({ name }) => name), curators.map(({ name }) => name)], [["Watch"], ["Mo"]]);
  const { stdout } = await oa(["moderate", "roles", "--full", "--data", author], { ...base, OA_EDGE_URL: edge.url });
  assert.match(stdout, new RegExp(`the operator +${hexToNpub(await keyOf(operator))} +operator`));
  assert.match(stdout, new RegExp(`Mo +${hexToNpub(await keyOf(curator))} +curator +hold, label, take down, restore`));
  assert.match(stdout, new RegExp(`Watch +${hexToNpub(watch)} +offered`));
  assert.equal(await codeOf(author, "moderate", "cases"), "not_permitted");
  await ask(operator, "curate", "remove", "moderators", watch);
  await until(offered, (names) => names.length === 0);
});
