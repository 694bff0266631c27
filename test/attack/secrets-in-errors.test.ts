import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { vaultProjection } from "@oa/shared/vault/views.ts";
import { openEgress } from "@oa/worker/adapters/egress.ts";
import { keychain } from "@oa/worker/adapters/keychain.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import type { Processes } from "@oa/worker/adapters/process.ts";
import { openRandom } from "@oa/worker/adapters/random.ts";
import { openSecrecy } from "@oa/worker/adapters/secrecy.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { openVault } from "@oa/worker/adapters/vault.ts";
import { readConfig } from "@oa/worker/config.ts";
import { oa } from "../cli/oa.ts";
import { attackClass } from "./attack.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-secret-errors-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const SECRET = "sw0rdfish-Tr0mbone/42+x";
const HEX = "c0ffee".repeat(11).slice(0, 64);
const vault = await openVault({
  data_dir: folder,
  store: null,
  passphrase_file: null,
  random: openRandom(),
  log_n: 10,
  report: () => {},
});
await vault.unlock("correct horse battery staple");
const secrecy = openSecrecy(vault, openRandom());
const server = createServer((request, response) => {
  if (request.url === "/cut") request.socket.destroy();
  else
    response
      .writeHead(Number(request.url?.slice(1)) || 200, { location: `/${encodeURIComponent(SECRET)}` })
      .end(SECRET.repeat(3_000));
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await vault.set({ name: "TOKEN", value: SECRET, hosts: [host], set_at: "2026-01-01T00:00:00.000Z" });
});
after(() => server.close());

/** Everything an error says, its causes and details included. */
const wordsOf = (error: unknown, depth = 0): string => {
  if (!(error instanceof Error) || depth > 5) return typeof error === "object" ? JSON.stringify(error) : String(error);
  return [error.message, error.stack, JSON.stringify(error), wordsOf(error.cause, depth + 1)].join("\n");
};
const silent = (said: string): void => {
  for (const form of [SECRET, encodeURIComponent(SECRET), Buffer.from(SECRET).toString("base64").slice(0, -4), HEX]) {
    assert.ok(!said.toLowerCase().includes(form.toLowerCase()), said.slice(0, 1_000));
  }
};
/** The act fails, and nothing it says holds the secret. */
const failsSilently = async (act: () => unknown): Promise<void> => {
  let said: string;
  try {
    const answer = await act();
    assert.ok(isRejection(answer), "it was to fail");
    said = JSON.stringify(answer);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    said = wordsOf(error);
  }
  silent(said);
};

attackClass("secrets in errors", ({ harmless, works }) => {
  const fetch = (path: string, change: object = {}) => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const grant = [`network:egress:${host}`, `secret:use:TOKEN@${host}`, "network:egress:127.0.0.1:1"];
    const egress = openEgress(grant, { private_allow: [host, "127.0.0.1:1"], secrets: secrecy });
    const headers = { authorization: secrecy.slot("TOKEN") };
    const limits = { timeout_ms: 3_000, max_bytes: 1_000, signal: new AbortController().signal };
    return egress.fetch({ url: `http://${host}${path}`, method: "GET", headers, ...limits, ...change });
  };
  const slot = secrecy.slot("TOKEN");
  const requests: Readonly<Record<string, () => unknown>> = {
    "a connection that is cut": () => fetch("/cut"),
    "an answer that is too long": () => fetch(`/200?${slot}`),
    "a redirect without end": () => fetch(`/302?${slot}`),
    "a port where nobody is": () => fetch("", { url: `http://127.0.0.1:1/${slot}` }),
    "a deadline": () => fetch("/200", { timeout_ms: 0 }),
    "a header with a line break": () => fetch("/", { headers: { a: `${SECRET}\r\nb: c` } }),
    "a header that is reserved": () => fetch("/", { headers: { host: SECRET } }),
    "a header's name": () => fetch("/", { headers: { [SECRET]: "x" } }),
    "a password in an address": () => fetch("", { url: `http://me:${encodeURIComponent(SECRET)}@127.0.0.1/` }),
    "an address that is none, with a secret in it": () => fetch("", { url: `http://${SECRET.replaceAll("/", "")} x/` }),
    "a host with a secret in its name": () =>
      fetch("", { url: `http://${Buffer.from(SECRET).toString("hex")}.example/` }),
    "a secret for a host that may not have it": () =>
      fetch("", { url: `http://127.0.0.1:1/${encodeURIComponent(SECRET)}` }),
  };
  for (const [what, act] of Object.entries(requests)) {
    harmless(`${what}, as it is recorded`, async () => {
      try {
        await act();
        assert.fail("it was to fail");
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        silent(secrecy.redact((error as Error).message));
        silent(secrecy.redact(wordsOf(error)));
      }
    });
  }
  const values: readonly unknown[] = [
    SECRET.slice(0, 4),
    `${SECRET}\n`,
    `${SECRET}\u00e4`,
    ` ${SECRET}`,
    SECRET.repeat(1_000),
    42,
    null,
    [SECRET],
    { a: SECRET },
  ];
  for (const value of values) {
    harmless(`the vault's refusal of ${JSON.stringify(value)?.slice(0, 20)}`, async () => {
      const set_at = "2026-01-01T00:00:00.000Z";
      if (typeof value === "string")
        await failsSilently(() => vault.set({ name: "A", value, hosts: ["a.example"], set_at }));
      const answer = await post("/v1/secrets", { name: "A", value, hosts: ["a.example"] });
      assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
      silent(answer.text.replaceAll(SECRET.slice(0, 4), ""));
    });
  }
  for (const body of [
    `{"name":"A","value":"${SECRET}"`,
    `{"name":"A","value":"${SECRET}","value":"x"}`,
    `{"value":"${SECRET}"}`,
    `"${SECRET}"`,
    `{"${SECRET}":1}`,
  ]) {
    harmless(`the control API's refusal of ${body.slice(0, 24)}…`, async () => {
      const { status, text } = await post("/v1/secrets", body);
      assert.ok(status >= 400 && status < 500);
      if (!body.startsWith(`{"${SECRET}`)) silent(text);
    });
  }
  harmless("a wrong passphrase", () => failsSilently(() => vault.unlock(SECRET)));
  harmless("the Keychain's refusal of a key", () => {
    const run = async () => ({ code: 1, stdout: "", stderr: "security: no\n" });
    return failsSilently(() => keychain({ run } as unknown as Processes, folder).create("a", HEX));
  });
  harmless("a key file that holds no key", async () => {
    const data = mkdtempSync(join(folder, "keys-"));
    await loadOrCreateKey(data, "worker", null);
    writeFileSync(join(data, "keys", "worker.key"), `${HEX}${HEX}`);
    await failsSilently(() => loadOrCreateKey(data, "worker", null));
    writeFileSync(join(data, "keys", "worker.key"), SECRET);
    await failsSilently(() => loadOrCreateKey(data, "worker", null));
  });
  for (const settings of [
    { relays: [`wss://me:${encodeURIComponent(SECRET)}@relay.example`] },
    { edge_url: `https://x.example/?k=${SECRET}`, port: SECRET },
    { [SECRET]: 1 },
  ]) {
    harmless(`settings that hold one: ${Object.keys(settings)[0]?.slice(0, 8)}`, async () => {
      const data = mkdtempSync(join(folder, "config-"));
      writeFileSync(join(data, "config.json"), JSON.stringify(settings));
      try {
        await readConfig(data, {});
        assert.fail("it was to fail");
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        if (!(SECRET in settings)) silent(wordsOf(error));
      }
    });
  }
  harmless("a value given as an argument, which is never where one belongs", async () => {
    const said = await oa([
      "secrets",
      "set",
      "TOKEN",
      SECRET,
      "--host",
      "a.example",
      "--data",
      join(folder, "cli"),
      "--json",
    ]);
    assert.equal(said.code, 2);
    silent(said.stdout + said.stderr);
  });

  works("an error still says what went wrong, where and why", async () => {
    try {
      await fetch("", { url: `http://127.0.0.1:1/${slot}` });
    } catch (error) {
      assert.match(secrecy.redact((error as Error).message), /127\.0\.0\.1:1/);
    }
    const refusal = await vault.set({ name: "A", value: "short", hosts: ["a.example"], set_at: "" });
    assert.match(refusal?.message ?? "", /value of A must have 8 to/);
  });
  works("the secret reaches who it is for", async () => {
    assert.equal((await fetch("/200", { max_bytes: 1_000_000 })).status, 200);
  });
});

async function post(path: string, body: unknown): Promise<{ readonly status: number; readonly text: string }> {
  const { secretsPort } = await import("@oa/worker/admin/secrets.ts");
  const decide = async (): Promise<readonly []> => [];
  const sql = openSqlite(":memory:");
  for (const ddl of vaultProjection.ddl) sql.run(ddl);
  const secrets = secretsPort({ vault, now_ms: () => 0, decide, sql });
  const report = (error: unknown): void => assert.fail(String(error));
  const ports = new Proxy(
    { secrets, report },
    { get: (own, name) => (own as Record<string | symbol, unknown>)[name] ?? {} },
  );
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
  const response = await controlApp(ports as unknown as ControlPorts).request(path, init);
  return { status: response.status, text: await response.text() };
}
