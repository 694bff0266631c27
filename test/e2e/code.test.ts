/** An upgrade that brings a program, through the real command: off, then allowed by its owner, then run in the sandbox. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, oa } from "../cli/oa.ts";
import { i32, ifZero, wasiModule } from "../fakes/wasi-module.ts";
import { needs } from "../needs.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-code-")));
const data = join(folder, "data");
const file = join(folder, "upgrade.json");
const env = { HOME: folder };
let server: Server;
/** Copies /read/0/a.txt to /write/0/b.txt. */
const program = wasiModule(({ open, copy, opened, say }) => {
  const input = [...i32(20), ...opened, 0x36, 2, 0];
  const kept = [...i32(20), 0x28, 2, 0];
  return [
    ...ifZero(open(3, "a.txt"), input, [0x00]),
    ...ifZero(open(4, "b.txt", "create"), copy(kept, opened), [0x00]),
    ...say(i32(1), "copied"),
  ];
});
const settings = (config: object): void => writeFileSync(join(data, "config.json"), JSON.stringify(config));

describe("an upgrade that brings a program", { skip: needs("bwrap") }, () => {
  before(async () => {
    for (const name of ["in", "out"]) mkdirSync(join(folder, name));
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(join(folder, "in/a.txt"), "alpha");
    server = createServer((_, response) => response.end(program)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sha256 = createHash("sha256").update(program).digest("hex");
    const artifact = { url: `http://${host}/copy.wasm`, sha256, bytes: program.length };
    const [read, write] = [join(folder, "in"), join(folder, "out")];
    const manifest = {
      ...{ id: "author.copy", version: "1.0.0", title: "Copies a file" },
      author: { npub: hexToNpub((await loadOrCreateKey(data, "author")).public_key) },
      capabilities: { platforms: ["linux", "macos"], backends: [] },
      permissions: {
        filesystem: [{ path: `${read}/**`, access: "read" }, `${write}/**`],
        ...{ network: [host], tools: ["code.run"], process: true },
      },
      schedule: { type: "manual" },
      artifacts: [{ type: "wasi", ...artifact }],
      pipeline: [{ id: "copy", op: "code.run", ...artifact, read: [read], write: [write] }],
    };
    writeFileSync(file, JSON.stringify(manifest));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is refused while its owner has not turned that on, with the setting that would", async () => {
    settings({});
    const refused = await oa(["install", file, "--yes", "--data", data, "--json"], env);
    assert.equal(refused.code, 3, refused.stdout);
    assert.equal((document(refused).error as { code: string }).code, "code_packages_off");
    const why = document(await oa(["why-not", file, "--data", data, "--json"], env));
    assert.equal(why.verdict, "no");
    assert.match(JSON.stringify(why.obstacles), /code_packages to true/);
  });

  it("runs in the sandbox once it is on and approved, and its step says so", async () => {
    settings({ code_packages: true });
    const installed = await oa(["install", file, "--yes", "--data", data, "--json"], env);
    assert.equal(installed.code, 0, installed.stderr + installed.stdout);
    const { consent, install_id } = document(installed) as {
      consent: { sandbox: string; permissions: readonly { permission: string }[] };
      install_id: string;
    };
    assert.match(consent.sandbox, /see only what is granted here \(bubblewrap\)/);
    assert.ok(consent.permissions.some(({ permission }) => permission === "process:spawn"));
    const ran = await oa(["run", install_id, "--data", data, "--json"], env);
    assert.equal(ran.code, 0, ran.stderr + ran.stdout);
    const [step] = document(ran).steps as readonly { readonly status: string; readonly sandbox: string }[];
    assert.deepEqual([step?.status, step?.sandbox], ["succeeded", "bubblewrap"]);
    assert.equal(readFileSync(join(folder, "out/b.txt"), "utf8"), "alpha");
  });

  it("is stopped when it is turned off again", async () => {
    settings({});
    const install_id = (
      document(await oa(["installs", "--data", data, "--json"], env)).installs as { install_id: string }[]
    )[0]?.install_id;
    const ran = await oa(["run", String(install_id), "--data", data, "--json"], env);
    assert.notEqual(ran.code, 0);
    assert.match(ran.stdout, /code_packages_off/);
  });
});
