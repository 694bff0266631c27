import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { nsecEncode } from "nostr-tools/nip19";
import { decrypt, encrypt } from "nostr-tools/nip49";
import { readKeyFile, writeKeyFile } from "./key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-key-file-"));
after(() => rmSync(folder, { recursive: true }));
const secret = new Uint8Array(32).fill(5);
let count = 0;
function file(text: string): string {
  count += 1;
  const path = join(folder, `${count}.key`);
  writeFileSync(path, text);
  return path;
}
const never = async (): Promise<string> => {
  throw new Error("no passphrase should be asked for");
};
const answering = (passphrase: string) => async () => passphrase;
const fault =
  (code: string, ...unsaid: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code && unsaid.every((text) => !error.message.includes(text));

test("a key is read as nsec, as hex, and encrypted, with the passphrase asked only then", async () => {
  assert.deepEqual(await readKeyFile(file(`${nsecEncode(secret)}\n`), never), secret);
  assert.deepEqual(await readKeyFile(file("05".repeat(32)), never), secret);
  assert.deepEqual(await readKeyFile(file(encrypt(secret, "open", 4)), answering("open")), secret);
});

test("NIP-49: the specification's own example opens", async () => {
  const example =
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p";
  const key = await readKeyFile(file(example), answering("nostr"));
  assert.equal(Buffer.from(key).toString("hex"), "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683");
});

test("the passphrase is one however its letters are composed", async () => {
  const path = file(encrypt(secret, "caf\u00e9", 4));
  assert.deepEqual(await readKeyFile(path, answering("cafe\u0301")), secret);
});

test("a wrong passphrase and what was altered do not open it, and neither is repeated", async () => {
  const text = encrypt(secret, "open", 4);
  await assert.rejects(readKeyFile(file(text), answering("sesame")), fault("passphrase_wrong", "sesame", text));
  const altered = `${text.slice(0, 40)}${text[40] === "q" ? "p" : "q"}${text.slice(41)}`;
  await assert.rejects(readKeyFile(file(altered), never), fault("key_invalid", altered));
});

test("what holds no key is refused without being repeated", async () => {
  for (const text of [
    "",
    "nsec1notakey",
    "hunter2",
    "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul",
    "ncryptsec1x",
  ]) {
    await assert.rejects(readKeyFile(file(text), never), fault("key_invalid", ...(text === "" ? [] : [text])));
  }
  await assert.rejects(readKeyFile(join(folder, "none"), never), fault("not_found"));
});

test("a new key file is the owner's alone, opens with its passphrase elsewhere too, and replaces nothing", async () => {
  const path = join(folder, "new.key");
  await writeKeyFile(path, secret, "open");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(decrypt(readFileSync(path, "utf8").trim(), "open"), secret);
  await assert.rejects(writeKeyFile(path, secret, null), fault("file_exists"));
  const plain = join(folder, "plain.key");
  await writeKeyFile(plain, secret, null);
  assert.deepEqual(await readKeyFile(plain, never), secret);
});
