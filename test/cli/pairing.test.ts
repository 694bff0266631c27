import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-pairing-"));
after(() => rmSync(folder, { recursive: true }));
const env = { OA_DATA: join(folder, "data"), HOME: folder };
const KEY = "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f";
const NPUB = hexToNpub(KEY);

test("paired keys are shown as npubs: by both ends in the list, whole where they are copied or compared", async () => {
  const added = await oa(["pair", "add", "--key", KEY, "--label", "phone"], env);
  assert.equal(added.stdout.trim(), `Paired phone: ${NPUB}`);
  const list = await oa(["pair", "list"], env);
  assert.match(list.stdout, new RegExp(`phone +\\S+ +${NPUB.slice(0, 13)}…${NPUB.slice(-6)} `));
  assert.doesNotMatch(list.stdout, /[0-9a-f]{64}/);
  assert.ok((await oa(["pair", "list", "--full"], env)).stdout.includes(NPUB));
  const { keys, pairings } = document(await oa(["pair", "list", "--json"], env)) as {
    readonly keys: readonly { readonly pubkey: string; readonly npub: string }[];
    readonly pairings: readonly { readonly pubkey: string | null }[];
  };
  assert.ok(keys.some(({ pubkey, npub }) => pubkey === KEY && npub === NPUB));
  assert.ok(pairings.some(({ pubkey }) => pubkey === KEY));
});

test("a key that was compared is given as hex or npub, and anything else is refused", async () => {
  for (const key of [KEY, NPUB]) {
    const { error } = document(await oa(["pair", "confirm", "pair_none", "--key", key, "--json"], env)) as {
      readonly error: { readonly code: string };
    };
    assert.equal(error.code, "not_found", key);
  }
  for (const key of ["npub1x", "abc", KEY.toUpperCase()]) {
    assert.equal((await oa(["pair", "confirm", "pair_none", "--key", key], env)).code, 2, key);
  }
});
