import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpdateView } from "@oa/shared/api/updates.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { document, down, inLaterSecond, killDaemons, oa, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-updates-"));
const data = join(folder, "data");
mkdirSync(data, { mode: 0o700 });
const relay = await openFakeRelay();
const env = { OA_DATA: data, OA_RELAYS: relay.url, OA_PORT: "0" };
after(async () => {
  killDaemons();
  await relay.close();
  rmSync(folder, { recursive: true });
});

type Said = Record<string, unknown> & {
  readonly code: number;
  readonly error?: { readonly code: string; message: string };
};
const words = async (...args: readonly string[]): Promise<Said> => {
  const said = await oa([...args, "--json"], env);
  return { stderr: said.stderr, ...document(said), code: said.code } as unknown as Said;
};
const must = async (...args: readonly string[]): Promise<Said> => {
  const said = await words(...args);
  assert.equal(said.code, 0, `${args.join(" ")}: ${JSON.stringify(said)}`);
  return said;
};
const active = async (): Promise<unknown> =>
  ((await must("installs", "watch")).active as { upgrade_version: string }).upgrade_version;
const checked = async (): Promise<UpdateView> => {
  const { updates } = (await must("updates", "--check")) as unknown as { updates: readonly [UpdateView] };
  return updates[0];
};

const WRITE = `filesystem:write:${join(folder, "out.txt")}`;
async function publish(version: string, schedule: object = { type: "manual" }): Promise<string> {
  const file = join(folder, `watch-${version}.json`);
  const manifest = {
    ...{ id: "me.watch", version, title: "Watch", summary: `This is ${version}.` },
    author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: join(folder, "out.txt"), access: "write" }], tools: ["fs.write"] },
    schedule,
    pipeline: [{ id: "write", op: "fs.write", path: join(folder, "out.txt"), content: version }],
  };
  writeFileSync(file, JSON.stringify(manifest));
  const how = ["--author-from-key", "--relay", relay.url];
  const said = await inLaterSecond("me", () => must("upgrade", "publish", file, ...how));
  return String(said.address);
}
async function types(): Promise<readonly string[]> {
  const { history } = (await must("installs", "history", "watch")) as unknown as { history: { type: string }[] };
  return history.map(({ type }) => type);
}

test("an update is aged, tried, taken, rolled back and pinned, and every step of it can be read", async () => {
  const address = await publish("1.0.0");
  let daemon = await startOa(["up"], env);
  await must("install", address, "--auto-update", "narrow", "--yes");
  assert.deepEqual(await types(), [
    "install.requested",
    "install.inspected",
    "install.approved",
    "install.enabled",
    "install.updates_set",
  ]);
  await must("run", "watch");

  // Too young: it waits, also after a restart, from when this worker saw it.
  await publish("1.1.0");
  const young = await checked();
  assert.deepEqual([young.look?.state, young.look?.offered?.version, young.min_age_h], ["quarantined", "1.1.0", 72]);
  assert.equal(await down(daemon), 0);
  daemon = await startOa(["up"], env);
  const still = await checked();
  assert.deepEqual([still.look?.state, still.look?.offered], ["quarantined", young.look?.offered]);
  assert.equal(await active(), "1.0.0");

  // Old enough: on trial first, and once it ran through it takes the other's place.
  await must("installs", "updates", "watch", "--min-age-hours", "0");
  assert.equal((await checked()).look?.state, "on_trial");
  assert.equal(await active(), "1.0.0");
  const { run_id } = (await must("installs", "try", "watch")) as unknown as { run_id: string };
  for (let tries = 0; tries < 100 && (await active()) !== "1.1.0"; tries += 1) await sleep(100);
  assert.equal(await active(), "1.1.0", JSON.stringify(await words("runs", run_id)));

  // Back, and not taken again unasked.
  await must("rollback", "watch", "--reason", "it loses lines");
  assert.equal(await active(), "1.0.0");
  const aside = await checked();
  assert.deepEqual([aside.look?.state, aside.rolled_back?.reason], ["rolled_back", "it loses lines"]);
  const nowhere = await words("rollback", "watch", "--to", "9.9.9");
  assert.deepEqual([nowhere.code, nowhere.error?.code], [1, "not_found"]);

  // Pinned: nothing is taken, not even by hand.
  await must("installs", "pin", "watch");
  await publish("1.2.0");
  assert.equal((await checked()).look?.state, "pinned");
  const pinned = await words("install", address, "--yes");
  assert.deepEqual([pinned.code, pinned.error?.code], [3, "release_pinned"]);
  await must("installs", "unpin", "watch");
  await must("install", address, "--yes");
  assert.equal(await active(), "1.2.0");
  const said = await types();
  for (const type of ["install.release_seen", "install.promoted", "install.rolled_back", "run.created"]) {
    assert.ok(said.includes(type), `${type} in ${said.join()}`);
  }
  assert.equal(await down(daemon), 0);
});

test("what is taken away of an install is denied by name and comes back when it is given back", async () => {
  const daemon = await startOa(["up"], env);
  const before = (await must("installs", "watch")).active as { permission_hash: string };
  const unused = await must("installs", "unused", "watch");
  assert.deepEqual([unused.offered, (unused.unused as unknown[]).length], [false, 2], JSON.stringify(unused));
  await must("run", "watch");
  assert.deepEqual((await must("installs", "unused", "watch")).unused, []);
  const strange = await words("installs", "narrow", "watch", "--revoke", "network:egress:evil.example");
  assert.equal(strange.error?.code, "not_found");
  const narrowed = await must("installs", "narrow", "watch", "--revoke", WRITE);
  assert.notEqual((narrowed.active as { permission_hash: string }).permission_hash, before.permission_hash);
  const denied = await words("run", "watch");
  assert.deepEqual([denied.code, denied.error?.code], [3, "permission_revoked"]);
  assert.match(denied.error?.message ?? "", /--restore/);
  await must("installs", "narrow", "watch", "--restore", WRITE);
  await must("run", "watch");
  assert.equal(await down(daemon), 0);
});

test("what waits for the owner is inspected before it is approved, over the API as well", async () => {
  const daemon = await startOa(["up"], env);
  await publish("1.3.0", { type: "cron", expression: "0 3 * * *" });
  assert.equal((await checked()).look?.state, "waiting");
  const { install_id, pending } = (await must("installs", "watch")) as unknown as {
    install_id: string;
    pending: { permission_hash: string };
  };
  const { url, token_path } = JSON.parse(readFileSync(join(data, "daemon.json"), "utf8"));
  const post = async (action: string): Promise<{ readonly error?: { readonly code: string } }> => {
    const headers = {
      authorization: `Bearer ${readFileSync(token_path, "utf8").trim()}`,
      "content-type": "application/json",
    };
    const body = JSON.stringify({ permission_hash: pending.permission_hash });
    const answer = await fetch(`${url}/v1/installs/${install_id}/${action}`, { method: "POST", headers, body });
    return (await answer.json()) as { readonly error?: { readonly code: string } };
  };
  assert.equal((await post("approve")).error?.code, "inspection_required");
  assert.equal((await post("inspect")).error, undefined);
  assert.equal((await post("approve")).error, undefined);
  assert.equal(await active(), "1.3.0");
  const nothing = await words("installs", "inspect", "watch");
  assert.equal(nothing.error?.code, "not_found");
  assert.equal(await down(daemon), 0);
});
