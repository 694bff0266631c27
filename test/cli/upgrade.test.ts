import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-upgrade-"));
after(() => rmSync(folder, { recursive: true }));
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
const NPUB = "npub1f49ke5fkzqev4x7j46uajq92f4zan6kcpty5yvm5c3g6wf2dqanqn7qsy2";

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("validate --json says valid with the sorted permissions, and exits 0", async () => {
  const said = await oa(["upgrade", "validate", example, "--json"]);
  assert.equal(said.code, 0);
  const { valid, errors, permissions } = document(said);
  assert.equal(valid, true);
  assert.deepEqual(errors, []);
  assert.deepEqual(permissions, [
    "filesystem:write:~/.openagents/release-watch/latest.json",
    "network:egress:api.github.com",
    "tool:invoke:fs.write",
    "tool:invoke:http.request",
  ]);
});

test("validate --json gives each error its place, code and sentence, and exits 3", async () => {
  const manifest = { ...JSON.parse(readFileSync(example, "utf8")), version: "1.0" };
  const said = await oa(["upgrade", "validate", file("bad.json", JSON.stringify(manifest)), "--json"]);
  assert.equal(said.code, 3);
  const { valid, errors } = document(said) as {
    valid: unknown;
    errors: readonly { path: string; code: string; message: string }[];
  };
  assert.equal(valid, false);
  assert.deepEqual(
    errors.map(({ path, code }) => [path, code]),
    [["/version", "version_invalid"]],
  );
  assert.match(errors[0]?.message ?? "", /"1\.0"/);
});

test("text that is not strict JSON is one error at the root", async () => {
  for (const [name, text, code] of [
    ["cut.json", '{"id":', "json_invalid"],
    ["twice.json", '{"id":"a","id":"b"}', "json_duplicate_key"],
    ["empty.json", "", "json_invalid"],
    ["latin1.json", Uint8Array.of(0x22, 0xe9, 0x22), "json_invalid"],
  ] as const) {
    const said = await oa(["upgrade", "validate", file(name, text), "--json"]);
    assert.equal(said.code, 3, name);
    const { errors } = document(said) as { errors: readonly { path: string; code: string }[] };
    assert.deepEqual(
      errors.map((error) => [error.path, error.code]),
      [["", code]],
      name,
    );
  }
});

test("a file that is not there fails, and still gives one document", async () => {
  const said = await oa(["upgrade", "validate", join(folder, "none.json"), "--json"]);
  assert.equal(said.code, 1);
  assert.equal(document(said).valid, false);
  const of = await oa(["upgrade", "validate", folder, "--json"]);
  assert.deepEqual([of.code, (document(of).error as { code: string }).code], [1, "file_access"]);
});

test("init writes a valid manifest and never over another file", async () => {
  const words = [
    "upgrade",
    "init",
    join(folder, "new", "mine.json"),
    "--template",
    "repo-digest",
    "--id",
    "me.mine",
    "--title",
    "Mine",
    "--npub",
    NPUB,
    "--json",
  ];
  const said = await oa(words);
  assert.equal(said.code, 0, said.stderr);
  const { file: written } = document(said) as { file: string };
  const text = readFileSync(written, "utf8");
  assert.equal((await oa(["upgrade", "validate", written, "--json"])).code, 0);
  const again = await oa(words);
  assert.equal(again.code, 3);
  assert.equal((document(again).error as { code: string }).code, "file_exists");
  assert.equal(readFileSync(written, "utf8"), text);
});

test("init without what it needs says which option is missing, and a wrong one writes nothing", async () => {
  assert.equal((await oa(["upgrade", "init", join(folder, "x.json"), "--json"])).code, 2);
  const wrong = await oa([
    "upgrade",
    "init",
    join(folder, "x.json"),
    "--id",
    "A B",
    "--title",
    "Mine",
    "--npub",
    NPUB,
    "--json",
  ]);
  assert.equal(wrong.code, 3);
  assert.ok(!existsSync(join(folder, "x.json")));
});

const AUTHOR_KEY = file("author.key", `${"02".repeat(32)}\n`);
const mine = { ...JSON.parse(readFileSync(example, "utf8")), author: { npub: NPUB } };

test("publish signs manifest and release, and tells each relay's answer", async () => {
  const [taking, refusing] = [await openFakeRelay(), await openFakeRelay({ accept: () => [false, "blocked: no"] })];
  try {
    const manifest = file("mine.json", JSON.stringify(mine));
    const words = [
      "upgrade",
      "publish",
      manifest,
      "--signer",
      AUTHOR_KEY,
      "--relay",
      taking.url,
      "--relay",
      refusing.url,
    ];
    const said = await oa([...words, "--json"], { OA_DATA: folder });
    assert.equal(said.code, 0, said.stderr);
    const answer = document(said) as Record<string, string> & {
      relays: readonly { relay: string; accepted: boolean }[];
    };
    assert.deepEqual(
      answer.relays.map(({ relay, accepted }) => [relay, accepted]),
      [
        [taking.url, true],
        [refusing.url, false],
      ],
    );
    assert.match(answer.naddr ?? "", /^naddr1/);

    const events = taking.events.map((event) => verifyEvent(event, pureSchnorr));
    const [listing] = events.flatMap((event) =>
      !isRejection(event) && event.kind === 30051 ? [listingFrom(event)] : [],
    );
    const [release] = events.flatMap((event) =>
      !isRejection(event) && event.kind === 30052 ? [releaseFrom(event)] : [],
    );
    assert.ok(listing !== undefined && !isRejection(listing) && release !== undefined && !isRejection(release));
    assert.equal(listing.address, answer.address);
    assert.equal(listing.event_id, answer.manifest_event_id);
    assert.equal(release.event_id, answer.release_event_id);
    assert.equal(release.manifest_event_id, listing.event_id);
    assert.equal(listing.manifest_sha256, answer.manifest_sha256);
  } finally {
    await Promise.all([taking.close(), refusing.close()]);
  }
});

test("publish fails where no relay takes it, and says why", async () => {
  const refusing = await openFakeRelay({ accept: () => [false, "blocked: no"] });
  try {
    const manifest = file("mine.json", JSON.stringify(mine));
    const words = ["upgrade", "publish", manifest, "--signer", AUTHOR_KEY, "--json"];
    const said = await oa([...words, "--relay", refusing.url, "--relay", "ws://127.0.0.1:9/"], { OA_DATA: folder });
    assert.equal(said.code, 1);
    const { relays } = document(said) as { relays: readonly { message: string }[] };
    assert.match(relays[0]?.message ?? "", /blocked/);
    assert.notEqual(relays[1]?.message, "");
  } finally {
    await refusing.close();
  }
});

test("publish refuses what is invalid, another's manifest and a file that holds no key, and sends nothing", async () => {
  const relay = await openFakeRelay();
  try {
    const publish = async (manifest: object, ...words: readonly string[]): Promise<readonly unknown[]> => {
      const path = file("other.json", JSON.stringify(manifest));
      const said = await oa(["upgrade", "publish", path, "--relay", relay.url, "--json", ...words], {
        OA_DATA: folder,
      });
      assert.ok(!said.stderr.includes("nsec1"), said.stderr);
      return [said.code, (document(said).error as { code: string }).code];
    };
    const stranger = { ...mine, author: JSON.parse(readFileSync(example, "utf8")).author };
    assert.deepEqual(await publish(stranger, "--signer", AUTHOR_KEY), [3, "author_mismatch"]);
    assert.deepEqual(await publish({ ...mine, version: "1" }, "--signer", AUTHOR_KEY), [3, "version_invalid"]);
    assert.deepEqual(await publish(mine, "--signer", file("bad.key", "nsec1notakey")), [3, "key_invalid"]);
    assert.deepEqual(await publish(mine, "--signer", join(folder, "none.key")), [1, "not_found"]);
    assert.deepEqual(relay.frames, []);
  } finally {
    await relay.close();
  }
});

test("publish with this machine's own key makes it on first use and can put it in as the author", async () => {
  const relay = await openFakeRelay();
  try {
    const words = ["upgrade", "publish", example, "--relay", relay.url, "--author-from-key", "--json"];
    const first = document(await oa(words, { OA_DATA: join(folder, "data") }));
    const second = document(await oa(words, { OA_DATA: join(folder, "data") }));
    assert.match(String(first.author), /^[0-9a-f]{64}$/);
    assert.equal(first.author, second.author);
    assert.equal(first.manifest_sha256, second.manifest_sha256);
  } finally {
    await relay.close();
  }
});

test("what an upgrade is for is judged: validate says so under policy, and publish sends nothing", async () => {
  const manifest = { ...JSON.parse(readFileSync(example, "utf8")), summary: "Sends phishing mails every hour." };
  const path = file("phishing.json", JSON.stringify(manifest));
  const said = await oa(["upgrade", "validate", path, "--json", "--data", folder]);
  assert.equal(said.code, 3);
  const { valid, errors, policy } = document(said) as {
    valid: boolean;
    errors: readonly { path: string; code: string }[];
    policy: { verdict: string; reasons: readonly { code: string; category: string; severity: string }[] };
  };
  assert.equal(valid, false);
  assert.deepEqual(
    errors.map(({ path, code }) => [path, code]),
    [["/summary", "policy_denied"]],
  );
  assert.equal(policy.verdict, "deny");
  assert.deepEqual(
    policy.reasons.map(({ code, category, severity }) => [code, category, severity]),
    [["aup_fraud", "fraud", "high"]],
  );
  const relay = await openFakeRelay();
  try {
    const sent = await oa([
      "upgrade",
      "publish",
      path,
      "--relay",
      relay.url,
      "--author-from-key",
      "--json",
      "--data",
      folder,
    ]);
    assert.equal(sent.code, 3);
    assert.equal((document(sent).error as { code: string }).code, "policy_denied");
    assert.equal(relay.events.length, 0);
  } finally {
    await relay.close();
  }
});

test("a milder mode lets a lesser breach pass and says so", async () => {
  const manifest = { ...JSON.parse(readFileSync(example, "utf8")), summary: "Solves captchas." };
  const path = file("captcha.json", JSON.stringify(manifest));
  const words = ["upgrade", "validate", path, "--json", "--data", folder];
  assert.equal((await oa(words)).code, 3);
  const said = await oa(words, { OA_AUP: "balanced" });
  assert.equal(said.code, 0);
  assert.equal((document(said).policy as { verdict: string }).verdict, "flag");
});
