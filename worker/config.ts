import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { schemaSentence } from "@oa/shared/core/schema-sentence.ts";
import { holdsSecret } from "@oa/shared/core/secrets.ts";
import type { BackendsConfig, QuotasConfig, WorkerConfig } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { npubToHex } from "@oa/shared/nostr/npub.ts";

/** What the worker runs with: options, then OA_ variables, then config.json, then these defaults. No secrets. */
export interface Config {
  readonly data_dir: string;
  /** Of the control API on 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  readonly edge_url: string | null;
  readonly relays: readonly string[];
  readonly completion_note_relays: readonly string[];
  /** Exact host:port pairs in private ranges that granted network access may reach. */
  readonly private_allow: readonly string[];
  /** Runs at a time. */
  readonly concurrency: number;
  /** The most that one run may use where its install does not say. */
  readonly run_caps: { readonly memory_bytes: number; readonly cpu_ms: number };
  /** The most that the outputs of all runs may take together. */
  readonly artifacts_bytes: number;
  /** The most that the worker's own log may take, older files included. */
  readonly log_bytes: number;
  /** A file that stands for the machine's sensors; null reads the sensors. */
  readonly machine_state_file: string | null;
  readonly backends: BackendsConfig;
  /** How strictly what an upgrade is for is judged. */
  readonly aup: NonNullable<WorkerConfig["aup"]>;
  /** Null: the rules alone judge. */
  readonly aup_classifier: NonNullable<WorkerConfig["aup_classifier"]> | null;
  /** Denies every write to the outside world, whatever was approved. */
  readonly kill_switch: boolean;
  /** How much is at stake with installs whose owner did not say. */
  readonly zone: NonNullable<WorkerConfig["zone"]>;
  /** The most that each install may use. */
  readonly quotas: QuotasConfig;
  /** Lets upgrades bring programs of their own. */
  readonly code_packages: boolean;
  /** Runs of published releases are attested in public, under the worker's key. */
  readonly attest_runs: boolean;
  /** Whose decisions apply to what is installed, in hex; null: the edge's operator's. */
  readonly moderators: readonly string[] | null;
  /** What happens to an install that they take down. */
  readonly on_take_down: NonNullable<WorkerConfig["on_take_down"]>;
  /** The Lightning networks on which a payment for a licence counts. */
  readonly payment_networks: NonNullable<WorkerConfig["payment_networks"]>;
  /** No relay, edge, completion note or trace, whatever else is set. */
  readonly local_only: boolean;
  /** Where the passphrase of the secrets vault is; null: nowhere on this machine. */
  readonly vault_passphrase_file: string | null;
  /** Days after which a finished run's values and outputs are deleted where its upgrade does not say; null: kept. */
  readonly retention_days: number | null;
  /** What signs as author; null: this machine's own author key. */
  readonly signer: string | null;
  readonly log_level: NonNullable<WorkerConfig["log_level"]>;
  /** An OpenTelemetry collector, without the path `/v1/traces`; null: no traces are made. */
  readonly otel_endpoint: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A worker needs the file system and the processes of macOS or Linux: names looked up in open folders, process groups,
 * modes. Elsewhere it does not start at all, rather than fail at the first file. Fault: platform_unsupported.
 */
export function requirePlatform(platform: NodeJS.Platform): void {
  if (platform === "darwin" || platform === "linux") return;
  const name = platform === "win32" ? "Windows" : platform;
  throw new Fault("platform_unsupported", `the worker runs on macOS and Linux, not on ${name}`);
}

/**
 * The one reader of the worker's settings. Throws `config_invalid` with the key and the value that is wrong; an
 * unknown key in config.json is wrong too, since it would otherwise be ignored in silence.
 */
export async function readConfig(
  data_dir: string,
  env: Environment,
  options: Omit<WorkerConfig, "$schema"> = {},
): Promise<Config> {
  requirePlatform(process.platform);
  const file = join(data_dir, "config.json");
  const settings = {
    ...checked(await readJson(file), file),
    ...checked(fromEnvironment(env), "the environment"),
    ...checked(options, "the command line"),
  };
  return configOf(data_dir, settings, env);
}

/** Settings that were checked, with the defaults for what they do not say. Fault: config_invalid. */
export function configOf(data_dir: string, settings: WorkerConfig, env: Environment): Config {
  const local_only = settings.local_only ?? false;
  if (local_only) refuseRemoteBackends(settings.backends ?? {});
  return {
    data_dir,
    port: settings.port ?? 6767,
    edge_url: local_only ? null : (settings.edge_url?.replace(/\/+$/, "") ?? null),
    relays: local_only ? [] : (settings.relays ?? []),
    completion_note_relays: local_only ? [] : (settings.completion_note_relays ?? []),
    private_allow: settings.private_allow ?? [],
    concurrency: settings.concurrency ?? 1,
    run_caps: {
      memory_bytes: bytesOf(settings.run_caps?.memory_mb) ?? LIMITS.run_memory_bytes,
      cpu_ms: settings.run_caps?.cpu_s === undefined ? LIMITS.run_cpu_ms : settings.run_caps.cpu_s * 1_000,
    },
    artifacts_bytes: bytesOf(settings.artifacts_mb) ?? LIMITS.artifact_store_bytes,
    log_bytes: bytesOf(settings.log_mb) ?? LIMITS.log_file_bytes * LIMITS.log_files,
    machine_state_file: settings.machine_state_file ?? null,
    backends: settings.backends ?? {},
    aup: settings.aup ?? "strict",
    aup_classifier: settings.aup_classifier ?? null,
    kill_switch: settings.kill_switch ?? false,
    zone: settings.zone ?? "supervised",
    quotas: settings.quotas ?? {},
    code_packages: settings.code_packages ?? false,
    attest_runs: !local_only && (settings.attest_runs ?? false),
    moderators: settings.moderators?.map(keyIn) ?? null,
    on_take_down: settings.on_take_down ?? "stop",
    payment_networks: settings.payment_networks ?? ["bitcoin"],
    local_only,
    vault_passphrase_file: settings.vault_passphrase_file ?? credential(env),
    retention_days: settings.retention_days ?? null,
    signer: settings.signer ?? null,
    log_level: settings.log_level ?? "info",
    otel_endpoint: local_only ? null : (settings.otel_endpoint?.replace(/\/+$/, "") ?? null),
  };
}

function keyIn(text: string): string {
  const key = text.startsWith("npub1") ? npubToHex(text) : text;
  if (key === null) throw new Fault("config_invalid", `moderators: ${text} is not an npub: its checksum is wrong`);
  return key;
}

function bytesOf(mebibytes: number | undefined): number | undefined {
  return mebibytes === undefined ? undefined : mebibytes * 1_048_576;
}

/** The JSON Pointer of the first credential in the settings: a known format, or a password in an address. */
function secretIn(value: unknown, path = ""): string | null {
  if (typeof value === "string") return holdsSecret(value) || /:\/\/[^/\s]*@/.test(value) ? path : null;
  if (typeof value !== "object" || value === null) return null;
  for (const [name, item] of Object.entries(value)) {
    const found = secretIn(item, `${path}/${name}`);
    if (found !== null) return found;
  }
  return null;
}

/** The credential that systemd's LoadCredential= gives a service. */
function credential({ CREDENTIALS_DIRECTORY: folder }: Environment): string | null {
  return folder === undefined || folder === "" ? null : join(folder, "oa-vault");
}

/** A model elsewhere would be sent what upgrades read. */
function refuseRemoteBackends(backends: BackendsConfig): void {
  for (const [name, settings] of Object.entries(backends)) {
    if (!("base_url" in settings)) continue;
    const { hostname } = new URL(settings.base_url);
    if (["localhost", "127.0.0.1", "[::1]"].includes(hostname)) continue;
    throw new Fault(
      "config_invalid",
      `local_only is set, but the backend ${name} is on ${hostname}: remove one of them`,
    );
  }
}

function checked(value: unknown, where: string): WorkerConfig {
  if (validators.isWorkerConfig(value)) {
    const secret = secretIn(value);
    if (secret === null) return value;
    throw new Fault("config_invalid", `${where}: ${secret} holds a password or a key; secrets never stand in settings`);
  }
  // Without the value: a password in the wrong place looks like any other word.
  throw new Fault("config_invalid", `${where}: ${schemaSentence(validators.isWorkerConfig.errors, { what: "it" })}`);
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new Fault("config_invalid", `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("config_invalid", `${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function fromEnvironment(env: Environment): object {
  const list = (text: string): readonly string[] => text.split(",").map((item) => item.trim());
  const found = [
    ["port", env.OA_PORT, numeric],
    ["moderators", env.OA_MODERATORS, (text: string) => (text === "none" ? [] : list(text))],
    ["edge_url", env.OA_EDGE_URL, String],
    ["relays", env.OA_RELAYS, list],
    ["completion_note_relays", env.OA_COMPLETION_NOTE_RELAYS, list],
    ["private_allow", env.OA_PRIVATE_ALLOW, list],
    ["concurrency", env.OA_CONCURRENCY, numeric],
    ["machine_state_file", env.OA_MACHINE_STATE_FILE, String],
    ["attest_runs", env.OA_ATTEST_RUNS, boolean],
    ["local_only", env.OA_LOCAL_ONLY, boolean],
    ["vault_passphrase_file", env.OA_VAULT_PASSPHRASE_FILE, String],
    ["retention_days", env.OA_RETENTION_DAYS, numeric],
    ["aup", env.OA_AUP, String],
    ["kill_switch", env.OA_KILL_SWITCH, boolean],
    ["zone", env.OA_ZONE, String],
    ["signer", env.OA_SIGNER, String],
    ["log_level", env.OA_LOG_LEVEL, String],
    ["otel_endpoint", env.OA_OTEL_ENDPOINT, String],
  ] as const;
  return Object.fromEntries(
    found.flatMap(([name, text, parse]) => (text === undefined || text === "" ? [] : [[name, parse(text)]])),
  );
}

/** What is not a number stays text, so that validation says what is wrong with it. */
function numeric(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function boolean(text: string): boolean | string {
  return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
}
