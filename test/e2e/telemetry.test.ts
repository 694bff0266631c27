/** What leaves the machine about runs, and what the worker writes about itself: a real daemon, a real collector. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { Span, TraceExport } from "@oa/shared/telemetry/trace.ts";
import { loadKey } from "@oa/worker/adapters/keys.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { document, down, killDaemons, oa, startOa } from "../cli/oa.ts";
import { installIn } from "../fakes/dying-worker.ts";
import { manifestOf } from "../fakes/runs.ts";

const root = mkdtempSync(join(tmpdir(), "oa-telemetry-"));
const file = join(root, "in.txt");
const posted: { readonly path: string; readonly type: string; readonly body: TraceExport }[] = [];
let status = 200;
const collector = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    if (status === 200) {
      posted.push({ path: request.url ?? "", type: request.headers["content-type"] ?? "", body: JSON.parse(body) });
    }
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
});
let endpoint = "";

const reader = (telemetry_level?: string): UpgradeManifest => ({
  ...manifestOf([{ op: "fs.read", id: "read", path: "${inputs.file}" }], {
    filesystem: [{ path: "${inputs.file}", access: "read" }],
    tools: ["fs.read"],
  }),
  inputs: { file: { type: "path", description: "A file." } },
  ...(telemetry_level === undefined ? {} : { policy: { telemetry_level } }),
});

/** Runs an upgrade once under a daemon; gives the run's id and the daemon's stderr. */
async function runOnce(
  name: string,
  manifest: UpgradeManifest,
  config: object,
  env: Readonly<Record<string, string>> = {},
) {
  const data = join(root, name, "data");
  mkdirSync(join(root, name));
  const install_id = await installIn(data, manifest, { file }, config);
  const daemon = await startOa(["up", "--data", data], { HOME: data, ...env });
  const ran = document(await oa(["run", install_id, "--data", data, "--json"], { HOME: data }));
  assert.equal(await down(daemon), 0);
  return { data, run_id: String(ran.run_id), status: ran.status, stderr: daemon.stderr() };
}
/** Each once: a collector that answers late is sent the same spans again. */
const spans = (): readonly Span[] => {
  const all = posted.flatMap(({ body }) =>
    body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
  return [...new Map(all.map((span) => [span.spanId, span])).values()];
};
const attribute = (span: Span | undefined, key: string): unknown =>
  span?.attributes.find((one) => one.key === key)?.value;

after(() => {
  killDaemons();
  rmSync(root, { recursive: true, force: true });
});

describe("telemetry", () => {
  before(async () => {
    writeFileSync(file, "what only the owner may read");
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  });
  after(() => collector.close());

  it("opens no socket where none is configured, whatever the upgrade allows", async () => {
    const preload = join(import.meta.dirname, "..", "fakes", "record-sockets.ts");
    const socketsOf = async (name: string, config: object): Promise<string> => {
      const sockets = join(root, `${name}.sockets`);
      const env = { NODE_OPTIONS: `--import=${preload}`, OA_SOCKETS: sockets };
      assert.equal((await runOnce(name, reader("full"), config, env)).status, "succeeded");
      return existsSync(sockets) ? readFileSync(sockets, "utf8") : "";
    };
    assert.equal(await socketsOf("none", {}), "");
    assert.match(await socketsOf("one", { otel_endpoint: endpoint }), /127\.0\.0\.1/, "the record is a record");
  });

  it("sends a run and its steps as spans to the collector its owner set", async () => {
    posted.length = 0;
    const { run_id } = await runOnce("full", reader("full"), { otel_endpoint: endpoint });
    assert.deepEqual([posted[0]?.path, posted[0]?.type], ["/v1/traces", "application/json"]);
    const [run, step, ...more] = spans();
    assert.equal(more.length, 0);
    assert.deepEqual([run?.name, step?.name], ["example.upgrade", "fs.read"]);
    assert.deepEqual(attribute(run, "openagents.run_id"), { stringValue: run_id });
    assert.equal(step?.parentSpanId, run?.spanId);
    assert.match(run?.traceId ?? "", /^[0-9a-f]{32}$/);
    assert.match(step?.spanId ?? "", /^[0-9a-f]{16}$/);
    assert.deepEqual([run?.status, step?.status], [{ code: 1 }, { code: 1 }]);
    assert.ok(BigInt(run?.endTimeUnixNano ?? 0) > BigInt(run?.startTimeUnixNano ?? 0));
    assert.notEqual(attribute(step, "openagents.result_chars"), undefined);
    assert.ok(!JSON.stringify(posted).includes("what only the owner may read"));
    assert.ok(!JSON.stringify(posted).includes(root), "no path of this machine");
  });

  it("sends names and outcomes and no figures for an upgrade at level basic", async () => {
    posted.length = 0;
    await runOnce("basic", reader("basic"), { otel_endpoint: endpoint });
    const [run, step] = spans();
    assert.equal(run?.startTimeUnixNano, run?.endTimeUnixNano);
    assert.equal(step?.startTimeUnixNano, step?.endTimeUnixNano);
    assert.equal(attribute(step, "openagents.result_chars"), undefined);
  });

  it("sends nothing of an upgrade that allows none, or does not say", async () => {
    posted.length = 0;
    await runOnce("level-none", reader("none"), { otel_endpoint: endpoint });
    await runOnce("level-unsaid", reader(), { otel_endpoint: endpoint });
    await runOnce("level-unknown", reader("everything"), { otel_endpoint: endpoint });
    await runOnce("local", reader("full"), { otel_endpoint: endpoint, local_only: true });
    assert.deepEqual(posted, []);
  });

  it("never hurts a run: a collector that is away or fails loses traces and nothing else", async () => {
    status = 503;
    const failing = await runOnce("failing", reader("full"), { otel_endpoint: endpoint });
    assert.equal(failing.status, "succeeded");
    assert.match(failing.stderr, /the trace collector answered 503/);
    status = 200;
    const away = await runOnce("away", reader("full"), { otel_endpoint: "http://127.0.0.1:9" });
    assert.equal(away.status, "succeeded");
    assert.match(away.stderr, /"level":"error"/);
  });
});

describe("what a worker writes about itself", () => {
  const canary = `ghp_${"Canary7".repeat(5)}x`;

  it("is a log of what happened, by name", async () => {
    const { data, run_id } = await runOnce("logged", reader(), {});
    const lines = readFileSync(join(data, "logs", "worker.log"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const about = lines.filter(({ subject_id }) => subject_id === run_id).map(({ message }) => message);
    assert.deepEqual(about, ["run.created", "run.completed"]);
  });

  it("never holds a secret that came by a file, an error or the worker's own keys", async () => {
    const url = "http://127.0.0.1:9/?access_token=${steps.read.content}";
    const headers = { authorization: "Bearer ${steps.read.content}" };
    const manifest: UpgradeManifest = {
      ...manifestOf(
        [
          { op: "fs.read", id: "read", path: "${inputs.file}" },
          { op: "http.request", id: "ask", url, headers },
        ],
        {
          filesystem: [{ path: "${inputs.file}", access: "read" }],
          ...{ network: ["127.0.0.1:9"], tools: ["fs.read", "http.request"] },
        },
      ),
      inputs: { file: { type: "path", description: "A file." } },
    };
    writeFileSync(file, canary);
    const { data, status: ended, stderr } = await runOnce("canary", manifest, { log_level: "debug" });
    assert.equal(ended, "failed");
    const keys = await Promise.all(["worker", "owner", "author"].map((name) => loadKey(data, name)));
    const secrets = keys.map((key) => Buffer.from(key?.secret_key ?? []).toString("hex"));
    assert.ok(![canary, ...secrets].some((secret) => secret === "" || stderr.includes(secret)), stderr);
    for (const name of readdirSync(data, { recursive: true, encoding: "utf8" })) {
      // The keys' own files, and the database, which keeps what the owner gave where it can be deleted: see below.
      if (statSync(join(data, name)).isDirectory() || /^keys\/|^worker\.sqlite/.test(name)) continue;
      const text = readFileSync(join(data, name), "latin1");
      for (const secret of [canary, ...secrets]) assert.ok(!text.includes(secret), `${name} holds a secret`);
    }
    const database = openSqlite(join(data, "worker.sqlite"));
    const tables = database.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
    const holding = tables.filter(({ name }) => JSON.stringify(database.all(`SELECT * FROM ${name}`)).includes(canary));
    database.close();
    assert.deepEqual(holding, [], "not even where retention would delete it");
  });
});
