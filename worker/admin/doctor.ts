import { access, constants, stat, statfs } from "node:fs/promises";
import type { DoctorCheck } from "@oa/shared/api/ports.ts";
import { measurement } from "@oa/shared/core/measurement.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { IntakeView } from "@oa/shared/intake/views.ts";
import { evaluateConstraints, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { Vault } from "../adapters/vault.ts";
import type { BackendStatus } from "../backends/backend.ts";
import type { Config } from "../config.ts";

/** What the doctor may look at, so that a test can show it any machine. */
export interface DoctorOptions {
  readonly config: Config;
  readonly sql: Sql;
  readonly platform: string;
  readonly node_version: string;
  readonly now_ms: () => number;
  /** The first line a program prints with these arguments, or null where there is no such program. */
  readonly ask: (program: string, args: readonly string[], signal: AbortSignal) => Promise<string | null>;
  /** The edge's health, with its clock; throws where it cannot be reached. */
  readonly edge: (url: string, signal: AbortSignal) => Promise<{ readonly date_ms: number | null }>;
  /** Opens and closes a connection; throws where it cannot. */
  readonly relay: (url: string, signal: AbortSignal) => Promise<void>;
  readonly sandbox: Pick<Sandbox, "name" | "missing">;
  readonly measure: MachineState["measure"];
  readonly backends: (signal: AbortSignal) => Promise<readonly BackendStatus[]>;
  /** What came from outside and was not taken; null: there is no record to look it up in. */
  readonly refused: (() => readonly IntakeView[]) | null;
  /** The owner's vault; null: it was not opened. */
  readonly vault: Pick<Vault, "status" | "kept_by"> | null;
  /** Why no worker can be started over the data folder. */
  readonly stopped?: Fault;
}

const MB = 1_000_000;
const DISK_FAIL_BYTES = 200 * MB;
const DISK_WARN_BYTES = 2_000 * MB;
const CLOCK_WARN_MS = 30_000;

const ok = (name: string, found: string): DoctorCheck => ({ name, status: "ok", found, fix: null });
const warn = (name: string, found: string, fix: string): DoctorCheck => ({ name, status: "warn", found, fix });
const fail = (name: string, found: string, fix: string): DoctorCheck => ({ name, status: "fail", found, fix });

/** Looks at everything a night run depends on, at once. A look that breaks is a failed check, never an exception. */
export async function examine(options: DoctorOptions, signal: AbortSignal): Promise<readonly DoctorCheck[]> {
  const looks: readonly [string, () => Promise<readonly DoctorCheck[]>][] = [
    ["worker", async () => (options.stopped === undefined ? [] : [stoppedCheck(options.stopped)])],
    ["node", async () => [nodeCheck(options.node_version)]],
    ["sqlite", async () => [sqliteCheck(options.sql)]],
    ["git", async () => [await gitCheck(options, signal)]],
    ["data folder", async () => [await folderCheck(options)]],
    ["disk space", async () => [await diskCheck(options.config.data_dir)]],
    ["edge", async () => edgeChecks(options, signal)],
    ["relays", async () => relayChecks(options, signal)],
    ["backends", async () => (await options.backends(signal)).map(backendCheck)],
    ["sandbox", async () => [sandboxCheck(options)]],
    ["sensors", async () => [await sensorsCheck(options, signal)]],
    ["vault", async () => (options.vault === null ? [] : [vaultCheck(options.vault, options.config)])],
    ["refused input", async () => (options.refused === null ? [] : [refusedCheck(options.refused())])],
  ];
  const found = await Promise.all(
    looks.map(async ([name, look]) => {
      try {
        return await look();
      } catch (error) {
        return [fail(name, `could not be looked at: ${(error as Error).message}`, "see the sentence above")];
      }
    }),
  );
  return found.flat();
}

/** What an owner does about a worker that cannot start; the sentence of any other fault says it itself. */
const STARTS_AGAIN: Partial<Readonly<Record<ReasonCode, string>>> = {
  disk_full: "free some space on the disk of the data folder; nothing is lost meanwhile",
  database_damaged: "put a copy of worker.sqlite back, or move it away to begin anew",
  database_read_only: "give this user the files of the data folder to write",
  database_io: "look after the disk, and put a copy of worker.sqlite back on a sound one",
  config_invalid: "correct that setting; until then the checks below are of the defaults",
  unreachable: "end the process that is named, and start the worker again",
};

function stoppedCheck({ code, message }: Fault): DoctorCheck {
  return fail("worker", `cannot work: ${message} (${code})`, STARTS_AGAIN[code] ?? "do what the sentence says");
}

/** Locked is no failure: only steps that need a secret are held back. */
function vaultCheck({ status, kept_by }: Pick<Vault, "status" | "kept_by">, config: Config): DoctorCheck {
  const stands = status();
  if (stands === "none") return ok("vault", "none yet: no secret was kept");
  if (stands === "open")
    return ok("vault", `open, by its ${kept_by === "keychain" ? "key in the keychain" : "passphrase"}`);
  const found = "locked: steps that need a secret fail with vault_locked";
  const at_hand = kept_by === "keychain" || config.vault_passphrase_file !== null;
  return warn(
    "vault",
    at_hand ? `${found}, although its key is at hand` : found,
    at_hand
      ? "the worker's log says why the key does not open it; `oa secrets unlock` takes a passphrase"
      : "oa secrets unlock, after each start; or name vault_passphrase_file in config.json",
  );
}

function nodeCheck(version: string): DoctorCheck {
  return Number(version.split(".")[0]) >= 24
    ? ok("node", version)
    : fail("node", version, "install Node 24 or newer, or start with `npm start`, which brings its own");
}

function sqliteCheck(sql: Sql): DoctorCheck {
  const version = String(one(sql, "SELECT sqlite_version() AS version")?.version);
  const fts5 = one(sql, "SELECT 1 AS here FROM pragma_module_list WHERE name = 'fts5'") !== undefined;
  return fts5
    ? ok("sqlite", `${version} with FTS5`)
    : fail("sqlite", `${version} without FTS5`, "use Node's own build");
}

async function gitCheck(options: DoctorOptions, signal: AbortSignal): Promise<DoctorCheck> {
  const version = await options.ask("git", ["--version"], signal);
  const fix = options.platform === "darwin" ? "xcode-select --install" : "install the package git";
  return version === null ? fail("git", "not found; git.clone cannot run", fix) : ok("git", version);
}

async function folderCheck({ config, platform }: DoctorOptions): Promise<DoctorCheck> {
  const { data_dir } = config;
  const { mode } = await stat(data_dir);
  const open = platform !== "win32" && (mode & 0o077) !== 0;
  const shown = `${data_dir}, mode ${(mode & 0o777).toString(8)}`;
  const refused = await access(data_dir, constants.W_OK | constants.X_OK).then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
  if (refused !== null) {
    const fix = "give this user the folder and its disk to write, or name another with --data";
    return fail("data folder", `${shown}: this user may not write there (${refused})`, fix);
  }
  return open
    ? fail("data folder", `${shown}: others on this machine can look into it`, `chmod 700 '${data_dir}'`)
    : ok("data folder", shown);
}

async function diskCheck(data_dir: string): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(data_dir);
  const free = bavail * bsize;
  const shown = `${Math.round(free / MB)} MB free`;
  if (free < DISK_FAIL_BYTES) return fail("disk space", shown, "free some space: runs stop when the disk is full");
  return free < DISK_WARN_BYTES ? warn("disk space", shown, "free some space soon") : ok("disk space", shown);
}

async function edgeChecks(
  { config, edge, now_ms }: DoctorOptions,
  signal: AbortSignal,
): Promise<readonly DoctorCheck[]> {
  const { edge_url } = config;
  if (config.local_only) return [ok("local only", "no relay, edge, completion note or trace; only granted hosts")];
  if (edge_url === null) {
    return [warn("edge", "none is set", "set edge_url in config.json, or start with `oa up --edge URL`")];
  }
  try {
    const { date_ms } = await edge(edge_url, signal);
    // An edge on this machine has this machine's clock.
    if (["127.0.0.1", "localhost", "[::1]"].includes(new URL(edge_url).hostname)) return [ok("edge", edge_url)];
    const skew_ms = date_ms === null ? null : now_ms() - date_ms;
    const clock =
      skew_ms === null
        ? warn("clock", "the edge does not tell its time", "compare this machine's clock yourself")
        : Math.abs(skew_ms) > CLOCK_WARN_MS
          ? fail(
              "clock",
              `${Math.round(skew_ms / 1000)} s off the edge's`,
              "turn on automatic time: signed requests are refused",
            )
          : ok("clock", "agrees with the edge's");
    return [ok("edge", edge_url), clock];
  } catch (error) {
    return [fail("edge", `${edge_url}: ${(error as Error).message}`, "check the URL and this machine's network")];
  }
}

async function relayChecks({ config, relay }: DoctorOptions, signal: AbortSignal): Promise<readonly DoctorCheck[]> {
  if (config.local_only) return [];
  if (config.relays.length === 0) {
    return [warn("relays", "none are set", "set relays in config.json, or start with `oa up --relay URL`")];
  }
  return Promise.all(
    config.relays.map(async (url) => {
      try {
        await relay(url, signal);
        return ok("relay", url);
      } catch (error) {
        return warn("relay", `${url}: ${(error as Error).message}`, "the others are used; remove it if it stays away");
      }
    }),
  );
}

/** A backend that is missing is only a warning: upgrades name those they need. */
function backendCheck({ backend, available, reason }: BackendStatus): DoctorCheck {
  return available ? ok(backend, reason) : warn(backend, "not available", reason);
}

function sandboxCheck({ sandbox: { name, missing }, platform, config }: DoctorOptions): DoctorCheck {
  const code = config.code_packages ? "; upgrades may bring programs of their own" : "";
  if (missing === null) return ok("sandbox", `${name}, tried with a real program${code}`);
  const fix = platform === "linux" ? "install the package bubblewrap, and allow user namespaces" : "see the sentence";
  return warn("sandbox", `none: ${missing}; only built-in git with fixed arguments runs`, fix);
}

/** What a schedule may ask of the machine. Processor times are always there, and take a second to measure. */
const SENSED = { plugged_in: true, wifi_only: true, suspend_if_active: true, respect_dnd: true } as const;

/** A constraint that nobody can measure holds every night run back, so that its owner must know before the night. */
async function sensorsCheck({ measure }: DoctorOptions, signal: AbortSignal): Promise<DoctorCheck> {
  const readings = await measure(sensorsFor(SENSED), signal);
  const { constraints } = evaluateConstraints(SENSED, readings, "wait");
  const blind = constraints.filter(({ met }) => met === "unknown");
  if (blind.length === 0) return ok("sensors", constraints.map(measurement).join("; "));
  const fix = "a schedule that asks for these waits until its window ends, and is skipped: oa schedule set";
  return warn("sensors", blind.map(measurement).join("; "), `${fix} NAME --on-unknown run starts it all the same`);
}

/** Nothing to fix: it was refused. An owner may still want to know who knocks. */
function refusedCheck(views: readonly IntakeView[]): DoctorCheck {
  const counts = views.slice(0, 5).map(({ count, code, source }) => `${count} × ${code} from ${source}`);
  const last = views[0] === undefined ? "" : `, last at ${views[0].last_at}`;
  return ok("refused input", views.length === 0 ? "none" : `${counts.join(", ")}${last}`);
}
