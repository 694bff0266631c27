import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, down, killDaemons, oa, type Said, spawnOa, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-daemon-"));
after(() => {
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});
const env = { HOME: folder, XDG_DATA_HOME: join(folder, "xdg") };
const up = (data_dir: string, more: Readonly<Record<string, string>> = {}) =>
  startOa(["up", "--data", data_dir, "--port", "0"], { ...env, ...more });

/** One raw request, so that every header is the test's. */
function ask(url: string, options: { path: string; method?: string; headers?: Record<string, string>; body?: string }) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const { path, method = "GET", headers = {}, body = "" } = options;
    const { port } = new URL(url);
    const sent = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const errorCode = (said: Said): unknown => (document(said).error as { code: string } | undefined)?.code;

/** A manifest by the data folder's own author, in a file. */
async function manifest(data_dir: string, changes: object): Promise<string> {
  const { public_key } = await loadOrCreateKey(data_dir, "author");
  const file = join(folder, `manifest-${Math.abs(JSON.stringify(changes).length)}.json`);
  const value = {
    id: "test.upgrade.reader",
    version: "1.0.0",
    title: "Reader",
    author: { npub: hexToNpub(public_key) },
    capabilities: { platforms: ["linux", "macos"], backends: ["lexical-v1"] },
    schedule: { type: "manual" },
    ...changes,
  };
  writeFileSync(file, JSON.stringify(value));
  return file;
}

describe("the daemon", () => {
  const data_dir = join(folder, "first");

  it("starts, answers commands, and stops cleanly on SIGTERM", async () => {
    const daemon = await up(data_dir);
    const file = JSON.parse(readFileSync(join(data_dir, "daemon.json"), "utf8"));
    assert.deepEqual([file.pid, file.url], [daemon.child.pid, daemon.url]);
    for (const name of ["admin-token", "daemon.json", "worker.sqlite"]) {
      assert.equal(statSync(join(data_dir, name)).mode & 0o077, 0, name);
    }
    assert.deepEqual(document(await oa(["runs", "--data", data_dir, "--json"], env)), { runs: [] });
    assert.equal(await down(daemon), 0);
    assert.equal(existsSync(join(data_dir, "daemon.json")), false);
    assert.equal(daemon.stderr(), "");
  });

  it("refuses a second daemon on its folder, naming the first", async () => {
    const daemon = await up(data_dir);
    const second = await oa(["up", "--data", data_dir, "--port", "0", "--json"], env);
    assert.equal(second.code, 1);
    assert.equal(errorCode(second), "worker_running");
    assert.match(second.stderr, new RegExp(`a worker already runs on .*: ${daemon.url}, pid ${daemon.pid}`));
    assert.deepEqual(document(await oa(["installs", "--data", data_dir, "--json"], env)), { installs: [] });
    assert.equal(await down(daemon, "SIGINT"), 0);
  });

  it("says when its port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const said = await oa(["up", "--data", join(folder, "port"), "--port", String(port), "--json"], env);
    server.close();
    assert.deepEqual([said.code, errorCode(said)], [1, "port_in_use"]);
  });

  it("refuses settings that are wrong, with the key", async () => {
    const bad = join(folder, "bad");
    mkdirSync(bad, { mode: 0o700 });
    writeFileSync(join(bad, "config.json"), '{"prot": 1}');
    const said = await oa(["up", "--data", bad, "--json"], env);
    assert.deepEqual([said.code, errorCode(said)], [3, "config_invalid"]);
    assert.match(said.stderr, /prot/);
  });

  it("is found again after kill -9, and the next one starts", async () => {
    const killed = await up(data_dir);
    await down(killed, "SIGKILL");
    assert.ok(existsSync(join(data_dir, "daemon.json")), "a killed daemon leaves its file");
    // A command must not send the token to whoever has the port now: it finds nobody owning the folder.
    assert.deepEqual(document(await oa(["runs", "--data", data_dir, "--json"], env)), { runs: [] });
    assert.equal(existsSync(join(data_dir, "daemon.json")), false);
    await down(await up(data_dir));
  });
});

/** What it says first on stderr, up to a line's end. */
async function firstWords(child: ReturnType<typeof spawnOa>): Promise<string> {
  child.stdout.resume();
  let said = "";
  for await (const text of child.stderr.setEncoding("utf8")) {
    said += text;
    if (said.includes("\n")) break;
  }
  return said;
}

describe("the daemon of a service", () => {
  it("waits after a row of crashes, ends at once when it is stopped then, and a person's start never waits", async () => {
    const data_dir = join(folder, "service");
    const start = ["up", "--service", "--data", data_dir, "--port", "0"];
    const noted = join(data_dir, "service-starts.json");
    for (const crashes of [0, 1]) {
      await down(await startOa(start, env), "SIGKILL");
      assert.equal(readFileSync(noted, "utf8"), `{"crashes":${crashes}}\n`);
    }
    writeFileSync(noted, '{"crashes":9}\n'); // as after eight more
    const waiting = spawnOa(start, env);
    const said = await firstWords(waiting);
    assert.equal(said, "The worker ended 10 times in a row without being stopped: it starts again in 5 min.\n");
    await down(await up(data_dir), "SIGKILL");
    const exited = once(waiting, "exit");
    waiting.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    const next = await startOa(start, env);
    assert.equal(await down(next), 0);
    assert.equal(next.stderr(), "");
    assert.equal(existsSync(noted), false);
  });
});

describe("the daemon of a service with wrong settings", () => {
  it("ends with their refusal once; started again it waits for others", async () => {
    const data_dir = join(folder, "wrong-settings");
    mkdirSync(data_dir, { mode: 0o700 });
    writeFileSync(join(data_dir, "config.json"), '{"port":"many"}');
    const start = ["up", "--service", "--data", data_dir];
    const refused = await oa(start, env);
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /config\.json: .*port.*\(config_invalid\)/);
    const { crashes, refused: kept } = JSON.parse(readFileSync(join(data_dir, "service-starts.json"), "utf8"));
    assert.deepEqual([crashes, kept.code], [0, "config_invalid"]);
    const waiting = spawnOa(start, env);
    const said = await firstWords(waiting);
    assert.match(said, /^The worker starts once its settings are right: .*port.*\(config_invalid\)\n$/);
    const exited = once(waiting, "exit");
    waiting.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });
});

describe("the daemon's port", () => {
  const data_dir = join(folder, "port-attacks");
  it("answers nobody who is not the owner at this machine", async () => {
    const daemon = await up(data_dir);
    const { port } = new URL(daemon.url);
    const token = readFileSync(daemon.token_path, "utf8").trim();
    const own = { host: `127.0.0.1:${port}`, authorization: `Bearer ${token}` };
    const code = async (options: Parameters<typeof ask>[1]): Promise<unknown> => {
      const { body } = await ask(daemon.url, options);
      return (JSON.parse(body) as { error?: { code: string } }).error?.code ?? "answered";
    };
    const path = "/v1/runs";
    const json = { ...own, "content-type": "application/json" };
    assert.equal(await code({ path, headers: own }), "answered");
    assert.equal(await code({ path: "/health", headers: { host: own.host } }), "answered");
    assert.equal(await code({ path, headers: { ...own, host: "evil.example" } }), "host_not_allowed");
    assert.equal(await code({ path, headers: { ...own, origin: "https://evil.example" } }), "origin_not_allowed");
    assert.equal(await code({ path, headers: { host: own.host } }), "token_invalid");
    const post = { path, method: "POST" };
    const form = { host: own.host, "content-type": "text/plain" };
    assert.equal(await code({ ...post, headers: form, body: "{}" }), "token_invalid");
    assert.equal(await code({ ...post, headers: { ...own, "content-type": "text/plain" }, body: "{}" }), "media_type");
    assert.equal(await code({ ...post, headers: json, body: "{" }), "json_invalid");
    const large = { ...json, "content-length": "100000000" };
    assert.equal(await code({ ...post, headers: large, body: "x".repeat(2_000_000) }).catch(() => "cut"), "too_large");
    assert.equal(await code({ path: "/v1/nothing", headers: own }), "not_found");
    assert.equal(await code({ path, headers: own }), "answered");
    await down(daemon);
  });
});

describe("an upgrade of one's own", () => {
  const data_dir = join(folder, "own");
  const text = join(folder, "text.txt");
  writeFileSync(text, "hello");
  mkdirSync(data_dir, { mode: 0o700 });

  it("asks for consent, and installs nothing without it", async () => {
    const policy = { aup_flags: ["no_guardrail_bypass"], data_retention_days: 3 };
    const file = await manifest(data_dir, { pipeline: [{ op: "fs.read", id: "read", path: text }], policy });
    const said = await oa(["install", file, "--data", data_dir, "--json"], env);
    assert.equal(said.code, 3);
    const answer = document(said) as { error: { code: string }; consent: { permissions: { sentence: string }[] } };
    assert.equal(answer.error.code, "consent_needed");
    assert.ok(answer.consent.permissions.some(({ sentence }) => sentence.includes(text)));
    assert.match(said.stderr, /It may:/);
    assert.match(said.stderr, /It says of its use: no guardrail bypass\.\n.*deleted after 3 days\./);
    assert.deepEqual(document(await oa(["installs", "--data", data_dir, "--json"], env)), { installs: [] });
  });

  it("is installed, run and shown without a daemon", async () => {
    const file = await manifest(data_dir, { pipeline: [{ op: "fs.read", id: "read", path: text }] });
    const installed = await oa(["install", file, "--yes", "--data", data_dir, "--json"], env);
    assert.equal(installed.code, 0, installed.stderr);
    assert.equal(document(installed).status, "enabled");
    const ran = await oa(["run", "reader", "--data", data_dir, "--json"], env);
    assert.equal(ran.code, 0, ran.stderr);
    const run = document(ran) as { run_id: string; status: string; steps: { status: string }[] };
    assert.deepEqual([run.status, run.steps.map(({ status }) => status)], ["succeeded", ["succeeded"]]);
    const shown = await oa(["runs", run.run_id, "--data", data_dir], env);
    assert.match(shown.stdout, /Reader 1\.0\.0: succeeded[\s\S]*✓ read {2}fs\.read/);
  });

  it("fails with its reason, exits by it, and stays runnable", async () => {
    rmSync(text);
    const failed = await oa(["run", "reader", "--data", data_dir, "--json"], env);
    assert.equal(failed.code, 1);
    assert.equal(errorCode(failed), "not_found");
    assert.equal(document(failed).status, "failed");
    writeFileSync(text, "back");
    assert.equal((await oa(["run", "reader", "--data", data_dir, "--json"], env)).code, 0);
  });

  it("is disabled, enabled and removed", async () => {
    const change = (action: string) => oa(["installs", action, "reader", "--data", data_dir, "--json"], env);
    assert.equal(document(await change("disable")).status, "disabled");
    const refused = await oa(["run", "reader", "--data", data_dir, "--json"], env);
    assert.deepEqual([refused.code, errorCode(refused)], [3, "install_disabled"]);
    assert.equal(document(await change("enable")).status, "enabled");
    assert.equal(document(await change("remove")).status, "removed");
    const gone = await change("remove");
    assert.deepEqual([gone.code, errorCode(gone)], [1, "not_found"]);
  });

  it("leaves a log that verifies, here and exported, and not when it is altered or cut", async () => {
    const here = await oa(["audit", "verify", "--data", data_dir, "--json"], env);
    assert.equal(here.code, 0);
    const { ok, events, first_bad } = document(here);
    assert.deepEqual([ok, first_bad], [true, null]);
    const file = join(folder, "log.jsonl");
    const exported = await oa(["audit", "export", "--out", file, "--data", data_dir, "--json"], env);
    assert.equal(exported.code, 0, exported.stderr);
    const piped = await oa(["audit", "export", "--data", data_dir], env);
    assert.equal(piped.stdout, readFileSync(file, "utf8"));
    const nowhere = ["--data", join(folder, "no-such-folder"), "--json"];
    assert.deepEqual(document(await oa(["audit", "verify", file, ...nowhere], env)), { ok, events, first_bad });
    assert.equal(existsSync(join(folder, "no-such-folder")), false);
    const lines = piped.stdout.trimEnd().split("\n");
    writeFileSync(file, `${lines.slice(0, -1).join("\n")}\n`);
    const cut = await oa(["audit", "verify", file, ...nowhere], env);
    assert.equal(cut.code, 3);
    assert.equal((document(cut).first_bad as { code: string }).code, "truncated");
    writeFileSync(file, piped.stdout.replace("install.enabled", "install.enabIed"));
    const altered = await oa(["audit", "verify", file, ...nowhere], env);
    assert.deepEqual([altered.code, (document(altered).first_bad as { code: string }).code], [3, "hash_mismatch"]);
  });
});

describe("oa run without a daemon, stopped by Ctrl-C", () => {
  it("leaves the run to be gone on with, and the next oa run does", async () => {
    const data_dir = join(folder, "interrupted");
    mkdirSync(data_dir, { mode: 0o700 });
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      if (asked > 1) response.end("answer");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const more = { ...env, OA_PRIVATE_ALLOW: `127.0.0.1:${port}` };
    const file = await manifest(data_dir, {
      id: "test.upgrade.interrupted",
      permissions: { network: [`127.0.0.1:${port}`] },
      pipeline: [{ op: "http.request", id: "slow", method: "GET", url: `http://127.0.0.1:${port}/` }],
    });
    assert.equal((await oa(["install", file, "--yes", "--data", data_dir, "--json"], more)).code, 0);
    const hanging = once(server, "request");
    const child = spawnOa(["run", "interrupted", "--data", data_dir, "--json"], more);
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    await hanging;
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    assert.equal(code, 1);
    const first = JSON.parse(stdout) as { run_id: string; status: string };
    assert.equal(first.status, "running");
    const next = await oa(["run", "interrupted", "--data", data_dir, "--json"], more);
    assert.equal(next.code, 0, next.stderr);
    const { run_id, status } = document(next);
    assert.deepEqual([run_id, status], [first.run_id, "succeeded"]);
    server.closeAllConnections();
    server.close();
  });
});

describe("oa doctor", () => {
  it("looks at this machine and says what fixes each thing", async () => {
    const said = await oa(["doctor", "--data", join(folder, "doctor"), "--json"], env);
    const { ok, checks } = document(said) as { ok: boolean; checks: { name: string; status: string; fix: string }[] };
    assert.equal(said.code, ok ? 0 : 1);
    assert.deepEqual(
      checks.filter(({ status, fix }) => (status === "ok") !== (fix === null)),
      [],
    );
    assert.equal(checks.find(({ name }) => name === "sqlite")?.status, "ok");
  });

  it("says why no worker can be started, and looks at the rest all the same", async () => {
    const data = join(folder, "doctor-damaged");
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(join(data, "worker.sqlite"), "this is no database\n".repeat(500));
    const damaged = await oa(["doctor", "--data", data, "--json"], env);
    const { checks } = document(damaged) as { checks: { name: string; status: string; found: string }[] };
    assert.equal(damaged.code, 1);
    assert.deepEqual([checks[0]?.name, checks[0]?.status], ["worker", "fail"]);
    assert.match(checks[0]?.found ?? "", /\(database_damaged\)$/);
    assert.equal(checks.find(({ name }) => name === "data folder")?.status, "ok");
    assert.equal(statSync(join(data, "worker.sqlite")).size, 20 * 500, "nothing was written over it");
    rmSync(join(data, "worker.sqlite"));
    writeFileSync(join(data, "config.json"), '{"no_such_setting": 1}');
    const wrong = await oa(["doctor", "--data", data], env);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /^fail {2}worker .*no_such_setting.*\(config_invalid\)\n.*correct that setting/);
    assert.match(wrong.stdout, /\nok +sqlite/);
  });
});

describe("a run that the daemon's death cuts short", () => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`resumes at its unfinished step after ${signal}`, async () => {
      const data_dir = join(folder, `resume-${signal}`);
      mkdirSync(data_dir, { mode: 0o700 });
      let asked = 0;
      const server = createServer((_, response) => {
        asked += 1;
        if (asked > 1) response.end("answer");
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const hanging = once(server, "request");
      const { port } = server.address() as AddressInfo;
      const more = { OA_PRIVATE_ALLOW: `127.0.0.1:${port}` };
      const out = join(folder, `out-${signal}.txt`);
      const file = await manifest(data_dir, {
        id: `test.upgrade.${signal.toLowerCase()}`,
        permissions: { network: [`127.0.0.1:${port}`] },
        pipeline: [
          { op: "fs.write", id: "first", path: out, content: "once" },
          { op: "http.request", id: "slow", method: "GET", url: `http://127.0.0.1:${port}/`, timeout_ms: 60_000 },
        ],
      });
      const installed = await oa(["install", file, "--yes", "--data", data_dir, "--json"], env);
      assert.equal(installed.code, 0, installed.stderr);
      const daemon = await up(data_dir, more);
      const detached = await oa(["run", signal.toLowerCase(), "--detach", "--data", data_dir, "--json"], env);
      const { run_id } = document(detached) as { run_id: string };
      await hanging;
      rmSync(out);
      await down(daemon, signal);

      const again = await up(data_dir, more);
      let run: { status: string; steps: { status: string }[] };
      do {
        run = document(await oa(["runs", run_id, "--data", data_dir, "--json"], env)) as typeof run;
      } while (run.status === "running" || run.status === "queued");
      assert.equal(run.status, "succeeded");
      assert.equal(asked, 2);
      assert.equal(existsSync(out), false, "a step that succeeded is not done again");
      await down(again);
      server.closeAllConnections();
      server.close();
      assert.equal(document(await oa(["audit", "verify", "--data", data_dir, "--json"], env)).ok, true);
    });
  }
});
