/**
 * Real workers with the real ops, killed (-9) while they carry out every example upgrade and one that writes outside:
 * at each event boundary, and at random moments. Afterwards the outside world's own record is looked at: nothing may
 * be there twice, nothing may be missing. OA_FAULT_ROUNDS=50 for a long evening of random deaths.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { document, killDaemons, oa } from "../cli/oa.ts";
import { connect, openTestEdge, type TestEdge } from "../edge/fixture.ts";
import { type CatalogServer, openCatalogServer } from "../fakes/catalog-server.ts";
import { type Deaths, deathsIn, examineLog, installIn, type Survived, survive } from "../fakes/dying-worker.ts";
import { writeTinyLlama } from "../fakes/gguf.ts";
import { openRecordingServer, type RecordingServer } from "../fakes/recording-server.ts";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { manifestOf } from "../fakes/runs.ts";

/** Rounds of random deaths for each upgrade. */
const ROUNDS = Number(process.env.OA_FAULT_ROUNDS ?? 1);
const EXAMPLES = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");
const PAGE = JSON.stringify({ tag_name: "v1.2.3", body: "x".repeat(60_000) });

/** One upgrade: what it needs, and what the world must hold after one run of it. */
interface Case {
  readonly name: string;
  readonly manifest: UpgradeManifest;
  readonly inputs: (folder: string) => Readonly<Record<string, string>>;
  readonly config: () => object;
  /** The file it writes, if it does, and how it is told from half of one. */
  readonly file?: { readonly name: string; readonly whole: (text: string) => boolean };
  readonly check?: (data: string, survived: Survived) => Promise<void>;
}

const root = mkdtempSync(join(tmpdir(), "oa-faults-"));
const repo = join(root, "repo");
const model = join(root, "tiny.gguf");
let server: RecordingServer;
let catalog: CatalogServer;
let edge: TestEdge;
let relay: FakeRelay;
const total = { kills: 0, duplicates: 0, gaps: 0, runs: 0, repeats_recognised: 0 };

const example = (name: string): UpgradeManifest => JSON.parse(readFileSync(join(EXAMPLES, `${name}.json`), "utf8"));
const isDigest = (text: string): boolean => /^# Digest of .*\n\nAbout: .*, run run_\w+\.\n\n[\s\S]*\n$/.test(text);

/** What lets the edge's relay take a note. */
const LABELS = [
  ["L", "openagents.upgrade"],
  ["l", "completion", "openagents.upgrade"],
];

/** Reads, orders something with a POST, tells relays of it, and keeps the answer. */
const ORDER: UpgradeManifest = {
  ...manifestOf(
    [
      { op: "http.request", id: "fetch", url: "${inputs.url}/page" },
      { op: "http.request", id: "order", url: "${inputs.url}/orders", method: "POST", body: { run: "${run.id}" } },
      { op: "nostr.publish", id: "tell", kind: 1, content: "ordered by ${run.id}", tags: LABELS },
      { op: "fs.write", id: "keep", path: "${inputs.file}", content: "${steps.order.body}" },
    ],
    {
      filesystem: [{ path: "${inputs.file}", access: "write" }],
      network: ["${inputs.url}"],
      tools: ["http.request", "nostr.publish", "fs.write"],
      events: [1],
    },
  ),
  inputs: { url: { type: "string", description: "The shop." }, file: { type: "path", description: "The answer." } },
};

const CASES: readonly Case[] = [
  {
    name: "nightly-index",
    manifest: example("nightly-index"),
    inputs: (folder) => ({ repo, dest: join(folder, "clone") }),
    config: () => ({}),
    check: async (data) => {
      const found = document(await oa(["search", "openDoor", "--data", data, "--json"], { HOME: data }));
      count("gaps", found.exact_matches_total === 0 ? 1 : 0);
      count("duplicates", Math.max(0, Number(found.exact_matches_total) - 1));
    },
  },
  {
    name: "release-watch",
    manifest: example("release-watch"),
    inputs: (folder) => ({ url: `${server.url}/latest`, file: join(folder, "latest.json") }),
    config: () => ({ private_allow: [server.host] }),
    file: { name: "latest.json", whole: (text) => text === PAGE },
  },
  {
    name: "repo-digest",
    manifest: example("repo-digest"),
    inputs: (folder) => ({ repo, dest: join(folder, "clone"), file: join(folder, "digest.md") }),
    config: () => ({ backends: { "llama.cpp": { generate_model_path: model, threads: 1 } } }),
    file: { name: "digest.md", whole: isDigest },
  },
  {
    name: "site-mirror",
    manifest: example("site-mirror"),
    inputs: () => ({ edge: catalog.url, url: "https://mirror.example" }),
    config: () => ({ private_allow: [catalog.host] }),
    file: {
      name: "data/sites/mirror/index.html",
      whole: (text) => text.includes("Code Index") && text.endsWith("</html>"),
    },
  },
  {
    name: "order",
    manifest: ORDER,
    inputs: (folder) => ({ url: server.url, file: join(folder, "answer.json") }),
    config: () => {
      const relays = [edge.edge().relay_url, relay.url];
      return { private_allow: [server.host], relays, completion_note_relays: relays };
    },
    file: { name: "answer.json", whole: (text) => text === PAGE },
    check: checkOrder,
  },
];

function count(what: keyof typeof total, by: number): void {
  total[what] += by;
}

/** One order and one note for the run, on the server and on both relays, and one completion note. */
async function checkOrder(_data: string, { run }: Survived): Promise<void> {
  const orders = [...server.orders.entries()].filter(([, body]) => body.includes(run.run_id));
  once(
    "orders carried out",
    orders.map(([key]) => key),
  );
  assert.deepEqual(orders[0]?.[0], `${run.run_id}/order`);
  const sent = server.requests.filter(({ method, body }) => method === "POST" && body.includes(run.run_id));
  count("repeats_recognised", sent.length - 1);
  const client = await connect(edge.edge().relay_url);
  try {
    const stored = await client.query({ kinds: [1] });
    for (const events of [stored, relay.events]) {
      const about = (text: string) => events.filter(({ content }: NostrEvent) => content.includes(text));
      once("notes of the step", ids(about(`ordered by ${run.run_id}`)));
    }
    if (run.note !== null) {
      assert.equal(run.note, "posted");
      const author = relay.events.find(({ content }) => content.includes(run.run_id))?.pubkey;
      const others = stored.filter(({ pubkey, content }) => pubkey === author && !content.includes("ordered by"));
      once("completion notes", ids(others));
    }
  } finally {
    await client.close();
  }
}
const ids = (events: readonly NostrEvent[]): readonly string[] => [...new Set(events.map(({ id }) => id))];

function once(what: string, found: readonly unknown[]): void {
  count("duplicates", Math.max(0, found.length - 1));
  count("gaps", found.length === 0 ? 1 : 0);
  assert.equal(found.length, 1, `${what}: ${JSON.stringify(found)}`);
}

async function perform(upgrade: Case, name: string, deaths: Deaths): Promise<{ data: string; survived: Survived }> {
  const folder = join(root, name);
  mkdirSync(folder);
  const data = join(folder, "data");
  const install_id = await installIn(data, upgrade.manifest, upgrade.inputs(folder), upgrade.config());
  const file = upgrade.file === undefined ? null : join(folder, upgrade.file.name);
  const survived = await survive(data, install_id, deaths, () => {
    if (file === null || !existsSync(file)) return;
    assert.ok(upgrade.file?.whole(readFileSync(file, "utf8")), "a file is there whole or not at all");
  });
  const { run, kills } = survived;
  count("kills", kills);
  count("runs", 1);
  assert.equal(run.status, "succeeded", `${run.code}: ${run.message}`);
  if (file !== null) {
    const whole = existsSync(file) && upgrade.file?.whole(readFileSync(file, "utf8")) === true;
    count("gaps", whole ? 0 : 1);
    assert.ok(whole, "the file is written");
  }
  await upgrade.check?.(data, survived);
  checkLog(data, upgrade, run.run_id);
  return { data, survived };
}

/** The log says what the world says: each step once, in order, its chain whole, its views made again the same. */
function checkLog(data: string, upgrade: Case, run_id: string): void {
  const { chain, before: views, rebuilt, events } = examineLog(data);
  assert.deepEqual(chain.first_bad, null, "the audit chain is intact");
  assert.deepEqual(rebuilt, views, "the views rebuilt from the log are the same");
  const of = (type: string) =>
    events.filter(({ event_type, subject_id }) => subject_id === run_id && event_type === type);
  once(
    "run.created",
    events.filter(({ event_type }) => event_type === "run.created"),
  );
  once("run.completed", of("run.completed"));
  const steps = of("step.succeeded").map((event) => (event.data as { readonly step_id: string }).step_id);
  assert.deepEqual(
    steps,
    upgrade.manifest.pipeline.map(({ id }) => id),
    "each step succeeded once, in order",
  );
}

describe("kill -9 of a real worker", { concurrency: 2 }, () => {
  before(async () => {
    mkdirSync(repo);
    writeFileSync(join(repo, "door.ts"), "export function openDoor(): string {\n  return 'error handling: open';\n}\n");
    for (const args of [
      ["init", "-q", "-b", "main"],
      ["add", "."],
      ["commit", "-qm", "A door"],
    ]) {
      const done = spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo });
      assert.equal(done.status, 0, String(done.stderr));
    }
    writeTinyLlama(model);
    [server, edge, relay] = await Promise.all([openRecordingServer(PAGE, 5), openTestEdge(), openFakeRelay()]);
    catalog = await openCatalogServer(3);
  });
  after(async () => {
    killDaemons();
    await Promise.all([server.close(), edge.close(), relay.close(), catalog.close()]);
    rmSync(root, { recursive: true, force: true });
    const { runs, kills, duplicates, gaps, repeats_recognised } = total;
    console.log(
      `${runs} runs, ${kills} kills: ${duplicates} duplicates, ${gaps} gaps; ${repeats_recognised} repeated requests, each recognised by its idempotency key`,
    );
  });

  it("is tried with every example upgrade", () => {
    const examples = readdirSync(EXAMPLES).flatMap((name) => (name.endsWith(".json") ? [name.slice(0, -5)] : []));
    const names = CASES.map(({ name }) => name);
    assert.deepEqual(
      examples.filter((name) => !names.includes(name)),
      [],
    );
  });

  for (const upgrade of CASES) {
    it(`at every event boundary of ${upgrade.name} loses and repeats nothing`, async (test: TestContext) => {
      const { data, survived } = await perform(upgrade, `${upgrade.name}-boundaries`, "every_boundary");
      const places = deathsIn(data);
      const types = ["run.created", "run.claimed", "step.started", "step.succeeded", "step.failed", "run.completed"];
      for (const type of types) {
        for (const moment of ["before", "after"]) {
          assert.ok(
            places.some((place) => place.startsWith(`${moment} ${type}`)),
            `one died just ${moment} ${type}`,
          );
        }
      }
      test.diagnostic(`${survived.kills} kills at ${places.length} places`);
    });

    it(`at random moments of ${upgrade.name} loses and repeats nothing`, async (test: TestContext) => {
      let kills = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const moments = Array.from({ length: 4 }, () => Math.random() * 150);
        kills += (await perform(upgrade, `${upgrade.name}-random-${round}`, moments)).survived.kills;
      }
      test.diagnostic(`${kills} kills`);
    });
  }
});
