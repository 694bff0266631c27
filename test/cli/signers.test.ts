import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { connect, openTestEdge, type TestEdge } from "../edge/fixture.ts";
import { openFakeSigner } from "../fakes/remote-signer.ts";
import { document, oa, type Said, spawnOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-signers-"));
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
let edge: TestEdge;
let relay: string;
before(async () => {
  edge = await openTestEdge();
  relay = edge.edge().relay_url;
});
after(async () => {
  await edge.close();
  rmSync(folder, { recursive: true });
});

const env = { OA_DATA: join(folder, "data") };
type Answer = Readonly<Record<string, unknown>> & {
  readonly said: Said;
  readonly exit: number | null;
  readonly error: { readonly code: string } | undefined;
};
async function words(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const said = await oa([...args, "--json"], { ...env, ...more });
  const read: Record<string, unknown> = document(said);
  return { ...read, said, exit: said.code, error: read.error as { readonly code: string } | undefined } as Answer;
}
const publish = (signer: string, more: Readonly<Record<string, string>> = {}) =>
  words(["upgrade", "publish", example, "--author-from-key", "--relay", relay, "--signer", signer], more);
async function stored(filter: object): Promise<readonly NostrEvent[]> {
  const client = await connect(relay);
  try {
    return await client.query(filter);
  } finally {
    await client.close();
  }
}

test("a release is signed by a remote signer over our own relay, and taken back by it", async () => {
  const author_key = generateSecretKey();
  const signer = await openFakeSigner(relay, { author_key, signer_key: generateSecretKey() });
  try {
    const sent = await publish(signer.url);
    assert.equal(sent.exit, 0, JSON.stringify(sent));
    assert.equal(sent.author, getPublicKey(author_key));
    const kinds = (await stored({ authors: [getPublicKey(author_key)] })).map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, [30051, 30052]);
    assert.deepEqual(
      signer.asked.map(({ method }) => method),
      ["connect", "get_public_key", "sign_event", "sign_event"],
    );
    // The second time it knows this machine: the address without its secret is enough, from the settings too.
    const known = signer.url.replace(/&secret=.*$/, "");
    const yanked = await words(["upgrade", "yank", `${sent.address}@0.1.0`, "--relay", relay, "--reason", "it leaks"], {
      OA_SIGNER: known,
    });
    assert.equal(yanked.exit, 0, JSON.stringify(yanked));
    assert.equal(new Set(signer.asked.map(({ client }) => client)).size, 1);
    assert.deepEqual(await stored({ kinds: [30052], authors: [getPublicKey(author_key)] }), []);
  } finally {
    signer.close();
  }
});

test("a remote signer that signs something else publishes nothing", async () => {
  const author_key = generateSecretKey();
  const signer = await openFakeSigner(relay, {
    ...{ author_key, signer_key: generateSecretKey() },
    tamper: (event) => ({ ...event, content: event.content.replace("api.github.com", "evil.example") }),
  });
  try {
    const sent = await publish(signer.url);
    assert.deepEqual([sent.exit, sent.error?.code], [3, "signer_answer_wrong"]);
    assert.deepEqual(await stored({ authors: [getPublicKey(author_key)] }), []);
  } finally {
    signer.close();
  }
});

test("the page a remote signer wants to be confirmed at is shown, on stderr", async () => {
  const signer = await openFakeSigner(relay, {
    ...{ author_key: generateSecretKey(), signer_key: generateSecretKey() },
    auth_url: "https://signer.example/confirm",
  });
  try {
    const sent = await publish(signer.url);
    assert.equal(sent.exit, 0, JSON.stringify(sent));
    assert.match(sent.said.stderr, /confirm at https:\/\/signer\.example\/confirm/);
  } finally {
    signer.close();
  }
});

test("oa key connect shows an address, and the signer that opens it signs from then on", async () => {
  const author_key = generateSecretKey();
  const signer = await openFakeSigner(relay, { author_key, signer_key: generateSecretKey() });
  try {
    const child = spawnOa(["key", "connect", "--relay", relay, "--json"], env);
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const address = /nostrconnect:\/\/\S+/.exec(stderr)?.[0];
      if (address !== undefined && signer.asked.length === 0) signer.connectTo(address);
    });
    let stdout = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) stdout += String(chunk);
    const answer = JSON.parse(stdout) as { readonly signer: string; readonly public_key: string };
    assert.equal(answer.public_key, getPublicKey(author_key), stderr);
    assert.ok(!answer.signer.includes("secret"));
    const sent = await publish(answer.signer);
    assert.deepEqual([sent.exit, sent.author], [0, getPublicKey(author_key)]);
  } finally {
    signer.close();
  }
});

test("a key file that a passphrase opens signs; without the passphrase it does not", async () => {
  const file = join(folder, "author.ncryptsec");
  const made = await words(["key", "new", file], { OA_PASSPHRASE: "correct horse" });
  assert.equal(made.exit, 0, JSON.stringify(made));
  assert.match(readFileSync(file, "utf8"), /^ncryptsec1\w+\n$/);
  const sent = await publish(file, { OA_PASSPHRASE: "correct horse" });
  assert.deepEqual([sent.exit, sent.author], [0, made.public_key], JSON.stringify(sent));
  const wrong = await publish(file, { OA_PASSPHRASE: "battery staple" });
  assert.deepEqual([wrong.exit, wrong.error?.code], [3, "passphrase_wrong"]);
  assert.ok(!`${wrong.said.stdout}${wrong.said.stderr}`.includes("battery"));
  const none = await publish(file);
  assert.deepEqual([none.exit, none.error?.code], [2, "passphrase_needed"]);
  const again = await words(["key", "new", file, "--plain"]);
  assert.deepEqual([again.exit, again.error?.code], [3, "file_exists"]);
});

test("a key is never taken as an argument, nor a secret from the settings", async () => {
  for (const key of [
    "05".repeat(32),
    "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
    "ncryptsec1qq",
  ]) {
    const sent = await publish(key);
    assert.deepEqual([sent.exit, sent.error?.code], [2, "usage"], key);
    assert.ok(!`${sent.said.stdout}${sent.said.stderr}`.includes(key));
  }
  const address = `bunker://${"a".repeat(64)}?relay=${encodeURIComponent(relay)}&secret=hush`;
  const sent = await words(["upgrade", "publish", example, "--author-from-key", "--relay", relay], {
    OA_SIGNER: address,
  });
  assert.deepEqual([sent.exit, sent.error?.code], [3, "config_invalid"]);
  assert.ok(!`${sent.said.stdout}${sent.said.stderr}`.includes("hush"));
  writeFileSync(join(folder, "not-a-key"), "hello");
  assert.equal((await publish(join(folder, "not-a-key"))).error?.code, "key_invalid");
});
