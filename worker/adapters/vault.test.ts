import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { keychain, type SecretStore } from "./keychain.ts";
import type { Processes, ProcessResult } from "./process.ts";
import { openRandom } from "./random.ts";
import { openVault, type VaultSecret } from "./vault.ts";

const root = mkdtempSync(join(tmpdir(), "oa-vault-"));
after(() => rmSync(root, { recursive: true, force: true }));
const random = openRandom();
const PASSPHRASE = "correct horse battery staple";
const TOKEN: VaultSecret = {
  name: "API_TOKEN",
  value: "swordfish-1234",
  hosts: ["api.example.com"],
  set_at: "2026-01-01T00:00:00.000Z",
};
let count = 0;
const folder = (): string => {
  count += 1;
  return mkdtempSync(join(root, `${count}-`));
};

/** A vault in a folder; `log_n` is the least, so that a test takes no second. */
async function open(data_dir: string, change: Partial<Parameters<typeof openVault>[0]> = {}) {
  const trouble: unknown[] = [];
  const report = (error: unknown): void => void trouble.push(error);
  const options = { data_dir, store: null, passphrase_file: null, random, log_n: 10, report, ...change };
  return { vault: await openVault(options), trouble };
}

async function made(): Promise<{ readonly data_dir: string; readonly file: string }> {
  const data_dir = folder();
  const { vault } = await open(data_dir);
  assert.equal(await vault.unlock(PASSPHRASE), undefined);
  assert.equal(await vault.set(TOKEN), undefined);
  return { data_dir, file: join(data_dir, "vault.json") };
}

const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });
const isRefused = (answer: object | undefined, code: string, pattern = /./): void => {
  assert.ok(isRejection(answer));
  assert.equal(answer.code, code);
  assert.match(answer.message, pattern);
  assert.ok(!answer.message.includes(TOKEN.value));
};

describe("the vault", () => {
  it("holds nothing and no file before its first secret", async () => {
    const data_dir = folder();
    const { vault } = await open(data_dir);
    assert.deepEqual([vault.status(), vault.all(), readdirSync(data_dir)], ["none", [], []]);
    isRefused(await vault.set(TOKEN), "vault_locked", /oa secrets unlock/);
  });

  it("keeps secrets over a restart, for whoever has the passphrase", async () => {
    const { data_dir } = await made();
    const { vault, trouble } = await open(data_dir);
    assert.deepEqual([vault.status(), vault.all(), trouble], ["locked", [], []]);
    assert.equal(await vault.unlock(PASSPHRASE), undefined);
    assert.deepEqual([vault.status(), vault.get("API_TOKEN")], ["open", TOKEN]);
    assert.equal(await vault.set({ ...TOKEN, value: "another-5678" }), undefined);
    assert.equal(await vault.remove("API_TOKEN"), undefined);
    isRefused(await vault.remove("API_TOKEN"), "not_found");
    assert.deepEqual(vault.all(), []);
  });

  it("is opened by a passphrase that a service manager gives", async () => {
    const { data_dir } = await made();
    const passphrase_file = join(data_dir, "oa-vault");
    writeFileSync(passphrase_file, `${PASSPHRASE}\n`, { mode: 0o400 });
    const { vault, trouble } = await open(data_dir, { passphrase_file });
    assert.deepEqual([vault.status(), trouble], ["open", []]);
    assert.equal((await open(data_dir, { passphrase_file: join(data_dir, "none") })).vault.status(), "locked");
  });

  it("takes the same passphrase however its letters are composed", async () => {
    const data_dir = folder();
    await (await open(data_dir)).vault.unlock("Zürich, Zürich, Zürich".normalize("NFC"));
    assert.equal(await (await open(data_dir)).vault.unlock("Zürich, Zürich, Zürich".normalize("NFD")), undefined);
  });

  it("is one file for its owner alone, in which neither values, names nor hosts can be read", async () => {
    const { data_dir, file } = await made();
    assert.deepEqual(readdirSync(data_dir), ["vault.json"]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, "utf8");
    for (const word of ["swordfish", "API_TOKEN", "api.example.com", PASSPHRASE]) assert.ok(!text.includes(word), word);
    const before = JSON.parse(text);
    const { vault } = await open(data_dir);
    await vault.unlock(PASSPHRASE);
    await vault.set(TOKEN);
    assert.notEqual(JSON.parse(readFileSync(file, "utf8")).nonce, before.nonce, "a nonce is never used twice");
  });

  it("says that a passphrase is wrong, and stays locked", async () => {
    const { data_dir } = await made();
    const { vault } = await open(data_dir);
    await refuses("vault_passphrase_wrong", vault.unlock("wrong horse battery staple"), /not the passphrase/);
    assert.equal(vault.status(), "locked");
    const passphrase_file = join(data_dir, "oa-vault");
    writeFileSync(passphrase_file, "wrong horse battery staple", { mode: 0o600 });
    const at_start = await open(data_dir, { passphrase_file });
    assert.equal(at_start.vault.status(), "locked", "a worker with a wrong passphrase goes on without its secrets");
    assert.equal((at_start.trouble[0] as Fault).code, "vault_passphrase_wrong");
  });

  it("makes no vault with a short passphrase", async () => {
    const data_dir = folder();
    isRefused(await (await open(data_dir)).vault.unlock("short"), "secret_invalid", /at least 12/);
    assert.deepEqual(readdirSync(data_dir), []);
  });
});

describe("another passphrase", () => {
  const NEXT = "staple battery horse correct";

  it("takes the place of the old one, for what is there and what is set from then on", async () => {
    const { data_dir, file } = await made();
    const before = JSON.parse(readFileSync(file, "utf8"));
    const { vault } = await open(data_dir);
    assert.deepEqual(await vault.changePassphrase(PASSPHRASE, NEXT), { stale_passphrase_file: null });
    assert.equal(vault.status(), "open", "whoever knows the old one may open it");
    assert.equal(vault.get(TOKEN.name)?.value, TOKEN.value);
    await vault.set({ ...TOKEN, name: "ANOTHER" });
    const after = JSON.parse(readFileSync(file, "utf8"));
    assert.ok(after.kdf.salt !== before.kdf.salt && after.check !== before.check, "with a salt of its own");
    const again = (await open(data_dir)).vault;
    await refuses("vault_passphrase_wrong", again.unlock(PASSPHRASE), /not the passphrase/);
    assert.equal(await again.unlock(NEXT), undefined);
    assert.deepEqual(
      again.all().map(({ name }) => name),
      [TOKEN.name, "ANOTHER"],
    );
    assert.deepEqual(readdirSync(data_dir), ["vault.json"]);
  });

  it("is taken from nobody who does not know the old one, open or locked", async () => {
    const { data_dir, file } = await made();
    const kept = readFileSync(file, "utf8");
    const { vault } = await open(data_dir);
    await refuses("vault_passphrase_wrong", vault.changePassphrase("wrong horse battery staple", NEXT), /not the/);
    assert.equal(vault.status(), "locked");
    await vault.unlock(PASSPHRASE);
    await refuses("vault_passphrase_wrong", vault.changePassphrase("wrong horse battery staple", NEXT), /not the/);
    assert.equal(vault.status(), "open", "it stays as it was");
    assert.equal(readFileSync(file, "utf8"), kept);
  });

  it("is no short one, not the one it has, and there must be a vault", async () => {
    const { data_dir, file } = await made();
    const kept = readFileSync(file, "utf8");
    const { vault } = await open(data_dir);
    isRefused(await vault.changePassphrase(PASSPHRASE, "short"), "secret_invalid", /at least 12/);
    isRefused(await vault.changePassphrase(PASSPHRASE, PASSPHRASE), "secret_invalid", /has already/);
    assert.equal(readFileSync(file, "utf8"), kept);
    const none = (await open(folder())).vault;
    isRefused(await none.changePassphrase(PASSPHRASE, NEXT), "not_found", /no vault yet/);
  });

  it("names the file that the worker would still read the old one from", async () => {
    const { data_dir } = await made();
    const passphrase_file = join(data_dir, "oa-vault");
    writeFileSync(passphrase_file, `${PASSPHRASE}\n`, { mode: 0o600 });
    const { vault } = await open(data_dir, { passphrase_file });
    assert.deepEqual(await vault.changePassphrase(PASSPHRASE, NEXT), { stale_passphrase_file: passphrase_file });
    writeFileSync(passphrase_file, `${PASSPHRASE}\n`, { mode: 0o600 });
    assert.deepEqual(await vault.changePassphrase(NEXT, PASSPHRASE), { stale_passphrase_file: null });
  });

  it("loses nothing that is set at the same moment", async () => {
    const { data_dir } = await made();
    const { vault } = await open(data_dir);
    await vault.unlock(PASSPHRASE);
    const names = ["A", "B", "C", "D"];
    await Promise.all([
      vault.set({ ...TOKEN, name: "A" }),
      vault.changePassphrase(PASSPHRASE, NEXT),
      ...names.slice(1).map((name) => vault.set({ ...TOKEN, name })),
    ]);
    const again = (await open(data_dir)).vault;
    await again.unlock(NEXT);
    assert.deepEqual(
      again.all().map(({ name }) => name),
      [TOKEN.name, ...names],
    );
  });

  for (const [call, survivor] of [
    ["open", PASSPHRASE],
    ["rename", PASSPHRASE],
    ["none", NEXT],
  ] as const) {
    it(`leaves the old or the new whole where the worker dies (${call === "none" ? "after" : `before ${call}`})`, async () => {
      const { data_dir } = await made();
      const program = resolve(import.meta.dirname, "../../test/fakes/dying-vault.ts");
      const died = spawnSync(process.execPath, [program, data_dir, PASSPHRASE, NEXT, call], { encoding: "utf8" });
      assert.equal(died.signal, "SIGKILL", died.stderr);
      const { vault } = await open(data_dir);
      assert.equal(await vault.unlock(survivor), undefined);
      assert.equal(vault.get(TOKEN.name)?.value, TOKEN.value);
      assert.equal(await vault.set({ ...TOKEN, name: "LATER" }), undefined, "and it goes on being written");
    });
  }
});

describe("a vault that somebody changed is not opened", () => {
  const changes: Readonly<Record<string, (box: Record<string, unknown>) => unknown>> = {
    "a bit of its content": (box) => ({ ...box, box: flipped(String(box.box)) }),
    "its last character": (box) => ({ ...box, box: String(box.box).slice(0, -1) }),
    "its nonce": (box) => ({ ...box, nonce: flipped(String(box.nonce)) }),
    "no content": (box) => ({ ...box, box: "" }),
    "another version": (box) => ({ ...box, v: 2 }),
    "no derivation": (box) => ({ ...box, kdf: undefined }),
    "a key that a Keychain keeps": (box) => ({ ...box, kdf: { name: "keychain" } }),
    "a derivation that would take for ever": (box) => ({ ...box, kdf: { ...(box.kdf as object), log_n: 40 } }),
    "a derivation that costs nothing": (box) => ({ ...box, kdf: { ...(box.kdf as object), log_n: 1 } }),
    "another memory cost": (box) => ({ ...box, kdf: { ...(box.kdf as object), r: 4096 } }),
    "no object": () => [],
    null: () => null,
  };
  const flipped = (text: string): string => (text.startsWith("A") ? "B" : "A") + text.slice(1);
  for (const [what, change] of Object.entries(changes)) {
    it(what, async () => {
      const { data_dir, file } = await made();
      writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
      const { vault } = await open(data_dir);
      await refuses("vault_damaged", vault.unlock(PASSPHRASE), /vault\.json/);
      assert.equal(vault.status(), "locked");
    });
  }
  it("text that is no JSON", async () => {
    const { data_dir, file } = await made();
    writeFileSync(file, "{");
    await refuses("vault_damaged", (await open(data_dir)).vault.unlock(PASSPHRASE));
  });
  it("another salt or check, as if by a wrong passphrase", async () => {
    const { data_dir, file } = await made();
    const box = JSON.parse(readFileSync(file, "utf8"));
    for (const changed of [
      { ...box, kdf: { ...box.kdf, salt: "A".repeat(22) } },
      { ...box, check: "0".repeat(32) },
    ]) {
      writeFileSync(file, JSON.stringify(changed));
      await refuses("vault_passphrase_wrong", (await open(data_dir)).vault.unlock(PASSPHRASE), /header was changed/);
    }
  });
  it("a file that others can read", async () => {
    const { data_dir, file } = await made();
    chmodSync(file, 0o644);
    await refuses("key_file_permissions", (await open(data_dir)).vault.unlock(PASSPHRASE), /chmod 600/);
  });
  it("a passphrase that others can read", async () => {
    const { data_dir } = await made();
    const passphrase_file = join(data_dir, "oa-vault");
    writeFileSync(passphrase_file, PASSPHRASE);
    chmodSync(passphrase_file, 0o644);
    const { vault, trouble } = await open(data_dir, { passphrase_file });
    assert.deepEqual([vault.status(), (trouble[0] as Fault).code], ["locked", "key_file_permissions"]);
  });
  it("a link in its place", async () => {
    const { file } = await made();
    const data_dir = folder();
    symlinkSync(file, join(data_dir, "vault.json"));
    await refuses("path_linked", (await open(data_dir)).vault.unlock(PASSPHRASE));
  });
});

describe("what cannot be kept apart from other text is no secret", () => {
  const flaws: Readonly<Record<string, Partial<VaultSecret>>> = {
    "a short value": { value: "abc-123" },
    "a word": { value: "password" },
    "a number": { value: "12345678901" },
    "one character over and over": { value: "-_-_-_-_-_-_" },
    "two lines": { value: "first line\nX-Other: header" },
    "a carriage return": { value: "swordfish\r1234" },
    "a space at its end": { value: "swordfish-1234 " },
    "letters beyond ASCII": { value: "schwärtfisch-1234" },
    "a value that is too long": { value: "ab-12".repeat(1_000) },
    "a name with a dot": { name: "api.token" },
    "a name that is a property": { name: "__proto__" },
    "no host": { hosts: [] },
    "a wildcard": { hosts: ["*.example.com"] },
    "an address with a path": { hosts: ["api.example.com/x"] },
    "a user name": { hosts: ["me@api.example.com"] },
    capitals: { hosts: ["API.example.com"] },
    "a port that https has anyway": { hosts: ["api.example.com:443"] },
    "too many hosts": { hosts: Array.from({ length: 17 }, (_, at) => `h${at}.example.com`) },
  };
  for (const [what, change] of Object.entries(flaws)) {
    it(what, async () => {
      const { vault } = await open(folder());
      await vault.unlock(PASSPHRASE);
      isRefused(await vault.set({ ...TOKEN, ...change }), "secret_invalid");
      assert.deepEqual(vault.all(), []);
    });
  }
  for (const value of ["constructor-1", "swordfish 1234", '{"a":1}\\u0041', "Basic bWU6aHVudGVyMjI="]) {
    it(`but ${JSON.stringify(value)} can`, async () => {
      const { vault } = await open(folder());
      await vault.unlock(PASSPHRASE);
      assert.equal(
        await vault.set({ ...TOKEN, name: "constructor", value, hosts: ["127.0.0.1:8080", "[::1]"] }),
        undefined,
      );
      assert.equal(vault.get("constructor")?.value, value);
      assert.equal(vault.get("toString"), undefined);
    });
  }
});

/** A FAKE Keychain: answers as `security` was recorded to, and keeps what it is given. */
function fakeKeychain(data_dir: string): { readonly store: SecretStore; readonly calls: string[][]; locked: boolean } {
  const entries = new Map<string, string>();
  const fake = { calls: [] as string[][], locked: false };
  const run: Processes["run"] = async (command, args, { stdin = "" }): Promise<ProcessResult> => {
    fake.calls.push([command, ...args]);
    const result = (code: number, stdout = "", stderr = "") => ({ code, stdout, stderr }) as ProcessResult;
    if (fake.locked) return result(36, "", "security: SecKeychainSearchCopyNext: User interaction is not allowed.\n");
    if (args[0] === "-i") {
      const [, name = "", value = ""] = /-a "([^"]*)" -w "([^"]*)"/.exec(String(stdin)) ?? [];
      entries.set(name, value);
      return result(0);
    }
    const value = entries.get(args[4] ?? "");
    return value === undefined
      ? result(44, "", "security: The specified item could not be found.\n")
      : result(0, `${value}\n`);
  };
  return Object.assign(fake, { store: keychain({ run } as Processes, data_dir) });
}

describe("a vault whose key the Keychain keeps", () => {
  it("opens by itself, and its key is never an argument", async () => {
    const data_dir = folder();
    const fake = fakeKeychain(data_dir);
    const { vault } = await open(data_dir, { store: fake.store });
    assert.deepEqual([vault.status(), vault.kept_by], ["none", "keychain"]);
    assert.equal(await vault.set(TOKEN), undefined);
    const again = await open(data_dir, { store: fake.store });
    assert.deepEqual([again.vault.status(), again.vault.get("API_TOKEN"), again.trouble], ["open", TOKEN, []]);
    assert.ok(!JSON.stringify(fake.calls).match(/[0-9a-f]{64}/));
    isRefused(await vault.unlock(PASSPHRASE), "usage");
  });
  it("stays locked with the Keychain, and no other key is made in its place", async () => {
    const data_dir = folder();
    const fake = fakeKeychain(data_dir);
    await (await open(data_dir, { store: fake.store })).vault.set(TOKEN);
    const text = readFileSync(join(data_dir, "vault.json"), "utf8");
    fake.locked = true;
    const { vault, trouble } = await open(data_dir, { store: fake.store });
    assert.deepEqual([vault.status(), (trouble[0] as Fault).code], ["locked", "key_store"]);
    await refuses("key_store", vault.set(TOKEN));
    const lost = fakeKeychain(data_dir);
    await refuses("key_store", (await open(data_dir, { store: lost.store })).vault.set(TOKEN), /lost the key/);
    assert.equal(readFileSync(join(data_dir, "vault.json"), "utf8"), text);
  });
  it("cannot be opened with another Keychain's key", async () => {
    const data_dir = folder();
    await (await open(data_dir, { store: fakeKeychain(data_dir).store })).vault.set(TOKEN);
    const other = fakeKeychain(data_dir);
    await other.store.create("vault", "0".repeat(64));
    const { trouble } = await open(data_dir, { store: other.store });
    assert.equal((trouble[0] as Fault).code, "vault_damaged");
  });
});
