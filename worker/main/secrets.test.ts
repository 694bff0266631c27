import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSecrets } from "./secrets.ts";

const skip = process.platform === "darwin" ? "on macOS the Keychain keeps the vault's key" : false;

test("the passphrase of the vault is a secret like those in it: read from its file, typed, or just changed", {
  skip,
}, async (context) => {
  const data_dir = mkdtempSync(join(tmpdir(), "oa-secrets-"));
  context.after(() => rmSync(data_dir, { recursive: true }));
  const file = join(data_dir, "passphrase");
  writeFileSync(file, "correct horse battery\n", { mode: 0o600 });
  const whose = "the passphrase of the vault";
  const first = await openSecrets({ data_dir, vault_passphrase_file: file }, []);
  assert.deepEqual([first.vault.status(), first.trouble], ["open", []]);
  assert.equal(first.secrecy.find("it is correct horse battery, really"), whose);

  const again = await openSecrets({ data_dir, vault_passphrase_file: null }, []);
  await assert.rejects(again.vault.unlock("incorrect horse battery"), { code: "vault_passphrase_wrong" });
  assert.equal(again.secrecy.find("incorrect horse battery"), null);
  await again.vault.unlock("correct horse battery");
  assert.equal(again.secrecy.find("correct horse battery"), whose);
  await again.vault.changePassphrase("correct horse battery", "another staple altogether");
  assert.equal(again.secrecy.find("another staple altogether"), whose);
});
