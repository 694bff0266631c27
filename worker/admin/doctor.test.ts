import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openSqlite } from "../adapters/sqlite.ts";
import { type DoctorOptions, examine } from "./doctor.ts";

const data_dir = mkdtempSync(join(tmpdir(), "oa-doctor-"));
chmodSync(data_dir, 0o700);
const sql = openSqlite(":memory:");
after(() => {
  sql.close();
  rmSync(data_dir, { recursive: true });
});

const healthy: DoctorOptions = {
  config: {
    data_dir,
    port: 0,
    edge_url: "https://edge.example",
    relays: ["wss://relay.example"],
    completion_note_relays: [],
    private_allow: [],
    concurrency: 1,
    run_caps: { memory_bytes: 4e9, cpu_ms: 1e6 },
    artifacts_bytes: 1e9,
    log_bytes: 1e7,
    machine_state_file: null,
    backends: {},
    attest_runs: false,
    moderators: null,
    on_take_down: "stop",
    payment_networks: ["bitcoin"],
    local_only: false,
    vault_passphrase_file: null,
    retention_days: null,
    signer: null,
    log_level: "info",
    otel_endpoint: null,
    aup: "strict",
    aup_classifier: null,
    kill_switch: false,
    code_packages: false,
    zone: "supervised",
    quotas: {},
  },
  sql,
  platform: "linux",
  node_version: "24.21.0",
  now_ms: () => 1_000_000,
  ask: async (program) => `${program} 1.0`,
  edge: async () => ({ date_ms: 1_000_000 }),
  relay: async () => {},
  sandbox: { name: "bubblewrap", missing: null },
  measure: async () => ({
    ...{ plugged_in: { value: true }, network: { value: "wifi" } },
    ...{ idle_ms: { value: 600_000 }, dnd: { value: false } },
  }),
  backends: async () => [{ backend: "lexical-v1", available: true, reason: "built in" }],
  refused: () => [],
  vault: { status: () => "none", kept_by: "passphrase" },
};

async function look(changes: Partial<DoctorOptions>) {
  const checks = await examine({ ...healthy, ...changes }, new AbortController().signal);
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

test("a healthy machine has nothing to fix", async () => {
  const checks = await look({});
  for (const check of Object.values(checks)) {
    if (check.name !== "disk space") assert.deepEqual([check.status, check.fix], ["ok", null], check.name);
  }
  assert.equal(Object.keys(checks).length, 13);
  assert.match(checks.sensors?.found ?? "", /plugged_in: on mains power; wifi_only: the network is wifi; /);
});

test("whatever is not well says what fixes it", async () => {
  chmodSync(data_dir, 0o755);
  const checks = await look({
    node_version: "22.1.0",
    ask: async () => null,
    edge: async () => ({ date_ms: 2_000_000 }),
    relay: async () => {
      throw new Error("connection refused");
    },
    sandbox: { name: "none", missing: "bwrap is not installed" },
    measure: async () => ({ plugged_in: { unknown: "no power supply is listed" }, network: { value: "wired" } }),
    backends: async () => [{ backend: "ollama", available: false, reason: "set backends.ollama in config.json" }],
  });
  chmodSync(data_dir, 0o700);
  const status = Object.fromEntries(Object.values(checks).map((check) => [check.name, check.status]));
  assert.deepEqual(
    { ...status, "disk space": "ok" },
    {
      node: "fail",
      sqlite: "ok",
      git: "fail",
      "data folder": "fail",
      "disk space": "ok",
      edge: "ok",
      clock: "fail",
      relay: "warn",
      ollama: "warn",
      sandbox: "warn",
      sensors: "warn",
      vault: "ok",
      "refused input": "ok",
    },
  );
  assert.equal(
    checks.sensors?.found,
    "plugged_in: unknown (no power supply is listed); suspend_if_active: unknown (it was not measured); respect_dnd: unknown (it was not measured)",
  );
  for (const check of Object.values(checks)) assert.equal(check.fix === null, check.status === "ok", check.name);
});

test("a look that breaks is a failed check, and the others are still made", async () => {
  const checks = await look({
    backends: async () => {
      throw new Error("the driver crashed");
    },
    edge: async () => {
      throw new Error("getaddrinfo failed");
    },
  });
  assert.equal(checks.backends?.status, "fail");
  assert.match(checks.edge?.found ?? "", /getaddrinfo failed/);
  assert.equal(checks.git?.status, "ok");
});

test("a worker without edge and relays is told so, and does not fail", async () => {
  const checks = await look({ config: { ...healthy.config, edge_url: null, relays: [] } });
  assert.equal(checks.edge?.status, "warn");
  assert.equal(checks.relays?.status, "warn");
});

test("a worker that is local only is told so instead", async () => {
  const config = { ...healthy.config, local_only: true, edge_url: null, relays: [] };
  const checks = await look({ config });
  assert.deepEqual([checks["local only"]?.status, checks.edge, checks.relays], ["ok", undefined, undefined]);
});

test("what was refused from outside is told, with how often and when", async () => {
  const view = {
    source: "relay",
    code: "signer_unknown",
    count: 3,
    message: "",
    ref: null,
    last_at: "2026-01-01",
  } as const;
  const checks = await look({ refused: () => [view] });
  assert.equal(checks["refused input"]?.found, "3 × signer_unknown from relay, last at 2026-01-01");
});

test("a vault that is locked is a warning that says how it is opened, and so is one whose key is at hand", async () => {
  const vault = { status: () => "locked" as const, kept_by: "passphrase" as const };
  const { vault: locked } = await look({ vault });
  assert.equal(locked?.status, "warn");
  assert.match(locked?.found ?? "", /^locked: .*vault_locked$/);
  assert.match(locked?.fix ?? "", /oa secrets unlock.*vault_passphrase_file/);
  const config = { ...healthy.config, vault_passphrase_file: "/run/passphrase" };
  const { vault: stale } = await look({ vault, config });
  assert.match(`${stale?.status} ${stale?.found}`, /^warn .*although its key is at hand$/);
  const { vault: open } = await look({ vault: { ...vault, status: () => "open" as const } });
  assert.deepEqual([open?.status, open?.found], ["ok", "open, by its passphrase"]);
});

test("where no worker can be started, why and what fixes it come first, and the machine is looked at all the same", async () => {
  const stopped = new Fault("disk_full", "the disk is full");
  const { worker, vault, git, node, "refused input": refused } = await look({ stopped, vault: null, refused: null });
  assert.deepEqual([worker?.status, worker?.found], ["fail", "cannot work: the disk is full (disk_full)"]);
  assert.match(worker?.fix ?? "", /free some space/);
  assert.deepEqual([git?.status, node?.status, vault, refused], ["ok", "ok", undefined, undefined]);
});
