/**
 * `npm start`: the whole of it on this machine. Brings up the edge and the worker, publishes the example upgrades,
 * installs nightly-index for a repository, runs it, searches what it indexed, and stays up.
 */
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { WhyNot } from "@oa/shared/api/dry-run.ts";
import type { ConsentView } from "@oa/shared/api/ports.ts";
import { parseStrict } from "@oa/shared/core/json.ts";
import { localText } from "@oa/shared/core/local-time.ts";
import { knownReason, REASONS } from "@oa/shared/core/reasons.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogPage, SearchkitQueryResult, UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { RunView } from "@oa/shared/run/views.ts";
import type { ScheduleView } from "@oa/shared/schedule/views.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { takeDataLock } from "./adapters/data-lock.ts";
import { type RunningEdge, startEdge } from "./adapters/edge.ts";
import { openEdgeClient, openEdgeEgress } from "./adapters/edge-client.ts";
import { loadOrCreateKey } from "./adapters/keys.ts";
import { makeFolder } from "./adapters/make-folder.ts";
import { loadSchnorr } from "./adapters/schnorr.ts";
import { localSigner } from "./adapters/signer.ts";
import { buildSite } from "./adapters/site-build.ts";
import { type ControlClient, openControlClient, orThrow } from "./cli/control-client.ts";
import { keyText } from "./cli/key-text.ts";
import { configuredCompliance, ownGate } from "./cli/live-policy.ts";
import { publishUpgrade } from "./cli/publish-upgrade.ts";
import { readConfig } from "./config.ts";
import type { Compliance } from "./engine/compliance.ts";
import { type OwnGate, publishOwnSite } from "./engine/own-publish.ts";
import { startDaemon } from "./main/daemon.ts";

const ROOT = join(import.meta.dirname, "..");
const EXAMPLES = join(ROOT, "schemas", "examples", "upgrades");
const INSTALLED = "openagents.upgrade.nightly-index";
const EDGE_PORT = 6768;
const WORKER_PORT = 6767;
const CATALOG_WAIT_MS = 10_000;
const NOTE_WAIT_MS = 10_000;
const DATA_DIR = join(ROOT, ".data");

interface Options {
  readonly repo: string;
  readonly data_dir: string;
  readonly once: boolean;
  readonly query: string;
}

const USAGE = "npm start -- [--repo PATH|URL] [--query TEXT] [--data DIR] [--once]";

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        repo: { type: "string", default: ROOT },
        query: { type: "string" },
        data: { type: "string", default: DATA_DIR },
        once: { type: "boolean", default: false },
      },
    });
    const repo = /^https?:\/\//.test(values.repo) ? values.repo : resolve(values.repo);
    // Something to find: a function of this project, or what every other repository has.
    const query = values.query ?? (repo === ROOT ? "openEventStore" : "error");
    return { repo, query, data_dir: resolve(values.data), once: values.once };
  } catch (error) {
    throw new Fault("usage", `${(error as Error).message}; ${USAGE}`);
  }
}

const say = (mark: string, name: string, text: string): void => {
  process.stdout.write(`${mark} ${name.padEnd(10)} ${text}\n`);
};

/** The preferred port, or any free one where something else has it. */
async function withPort<T>(port: number, open: (port: number) => Promise<T>): Promise<T> {
  try {
    return await open(port);
  } catch (error) {
    if (error instanceof Fault && error.code === "port_in_use") return open(0);
    throw error;
  }
}

async function readExamples(): Promise<readonly UpgradeManifest[]> {
  const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(
    files.map(async (name) => {
      const parsed = parseStrict(await readFile(join(EXAMPLES, name), "utf8"));
      const { manifest, errors } = validateManifest(isRejection(parsed) ? undefined : parsed.value);
      if (manifest === null) throw new Fault("schema_invalid", `${name}: ${errors[0]?.message ?? "is not valid"}`);
      return manifest;
    }),
  );
}

async function catalog(edge: RunningEdge): Promise<CatalogPage["listings"]> {
  const response = await fetch(`${edge.url}/v1/listings?limit=100`, { signal: AbortSignal.timeout(10_000) });
  return ((await response.json()) as CatalogPage).listings;
}

/** Publishes what the catalog does not list yet in this version, and waits until it lists all of it. */
async function publishExamples(
  edge: RunningEdge,
  { data_dir, gate, compliance, signal }: Publishing,
): Promise<string | Rejection> {
  const signer = localSigner((await loadOrCreateKey(data_dir, "author")).secret_key);
  const examples = await readExamples();
  const listed = new Set((await catalog(edge)).map(({ slug, version }) => `${slug}@${version}`));
  const missing = examples.filter(({ id, version }) => !listed.has(`${id}@${version}`));
  for (const manifest of missing) {
    const sent = await publishUpgrade(manifest, {
      ...{ signer: async () => signer, compliance, signal, gate, author_from_key: true, relays: [edge.relay_url] },
      ...{ notes: `${manifest.title} ${manifest.version}`, channel: "main" },
    });
    if (isRejection(sent)) return sent;
    const refused = sent.relays.find(({ accepted }) => !accepted);
    if (refused !== undefined) throw new Fault("relay_refused", `${refused.relay}: ${refused.message}`);
  }
  const deadline = Date.now() + CATALOG_WAIT_MS;
  while ((await catalog(edge)).length < examples.length) {
    if (Date.now() > deadline) throw new Fault("timeout", "the catalog did not list the examples in time");
    await new Promise((done) => setTimeout(done, 50));
  }
  const names = examples.map(({ id, version }) => `${id.split(".").at(-1)} ${version}`).join(", ");
  return missing.length === 0 ? `already: ${names}` : names;
}

/** Installs nightly-index for the repository through a signed install config, unless it already is. */
async function install(client: ControlClient, edge: RunningEdge, options: Options): Promise<InstallView> {
  const { repo, data_dir } = options;
  const listing = (await catalog(edge)).find(({ slug }) => slug === INSTALLED);
  if (listing === undefined) throw new Fault("not_found", `the catalog does not list ${INSTALLED}`);
  const name = (
    repo
      .replace(/\.git\/?$|\/+$/g, "")
      .split("/")
      .at(-1) ?? "repository"
  ).replaceAll(/[^\w.-]/g, "-");
  const inputs_text = {
    repo: [repo],
    dest: [join(data_dir, "clones", name)],
    index: [name.toLowerCase()],
  };
  const source = { address: listing.address };
  const preview = { source, inputs_text, cwd: ROOT };
  const consent = orThrow(await client.post<ConsentView>("/v1/installs/preview", preview));
  const { installs } = orThrow(await client.get<{ readonly installs: readonly InstallView[] }>("/v1/installs"));
  const same = installs.find(
    ({ active, status }) =>
      status === "enabled" &&
      active?.manifest_sha256 === consent.manifest_sha256 &&
      active.permission_hash === consent.permission_hash,
  );
  if (same !== undefined) return same;
  const { inputs, manifest_sha256, permission_hash } = consent;
  const accepted = { manifest_sha256, permission_hash };
  return orThrow(await client.post<InstallView>("/v1/installs", { source, inputs, accepted }));
}

async function runOnce(
  client: ControlClient,
  { install_id, note_wait_ms, signal }: Following & { readonly install_id: string },
): Promise<RunView> {
  const { run_id } = orThrow(await client.post<{ readonly run_id: string }>("/v1/runs", { install_id }));
  let noted_by = Number.POSITIVE_INFINITY;
  for (;;) {
    const run = orThrow(await client.get<RunView>(`/v1/runs/${run_id}`, signal));
    // The completion note follows the run; a relay that is slow to take it must not hold the result back for long.
    if (run.finished_at !== null) noted_by = Math.min(noted_by, Date.now() + note_wait_ms);
    if (run.finished_at !== null && (run.note !== "pending" || Date.now() >= noted_by)) return run;
    await new Promise((done) => setTimeout(done, 50));
  }
}

function stepsInWords(run: RunView): string {
  const steps = run.steps.map(({ step_id, duration_ms }) => `${step_id} ${((duration_ms ?? 0) / 1000).toFixed(1)} s`);
  return `${run.status}: ${steps.join(", ")}`;
}

/** How a run is followed. */
interface Following {
  readonly note_wait_ms: number;
  readonly signal: AbortSignal;
}

async function mainJob(client: ControlClient, edge: RunningEdge, options: Options, following: Following) {
  const installed = await install(client, edge, options);
  say("✓", "installed", `${installed.active?.title ?? INSTALLED} for ${options.repo} (${installed.install_id})`);
  const { schedules } = orThrow(await client.get<{ readonly schedules: readonly ScheduleView[] }>("/v1/schedule"));
  const scheduled = schedules.find(({ install_id }) => install_id === installed.install_id);
  if (scheduled?.next_fire_ms == null) throw new Fault("internal", "the install has no next run");
  const { expression, timezone } = scheduled.schedule;
  say(
    "✓",
    "scheduled",
    `${expression} ${timezone}; next ${localText(timezone, scheduled.next_fire_ms).replace("T", " ")}`,
  );
  await sayBlind(client, installed);
  const run = await runOnce(client, { install_id: installed.install_id, ...following });
  if (run.status !== "succeeded")
    throw new Fault(knownReason(run.code, "internal"), `the run ${run.status}: ${run.message}`);
  say("✓", "ran", stepsInWords(run));
  say(run.note === "posted" ? "✓" : "✗", "noted", `completion note ${run.note ?? "not wanted"} on ${edge.relay_url}`);
  const found = orThrow(await client.post<SearchkitQueryResult>("/v1/search", { query: options.query, limit: 5 }));
  const [best] = found.hits;
  const where = best === undefined ? "" : `; first ${best.path}:${best.line_start} (${best.reasons.join(", ")})`;
  const lines = found.exact_matches_total === 1 ? "line matches" : "lines match";
  say("✓", "searched", `"${options.query}": ${found.exact_matches_total} ${lines} exactly${where}`);
  const audit = orThrow(await client.get<{ readonly ok: boolean; readonly events: number }>("/v1/audit/verify"));
  say(audit.ok ? "✓" : "✗", "audited", `${audit.events} events, ${audit.ok ? "chain intact" : "chain broken"}`);
}

/** What its schedule asks for and nobody can measure here would hold back every night. */
async function sayBlind(client: ControlClient, { active }: InstallView): Promise<void> {
  if (active === null) return;
  const body = { source: { address: active.upgrade_address } };
  const { obstacles } = orThrow(await client.post<WhyNot>("/v1/installs/why-not", body));
  const blind = obstacles.flatMap(({ subject, needs }) => (subject === "schedule" ? [needs] : []));
  if (blind.length === 0) return;
  say("!", "waits", `this machine cannot tell ${blind.join(", ")}: see npm run -s oa -- why-not nightly-index`);
}

/** What this machine publishes to its own edge passes the worker's gate, as everything else that leaves does. */
interface Publishing {
  readonly data_dir: string;
  readonly gate: OwnGate;
  readonly compliance: Compliance;
  readonly signal: AbortSignal;
}

/** False where the kill switch keeps everything in. */
async function publish(
  client: ControlClient,
  edge: RunningEdge,
  data_dir: string,
  signal: AbortSignal,
): Promise<boolean> {
  let leaves = true;
  const config = await readConfig(data_dir, process.env);
  const gate = orThrow(await ownGate({ data_dir, api: async () => client }, config));
  const how = { data_dir, gate, compliance: await configuredCompliance(config), signal };
  for (const [name, what] of [
    ["published", publishExamples],
    ["site", publishSite],
  ] as const) {
    const done = await what(edge, how);
    if (!isRejection(done)) say("✓", name, done);
    // What was published before is still there: nothing new leaves while the switch is on.
    else if (done.code === "kill_switch_active") {
      leaves = false;
      say("✗", name, done.message);
    } else throw new Fault(done.code, done.message);
  }
  return leaves;
}

async function publishSite(edge: RunningEdge, { data_dir, gate, signal }: Publishing): Promise<string | Rejection> {
  const folder = join(data_dir, "site");
  const egress = openEdgeEgress(edge.url);
  const key = await loadOrCreateKey(data_dir, "worker");
  const of = orThrow(
    await buildSite({
      ...{ root: ROOT, target: folder, site_url: edge.url, signal, key, now_ms: Date.now() },
      edge: openEdgeClient(edge.url, egress),
      schnorr: await loadSchnorr(),
    }),
  );
  const to = { folder, edge_url: edge.url, egress, key, of, signal, now_ms: Date.now };
  const published = await publishOwnSite(to, "command/start", gate);
  if (isRejection(published)) return published;
  return `${edge.url}/  ${of.listings} listings${published.sent > 0 ? "" : ", unchanged"}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  const { data_dir } = options;
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  await makeFolder(data_dir);
  const lock = await takeDataLock(data_dir);
  if (lock === null) throw new Fault("busy", `another worker is using ${data_dir}; stop it, or choose another --data`);
  const [worker, owner] = await Promise.all([loadOrCreateKey(data_dir, "worker"), loadOrCreateKey(data_dir, "owner")]);
  const bindings = { SITE_PUBLISHERS: worker.public_key, OPERATOR: owner.public_key };
  const edge = await withPort(EDGE_PORT, (port) =>
    startEdge({ port, data_dir: join(data_dir, "edge"), root: ROOT, bindings }),
  );
  try {
    say("✓", "edge", `${edge.url}  catalog and install mailbox; relay ${edge.relay_url}`);
    const settings = { edge_url: edge.url, relays: [edge.relay_url], completion_note_relays: [edge.relay_url] };
    const daemon = await withPort(WORKER_PORT, (port) =>
      startDaemon({ data_dir, env: process.env, options: { ...settings, port } }),
    );
    try {
      say("✓", "worker", `${daemon.url}  control API; key ${keyText(daemon.worker, { full: false })}`);
      const client = await openControlClient({ data_dir, env: process.env });
      const leaves = await publish(client, edge, data_dir, abort.signal);
      // What may not leave is not waited for.
      const note_wait_ms = leaves ? NOTE_WAIT_MS : 0;
      await mainJob(client, edge, options, { note_wait_ms, signal: abort.signal });
      if (options.once || abort.signal.aborted) return;
      const where = data_dir === DATA_DIR ? "" : ` --data ${data_dir}`;
      process.stdout.write(`\nUp until Ctrl-C. Next: npm run -s oa -- search TEXT${where}\n`);
      await new Promise((done) => abort.signal.addEventListener("abort", done, { once: true }));
    } finally {
      await daemon.close();
    }
  } finally {
    await edge.close();
    lock.release();
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const known = error instanceof Fault ? reject(error.code, error.message) : null;
  process.stderr.write(known === null ? `${(error as Error).stack}\n` : `${known.message} (${known.code})\n`);
  process.exit(known === null ? 1 : REASONS[known.code].exit);
}
