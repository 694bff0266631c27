import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { readConfig, requirePlatform } from "@oa/worker/config.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-config-"));
after(() => rmSync(folder, { recursive: true }));
const write = (text: string): void => writeFileSync(join(folder, "config.json"), text);

test("without settings everything has its default, and nothing is contacted", async () => {
  rmSync(join(folder, "config.json"), { force: true });
  assert.deepEqual(await readConfig(folder, {}), {
    data_dir: folder,
    port: 6767,
    edge_url: null,
    relays: [],
    completion_note_relays: [],
    private_allow: [],
    concurrency: 1,
    run_caps: { memory_bytes: 4_294_967_296, cpu_ms: 14_400_000 },
    artifacts_bytes: 10_737_418_240,
    log_bytes: 50_000_000,
    machine_state_file: null,
    backends: {},
    local_only: false,
    retention_days: null,
    log_level: "info",
    otel_endpoint: null,
    aup: "strict",
    aup_classifier: null,
    moderators: null,
    on_take_down: "stop",
    attest_runs: false,
    payment_networks: ["bitcoin"],
    kill_switch: false,
    zone: "supervised",
    quotas: {},
    code_packages: false,
    signer: null,
    vault_passphrase_file: null,
  });
});

test("an option wins over the environment, which wins over the file", async () => {
  write('{"port": 1000, "edge_url": "https://file.example/", "concurrency": 3}');
  const env = { OA_PORT: "2000", OA_RELAYS: "wss://a.example, wss://b.example" };
  const config = await readConfig(folder, env, { port: 3000 });
  assert.equal(config.port, 3000);
  assert.equal((await readConfig(folder, env)).port, 2000);
  assert.deepEqual(config.relays, ["wss://a.example", "wss://b.example"]);
  assert.equal(config.edge_url, "https://file.example");
  assert.equal(config.concurrency, 3);
});

test("what runs may use, and what outputs and the log may take, is the owner's to say", async () => {
  write('{"run_caps": {"memory_mb": 512}, "artifacts_mb": 100, "log_mb": 2}');
  const { run_caps, artifacts_bytes, log_bytes } = await readConfig(folder, {});
  assert.deepEqual(run_caps, { memory_bytes: 536_870_912, cpu_ms: 14_400_000 });
  assert.deepEqual([artifacts_bytes, log_bytes], [104_857_600, 2_097_152]);
  write('{"run_caps": {"memory_mb": 1}}');
  await assert.rejects(readConfig(folder, {}), { code: "config_invalid" });
  write('{"run_caps": {"disk_mb": 1}}');
  await assert.rejects(readConfig(folder, {}), /run_caps/);
});

test("a worker that is local only has no relay, edge, note or trace, whatever else is set", async () => {
  write(
    JSON.stringify({
      ...{ local_only: true, edge_url: "https://edge.example", relays: ["wss://a.example"] },
      ...{ completion_note_relays: ["wss://a.example"], otel_endpoint: "http://127.0.0.1:4318" },
    }),
  );
  const { local_only, edge_url, relays, completion_note_relays, otel_endpoint } = await readConfig(folder, {});
  assert.deepEqual([local_only, edge_url, otel_endpoint], [true, null, null]);
  assert.deepEqual([relays, completion_note_relays], [[], []]);
  assert.equal((await readConfig(folder, { OA_LOCAL_ONLY: "false" })).edge_url, "https://edge.example");
  await assert.rejects(readConfig(folder, { OA_LOCAL_ONLY: "yes" }), /local_only must be of type boolean/);
});

test("the policy is strict and the kill switch off unless somebody says otherwise", async () => {
  write("{}");
  const { aup, kill_switch } = await readConfig(folder, {});
  assert.deepEqual([aup, kill_switch], ["strict", false]);
  const changed = await readConfig(folder, { OA_AUP: "permissive", OA_KILL_SWITCH: "1" });
  assert.deepEqual([changed.aup, changed.kill_switch], ["permissive", true]);
  await assert.rejects(readConfig(folder, { OA_AUP: "off" }), /\/aup must be one of strict, balanced, permissive$/);
});

test("a worker that is local only has its models on this machine", async () => {
  const at = (base_url: string) => JSON.stringify({ local_only: true, backends: { ollama: { base_url } } });
  write(at("http://127.0.0.1:11434/v1"));
  await readConfig(folder, {});
  write(at("https://models.example/v1"));
  await assert.rejects(readConfig(folder, {}), /the backend ollama is on models\.example/);
});

test("a secret in the settings is refused with its place, and not repeated", async () => {
  const refused = async (settings: object, place: string, secret: string) => {
    write(JSON.stringify(settings));
    await assert.rejects(readConfig(folder, {}), (error: Error) => {
      assert.match(error.message, new RegExp(`${place} holds a password or a key`));
      assert.ok(!error.message.includes(secret));
      return true;
    });
  };
  await refused({ relays: ["wss://a.example", "wss://me:hunter2@b.example"] }, "/relays/1", "hunter2");
  await refused({ edge_url: `https://edge.example/?k=ghp_${"a".repeat(36)}` }, "/edge_url", "ghp_");
  await refused(
    { backends: { mlx: { base_url: "http://x:swordfish@127.0.0.1/v1" } } },
    "/backends/mlx/base_url",
    "swordfish",
  );
});

test("an empty variable is no setting", async () => {
  write("{}");
  assert.equal((await readConfig(folder, { OA_PORT: "", OA_RELAYS: "" })).port, 6767);
});

const bad: readonly [string, string, Record<string, string>, RegExp][] = [
  ["text that is not JSON", "{port: 1}", {}, /config\.json is not JSON/],
  ["a misspelt key", '{"prot": 1}', {}, /\/prot is not a field this version knows/],
  ["a port that is text", '{"port": "6767"}', {}, /\/port must be of type integer$/],
  ["a port from the environment that is no number", "{}", { OA_PORT: "http" }, /the environment: \/port/],
  ["a relay that is no WebSocket", "{}", { OA_RELAYS: "https://relay.example" }, /\/relays\/0/],
  ["a range of private addresses", '{"private_allow": ["10.0.0.0/8"]}', {}, /\/private_allow\/0/],
  ["an array for the settings", "[]", {}, /must be of type object/],
];
for (const [what, text, env, sentence] of bad) {
  test(`${what} is refused with its place`, async () => {
    write(text);
    await assert.rejects(readConfig(folder, env), (error: Error & { code?: string }) => {
      assert.equal(error.code, "config_invalid");
      assert.match(error.message, sentence);
      return true;
    });
  });
}

test("a worker starts on macOS and Linux, and says so elsewhere", () => {
  for (const platform of ["darwin", "linux"] as const) requirePlatform(platform);
  assert.throws(
    () => requirePlatform("win32"),
    (error) => error instanceof Fault && error.code === "platform_unsupported" && /Windows/.test(error.message),
  );
});

test("moderators are keys in hex or npub, and one with a wrong checksum is refused", async () => {
  const hex = "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f";
  const npub = hexToNpub(hex);
  assert.deepEqual((await readConfig("/nowhere", {}, { moderators: [npub] })).moderators, [hex]);
  assert.deepEqual((await readConfig("/nowhere", {}, { moderators: [] })).moderators, []);
  assert.deepEqual((await readConfig("/nowhere", { OA_MODERATORS: `${npub},${"a".repeat(64)}` })).moderators, [
    hex,
    "a".repeat(64),
  ]);
  assert.deepEqual((await readConfig("/nowhere", { OA_MODERATORS: "none" })).moderators, []);
  const wrong = `${npub.slice(0, -1)}${npub.endsWith("q") ? "p" : "q"}`;
  await assert.rejects(readConfig("/nowhere", {}, { moderators: [wrong] }), /checksum/);
  await assert.rejects(readConfig("/nowhere", {}, { moderators: ["somebody"] }), /moderators/);
});
