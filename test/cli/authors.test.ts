import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { toEvents } from "@oa/shared/nostr/yank.ts";
import { finalizeEvent } from "nostr-tools/pure";
import { connect, openTestEdge, type TestEdge } from "../edge/fixture.ts";
import { openRecordingServer } from "../fakes/recording-server.ts";
import { document, down, inLaterSecond, killDaemons, oa, type Running, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-authors-"));
const data = join(folder, "data");
mkdirSync(data, { mode: 0o700 });
let edge: TestEdge;
let relay: string;
let daemon: Running;
let env: Readonly<Record<string, string>>;
before(async () => {
  edge = await openTestEdge();
  relay = edge.edge().relay_url;
  env = { OA_DATA: data, OA_RELAYS: relay, OA_PORT: "0" };
  daemon = await startOa(["up"], env);
});
after(async () => {
  await down(daemon);
  killDaemons();
  await edge.close();
  rmSync(folder, { recursive: true });
});

const secret = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const hex = (digit: number): string => publicKeyOf(secret(digit));
/** A key file of an author. */
function keyOf(digit: number): string {
  const path = join(folder, `${digit}.key`);
  writeFileSync(path, Buffer.from(secret(digit)).toString("hex"));
  return path;
}
type Answer = Readonly<Record<string, unknown>> & {
  readonly exit: number | null;
  readonly error?: { readonly code: string; readonly message: string; readonly details?: object };
};
async function words(...args: readonly string[]): Promise<Answer> {
  const said = await oa([...args, "--json"], env);
  return { ...document(said), exit: said.code } as Answer;
}
async function publish(
  author: number,
  id: string,
  version: string,
  more: readonly string[] = [],
  change: object = {},
): Promise<string> {
  const out = join(folder, `${id}.txt`);
  const manifest = {
    ...{ id, version, title: id, author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" } },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: out, access: "write" }], tools: ["fs.write"] },
    schedule: { type: "manual" },
    pipeline: [{ id: "write", op: "fs.write", path: out, content: version }],
    ...change,
  };
  const file = join(folder, `${id}-${version}.json`);
  writeFileSync(file, JSON.stringify(manifest));
  const how = ["--author-from-key", "--signer", keyOf(author), ...more];
  const sent = await inLaterSecond(hex(author), () => words("upgrade", "publish", file, ...how));
  assert.equal(sent.exit, 0, JSON.stringify(sent));
  return String(sent.address);
}
interface Install {
  readonly install_id: string;
  readonly status: string;
  readonly active: { readonly upgrade_version: string; readonly author_pubkey: string } | null;
  readonly yanked: { readonly reason: string } | null;
}
const installed = async (id: string): Promise<Install> => (await words("installs", id)) as unknown as Install;
async function until(id: string, what: (install: Install) => boolean): Promise<Install> {
  for (let tries = 0; tries < 100; tries += 1) {
    const now = await installed(id);
    if (what(now)) return now;
    await sleep(100);
  }
  throw new Error(`it did not come to that: ${JSON.stringify(await installed(id))}`);
}
const rotate = (from: number, to: number): Promise<Answer> =>
  inLaterSecond(hex(from), () =>
    words("key", "rotate", "--signer", keyOf(from), "--to", keyOf(to), "--reason", "a new machine", "--yes"),
  );

test("another key takes over only where both signed and the owner agreed; the old one is then a stranger", async () => {
  const old = await publish(11, "me.moves", "1.0.0");
  const first = await words("install", old, "--yes");
  assert.equal(first.exit, 0, JSON.stringify(first));

  // The same name by another key, without a rotation, is another upgrade.
  const copy = await publish(19, "me.moves", "9.0.0");
  const other = await words("install", copy);
  assert.equal((other.consent as { update: unknown }).update, null);

  const rotated = await rotate(11, 12);
  assert.deepEqual([rotated.exit, rotated.from, rotated.to], [0, hex(11), hex(12)], JSON.stringify(rotated));
  await publish(11, "me.moves", "1.1.0");
  const stale = await words("install", old, "--yes");
  assert.deepEqual([stale.exit, stale.error?.code], [3, "key_rotated"]);
  assert.deepEqual(stale.error?.details, { successor: `30051:${hex(12)}:me.moves` });
  assert.equal((await installed("me.moves")).active?.upgrade_version, "1.0.0");

  const next = await publish(12, "me.moves", "1.2.0");
  const asked = await words("install", next);
  assert.deepEqual([asked.exit, asked.error?.code], [3, "consent_needed"]);
  const { consent } = asked as unknown as { consent: { update: { diff: { widened: { sentence: string }[] } } } };
  const [sentence] = consent.update.diff.widened.map((change) => change.sentence);
  assert.match(sentence ?? "", new RegExp(`another key, ${hex(12)}, which .* ${hex(11)}, named .* stolen`));

  const taken = await words("install", next, "--yes");
  assert.equal(taken.exit, 0, JSON.stringify(taken));
  const { install_id, active } = await installed("me.moves");
  assert.deepEqual([install_id, active?.upgrade_version, active?.author_pubkey], [first.install_id, "1.2.0", hex(12)]);

  // Who stole the old key names another successor: too late here, and nobody new believes either.
  assert.equal((await rotate(11, 13)).exit, 0);
  const later = await publish(12, "me.moves", "1.3.0");
  assert.equal((await words("install", later, "--yes")).exit, 0);
  assert.equal((await installed("me.moves")).active?.upgrade_version, "1.3.0");
});

test("a key that names two successors is believed in neither, whichever came first", async () => {
  const old = await publish(21, "me.torn", "1.0.0");
  assert.equal((await words("install", old, "--yes")).exit, 0);
  for (const to of [22, 23]) assert.equal((await rotate(21, to)).exit, 0);
  for (const to of [22, 23]) {
    const next = await publish(to, "me.torn", "2.0.0");
    assert.equal((await words("install", next, "--yes")).error?.code, "rotation_conflict");
  }
  assert.equal((await words("install", old, "--yes")).error?.code, "rotation_conflict");
  assert.equal((await installed("me.torn")).active?.upgrade_version, "1.0.0");
});

test("oa key rotate refuses to hand over to itself, and nothing is signed without consent", async () => {
  assert.equal((await rotate(11, 11)).error?.code, "usage");
  const unasked = await words("key", "rotate", "--signer", keyOf(14), "--to", keyOf(15));
  assert.deepEqual([unasked.exit, unasked.error?.code], [3, "consent_needed"]);
  const client = await connect(relay);
  assert.deepEqual(await client.query({ kinds: [KINDS.key_rotation.kind], authors: [hex(14)] }), []);
  await client.close();
});

test("a key that is revoked stops everything by it at once, and nothing by it is installed again", async () => {
  const [one, two] = [await publish(31, "me.gone", "1.0.0"), await publish(31, "me.gone2", "1.0.0")];
  const kept = await publish(32, "me.kept", "1.0.0");
  for (const address of [one, two, kept]) assert.equal((await words("install", address, "--yes")).exit, 0);
  const revoke = ["key", "revoke", "--signer", keyOf(31), "--reason", "stolen", "--yes"];
  const revoked = await inLaterSecond(hex(31), () => words(...revoke));
  assert.equal(revoked.exit, 0, JSON.stringify(revoked));
  for (const id of ["me.gone", "me.gone2"]) {
    const stopped = await until(id, ({ status }) => status === "yanked");
    assert.equal(stopped.yanked?.reason, "stolen");
    assert.equal((await words("run", id)).error?.code, "release_yanked");
  }
  assert.equal((await installed("me.kept")).status, "enabled");
  // Whoever has the key cannot unsay it.
  const id = String(revoked.revocation_event_id);
  await put(31, { kind: 5, created_at: Math.floor(Date.now() / 1000), content: "", tags: [["e", id]] });
  await publish(31, "me.gone", "1.1.0");
  assert.equal((await words("install", one, "--yes")).error?.code, "key_revoked");
});

/** Puts an event by somebody on the relay, without any of our commands. */
async function put(by: number, template: object): Promise<void> {
  const event = finalizeEvent(structuredClone(template) as Parameters<typeof finalizeEvent>[0], secret(by));
  const client = await connect(relay);
  assert.equal((await client.publish(event))[2], true);
  await client.close();
}

for (const [index, path] of ["label", "deletion"].entries()) {
  test(`a ${path} alone takes one release back: not the others, and not where a stranger signs it`, async () => {
    const [mine, id, other] = [41 + index, `me.${path}`, `me.${path}2`];
    for (const name of [id, other]) {
      assert.equal((await words("install", await publish(mine, name, "1.0.0"), "--yes")).exit, 0);
    }
    const client = await connect(relay);
    const [release] = await client.query({ kinds: [30052], authors: [hex(mine)], "#d": [`${id}@1.0.0`] });
    await client.close();
    assert.ok(release !== undefined);
    const at = { created_at: Math.floor(Date.now() / 1000), reason: "leaks" };
    const events = toEvents({ author: hex(mine), slug: id, version: "1.0.0", event_id: release.id }, at);
    const template = events[index];
    assert.ok(template !== undefined);

    // A stranger says the same; an author's word about another version follows, so that both have been heard.
    await put(49, template);
    const [label] = toEvents({ author: hex(mine), slug: id, version: "0.9.0", event_id: null }, at);
    await put(mine, label);
    await sleep(500);
    assert.equal((await installed(id)).status, "enabled");
    assert.equal((await words("run", id)).exit, 0);

    await put(mine, template);
    const stopped = await until(id, ({ status }) => status === "yanked");
    assert.equal(stopped.yanked?.reason, "leaks");
    assert.equal((await words("run", id)).error?.code, "release_yanked");
    assert.equal((await installed(other)).status, "enabled");
    assert.equal((await words("run", other)).exit, 0);
  });
}

test("plan, why-not and artifacts look at the listing as a follower of the channel asked for sees it", async () => {
  const page = "how it works";
  const server = await openRecordingServer(page);
  try {
    const sha256 = createHash("sha256").update(page).digest("hex");
    const artifacts = [{ type: "doc", url: `${server.url}/guide.txt`, sha256, bytes: page.length }];
    const address = await publish(61, "me.looked", "1.0.0", [], { artifacts });
    await publish(61, "me.looked", "1.1.0-beta.1", ["--channel", "beta"], {
      artifacts: [{ ...artifacts[0], bytes: page.length + 1 }],
    });
    for (const command of ["plan", "why-not"]) {
      const version = async (...more: readonly string[]) => (await words(command, address, ...more)).version;
      assert.equal(await version(), "1.0.0");
      assert.equal(await version("--channel", "beta"), "1.1.0-beta.1");
    }
    const fetch = async (...more: readonly string[]) => {
      const said = await oa(["upgrade", "artifacts", ...more, "--json"], { ...env, OA_PRIVATE_ALLOW: server.host });
      return { ...document(said), exit: said.code } as Answer;
    };
    const fetched = await fetch(address, "--to", join(folder, "looked"));
    assert.equal(fetched.exit, 0, JSON.stringify(fetched));
    assert.equal(readFileSync(join(folder, "looked", "guide.txt"), "utf8"), page);
    const beta = await fetch(address, "--channel", "beta");
    assert.deepEqual([beta.exit === 0, beta.error?.code], [false, "artifact_mismatch"]);
    const only = await publish(61, "me.only", "0.1.0", ["--channel", "dev"]);
    for (const command of [["plan"], ["why-not"], ["upgrade", "artifacts"]]) {
      assert.equal((await words(...command, only)).error?.code, "channel_not_followed", command.join());
    }
    const nowhere = `30051:${hex(61)}:me.nowhere`;
    assert.equal((await words("upgrade", "artifacts", nowhere)).error?.code, "not_found");
  } finally {
    await server.close();
  }
});

test("followers of beta get what main does not, and main's version once it is later", async () => {
  const publishOn = (channel: string, version: string) => publish(51, "me.channels", version, ["--channel", channel]);
  const address = await publishOn("main", "1.0.0");
  await publishOn("beta", "1.1.0-beta.1");
  const steady = await words("install", address, "--yes");
  assert.equal((steady.active as { upgrade_version: string }).upgrade_version, "1.0.0", JSON.stringify(steady));
  const early = await words("install", address, "--channel", "beta", "--yes");
  assert.equal((early.active as { upgrade_version: string }).upgrade_version, "1.1.0-beta.1", JSON.stringify(early));
  // What is followed is remembered, and the steadier version that comes later is taken by both.
  await publishOn("main", "1.1.0");
  const both = await words("install", address, "--yes");
  assert.deepEqual(
    [(both.active as { upgrade_version: string }).upgrade_version, both.channel],
    ["1.1.0", "beta"],
    JSON.stringify(both),
  );
});
