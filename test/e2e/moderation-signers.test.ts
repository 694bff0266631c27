/** An operator with a remote signer, a curator and an author with key files: none of their keys is a worker's. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ModerationCase } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { encrypt } from "nostr-tools/nip49";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { document, killDaemons, oa, type Running, startOa } from "../cli/oa.ts";
import { type FakeSigner, openFakeSigner } from "../fakes/remote-signer.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-moderation-signers-"));
const PASSPHRASE = "correct horse";
const [operator, curator, author] = [generateSecretKey(), generateSecretKey(), generateSecretKey()];
const [curator_file, author_file] = [join(folder, "curator.ncryptsec"), join(folder, "author.hex")];
const data = join(folder, "data");
let edge: Running;
let signer: FakeSigner;
let address: string;

interface Answer extends Partial<ModerationCase> {
  readonly exit: number | null;
  readonly error?: { readonly code: string };
  readonly event_id?: string;
  readonly by?: string;
  readonly people?: readonly { readonly pubkey: string }[];
}
async function words(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const env = { HOME: folder, OA_DATA: data, OA_EDGE_URL: edge.url, OA_PASSPHRASE: PASSPHRASE, ...more };
  const said = await oa([...args, "--json"], env);
  return { ...document(said), exit: said.code } as unknown as Answer;
}
const decisionsOf = ({ decisions = [] }: Answer) =>
  decisions.map(({ decision }) => [decision.action, decision.moderator]);

before(async () => {
  mkdirSync(data, { mode: 0o700 });
  const args = ["edge", "--port", "0", "--data", join(folder, "edge"), "--operator", getPublicKey(operator)];
  edge = await startOa(args, { HOME: folder });
  const relay = String(edge.said.relay_url);
  signer = await openFakeSigner(relay, { author_key: operator, signer_key: generateSecretKey() });
  writeFileSync(curator_file, encrypt(curator, PASSPHRASE, 4), { mode: 0o600 });
  writeFileSync(author_file, Buffer.from(author).toString("hex"), { mode: 0o600 });
  const manifest = {
    ...{ id: "test.upgrade.reader", version: "1.0.0", title: "Reader" },
    author: { npub: hexToNpub(getPublicKey(author)) },
    ...{ capabilities: { platforms: ["linux", "macos"], backends: [] }, schedule: { type: "manual" } },
    permissions: { filesystem: ["~/text.txt"], tools: ["fs.read"] },
    pipeline: [{ op: "fs.read", id: "read", path: "~/text.txt" }],
  };
  writeFileSync(join(folder, "reader.json"), JSON.stringify(manifest));
  const sent = await words([
    "upgrade",
    "publish",
    join(folder, "reader.json"),
    "--relay",
    relay,
    "--signer",
    author_file,
  ]);
  assert.equal(sent.exit, 0, JSON.stringify(sent));
  address = (sent as unknown as { address: string }).address;
});
after(() => {
  signer?.close();
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

test("an operator whose key is in a remote signer names a curator, and the list is that key's", async () => {
  const key = getPublicKey(curator);
  const args = ["curate", "add", "curators", key, "--name", "Mo", "--role", "hold", "--role", "restore"];
  const done = await words([...args, "--signer", signer.url]);
  assert.equal(done.exit, 0, JSON.stringify(done));
  assert.equal(done.by, getPublicKey(operator));
  assert.ok(signer.asked.some(({ method }) => method === "sign_event"));
  const known = signer.url.replace(/&secret=.*$/, "");
  const shown = await words(["curate", "show", "curators", "--signer", known]);
  assert.deepEqual(
    shown.people?.map(({ pubkey }) => pubkey),
    [key],
  );
  assert.equal((await words(["curate", "show", "curators"])).error?.code, "not_found", "this machine's owner has none");
});

let held: Answer;
test("a curator whose key is in an encrypted file reads cases and decides; this machine's owner may not", async () => {
  assert.equal((await words(["moderate", "cases"])).error?.code, "not_permitted");
  const args = ["moderate", "hold", address, "--reason", "malware", "--days", "3", "--signer", curator_file];
  for (;;) {
    held = await words(args);
    // Until the edge has read the operator's list.
    if (held.error?.code !== "not_permitted") break;
  }
  assert.equal(held.exit, 0, JSON.stringify(held));
  assert.deepEqual(decisionsOf(held), [["hold", getPublicKey(curator)]]);
  const shown = await words(["moderate", "show", address, "--signer", curator_file]);
  assert.equal(shown.exit, 0, JSON.stringify(shown));
  assert.equal((await words(["moderate", "cases", "--signer", curator_file])).exit, 0);
  const wrong = await words(["moderate", "cases", "--signer", curator_file], { OA_PASSPHRASE: "wrong" });
  assert.equal(wrong.error?.code, "passphrase_wrong");
});

test("an appeal is signed by what signs as author in the settings, and by nobody else's key", async () => {
  const args = ["moderate", "appeal", held.event_id ?? "", "--note", "The host is its own."];
  const stranger = await words(args);
  assert.equal(stranger.exit, 3, JSON.stringify(stranger));
  const appealed = await words(args, { OA_SIGNER: author_file });
  assert.equal(appealed.exit, 0, JSON.stringify(appealed));
  assert.deepEqual(decisionsOf(appealed).sort(), [
    ["appeal", getPublicKey(author)],
    ["hold", getPublicKey(curator)],
  ]);
  assert.equal(appealed.decisions?.find(({ decision }) => decision.action === "hold")?.appeal, "open");
});

test("the requests themselves are signed by the same key: a remote signer is asked for both", async () => {
  const before = signer.asked.length;
  const known = signer.url.replace(/&secret=.*$/, "");
  const done = await words(["moderate", "restore", held.event_id ?? "", "--signer", known]);
  assert.equal(done.exit, 0, JSON.stringify(done));
  const kinds = signer.asked.slice(before).flatMap(({ method, params }) => {
    return method === "sign_event" ? [(JSON.parse(params[0] ?? "{}") as { kind: number }).kind] : [];
  });
  assert.deepEqual(kinds, [1985, 27235]);
});

test("a signer that signs something else hands in nothing", async () => {
  const liar = await openFakeSigner(String(edge.said.relay_url), {
    ...{ author_key: operator, signer_key: generateSecretKey() },
    tamper: (event) => ({ ...event, content: "something else" }),
  });
  try {
    const done = await words(["moderate", "feature", address, "--days", "3", "--signer", liar.url]);
    assert.equal(done.error?.code, "signer_answer_wrong", JSON.stringify(done));
  } finally {
    liar.close();
  }
});

test("the kill switch stops it before the signer is asked for anything", async () => {
  const known = signer.url.replace(/&secret=.*$/, "");
  assert.equal((await words(["kill-switch", "on", "--reason", "a test"])).exit, 0);
  const before = signer.asked.filter(({ method }) => method === "sign_event").length;
  for (const args of [
    ["curate", "create", "top", "--title", "Top", "--add", address],
    ["moderate", "feature", address, "--days", "3"],
  ]) {
    assert.equal((await words([...args, "--signer", known])).error?.code, "kill_switch_active", args.join(" "));
  }
  assert.equal(signer.asked.filter(({ method }) => method === "sign_event").length, before);
});
