import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { document, down, killDaemons, oa, spawnOa, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-engine-"));
after(() => {
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});
const env = { HOME: folder, XDG_DATA_HOME: join(folder, "xdg") };
const second = join(folder, "second");
const engine = (url: string, token_file: string) => [
  ...["engine", "--data", second, "--join", url, "--token-file", token_file],
];
const code = async (url: string, token_file: string): Promise<unknown> => {
  const said = await oa([...engine(url, token_file), "--json"], env);
  return (document(said).error as { readonly code: string }).code;
};

describe("oa engine", () => {
  it("joins a running worker, and gives up cleanly when it is stopped", async () => {
    const daemon = await startOa(["up", "--data", join(folder, "first"), "--port", "0"], env);
    const joined = await startOa(engine(daemon.url, daemon.token_path), env);
    assert.equal(joined.said.joined, daemon.url);
    assert.equal(await code(daemon.url, daemon.token_path), "busy", "a data folder has one owner");
    assert.equal(await down(joined), 0);
    assert.equal(joined.stderr(), "giving back what is running\n");
    const wrong = join(folder, "wrong-token");
    writeFileSync(wrong, "x".repeat(43));
    assert.equal(await code(daemon.url, wrong), "token_invalid");
    assert.equal(await down(daemon), 0);
    assert.equal(await code(daemon.url, daemon.token_path), "unreachable");
  });
  it("joins nothing but a worker, and does not wait for one that is silent", async () => {
    const token = join(folder, "some-token");
    writeFileSync(token, "x".repeat(43));
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    const other = createServer((_, answer) => answer.end('{"hello":1}')).listen(0, "127.0.0.1");
    const page = createServer((_, answer) => answer.end("<html></html>")).listen(0, "127.0.0.1");
    const nothing = createServer((_, answer) => answer.end("null")).listen(0, "127.0.0.1");
    const at = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await Promise.all([silent, other, page, nothing].map((server) => once(server, "listening")));
      for (const server of [silent, other, page, nothing]) assert.equal(await code(at(server), token), "unreachable");
      const waiting = spawnOa(engine(at(silent), token), env);
      await once(silent, "request");
      const ended = once(waiting, "exit");
      waiting.kill("SIGTERM");
      assert.deepEqual(await ended, [1, null], "it is stopped while it asks");
    } finally {
      for (const server of [silent, other, page, nothing]) {
        server.close();
        server.closeAllConnections();
      }
    }
  });
  it("never says what it took for a token", async () => {
    const token = join(folder, "two-lines");
    writeFileSync(token, "a-secret-of-somebody\nand another line");
    const said = await oa([...engine("http://127.0.0.1:1", token), "--json"], env);
    assert.equal((document(said).error as { readonly code: string }).code, "usage");
    assert.doesNotMatch(said.stdout + said.stderr, /a-secret-of-somebody/);
  });
  it("refuses an address that is none, or that would tell the token to the network", async () => {
    const token = join(folder, "token");
    writeFileSync(token, "x".repeat(43));
    for (const url of ["worker", "ftp://127.0.0.1:1", "http://worker.example:6767"]) {
      assert.equal(await code(url, token), "usage", url);
    }
    assert.equal(await code("http://127.0.0.1:1", join(folder, "no-such-file")), "usage");
  });
});
