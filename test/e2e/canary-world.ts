/** A real daemon with a canary to put into its vault, and all that it meets: a server, a relay, models, a repository. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, killDaemons, oa, type Running, type Said, startOa } from "../cli/oa.ts";
import { openFakeModelServer } from "../fakes/openai-server.ts";
import { openFakeRelay } from "../fakes/relay.ts";

export const CANARY = 'cAnArY+/7f3&x=%41"z9~Q\\w';
export const PASSPHRASE = "correct horse battery staple";
export const NEXT_PASSPHRASE = "staple battery horse correct";
export const root = mkdtempSync(join(tmpdir(), "oa-canary-"));
export const home = join(root, "home");
export const data = join(root, "data");
const text = (value: string): string => Buffer.from(value).toString("base64");
/** Without the last digit that also holds bits of what comes next. */
const whole = (digits: string, before: number): string =>
  digits.slice(0, Math.floor(((before + CANARY.length) * 8) / 6));
const escaped = [...CANARY].map((char) => `\\u00${char.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
/** Independent of the scanner: each as the bytes it would be found as. */
export const FORMS: Readonly<Record<string, string>> = {
  plain: CANARY,
  "in JSON": JSON.stringify(CANARY).slice(1, -1),
  "in JSON in JSON": JSON.stringify(JSON.stringify(CANARY)).slice(3, -3),
  "escaped throughout": escaped,
  "in an address": encodeURIComponent(CANARY),
  "in a form": new URLSearchParams({ a: CANARY }).toString().slice(2),
  "in base64": whole(text(CANARY), 0),
  "in base64 after one byte": whole(text(`a${CANARY}`), 1).slice(2),
  "in base64 after two bytes": whole(text(`ab${CANARY}`), 2).slice(3),
  "in base64url": whole(Buffer.from(CANARY).toString("base64url"), 0),
  "in hex": Buffer.from(CANARY).toString("hex"),
  "in hex in capitals": Buffer.from(CANARY).toString("hex").toUpperCase(),
};
export const everyForm = Object.values(FORMS).join(" | ");
const PHRASES = { "a passphrase": PASSPHRASE, "the next passphrase": NEXT_PASSPHRASE };
export const hits = (bytes: string): readonly string[] =>
  Object.entries({ ...FORMS, ...PHRASES }).flatMap(([form, value]) => (bytes.includes(value) ? [form] : []));

export const received: {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}[] = [];
/** Programs that upgrades bring, by path. */
export const programs = new Map<string, Uint8Array>();
const server = createServer((request, response) => {
  const program = programs.get(request.url ?? "");
  if (program !== undefined) {
    response.end(program);
    return;
  }
  let body = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const { url: path = "", headers } = request;
    received.push({ path, headers, body });
    const said = { you_said: { path, headers, body }, every_form: everyForm, [CANARY]: escaped };
    // It quotes what it was sent, as servers do, in its answers, its errors and its own headers.
    response.setHeader("content-type", "application/json").setHeader("x-echo", encodeURIComponent(CANARY));
    if (path.startsWith("/fails")) response.writeHead(500, CANARY.replaceAll(/[^ -~]/g, "")).end(JSON.stringify(said));
    else if (path.startsWith("/cut")) request.socket.destroy();
    else if (path.startsWith("/away"))
      response.writeHead(307, { location: `${other}/${encodeURIComponent(CANARY)}` }).end();
    else response.end(JSON.stringify(said));
  });
});
export let host = "";
export let other = "";
export let env: Readonly<Record<string, string>> = {};
export let daemon: Running;
let author = "";
export const relay = await openFakeRelay();
export const model = await openFakeModelServer({ reply: (prompt) => `${prompt} and ${everyForm}` });
const broken = await openFakeModelServer({ fail_status: 500 });
export const said: string[] = [];

export async function words(...args: readonly string[]): Promise<Said> {
  const answer = await oa([...args, "--json"], env);
  said.push(answer.stdout, answer.stderr);
  return answer;
}

/** Gives stdin to a command. */
export function tell(input: string, ...args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const entry = join(import.meta.dirname, "..", "..", "worker", "cli", "oa.mjs");
    try {
      const out = execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", entry, ...args], {
        input,
        env: { ...process.env, ...env },
        encoding: "utf8",
      });
      said.push(out);
      resolve(0);
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number | null; stdout: string; stderr: string };
      said.push(stdout, stderr);
      if (status === null) reject(error);
      else resolve(status);
    }
  });
}

/** Starts a daemon with a vault, its settings, and a repository in whose files the canary stands. */
export async function open(): Promise<void> {
  mkdirSync(home);
  mkdirSync(data, { mode: 0o700 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  other = `http://127.0.0.1:${new URL(relay.url).port}`;
  writeFileSync(join(root, "passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
  writeFileSync(
    join(data, "config.json"),
    JSON.stringify({
      code_packages: true,
      backends: {
        ollama: { base_url: model.base_url, generate_model: "fake-chat" },
        mlx: { base_url: broken.base_url, generate_model: "x" },
      },
    }),
    { mode: 0o600 },
  );
  env = {
    ...{ HOME: home, OA_DATA: data, OA_LOG_LEVEL: "debug", OA_RELAYS: relay.url, OA_PORT: "0" },
    ...{ OA_VAULT_PASSPHRASE_FILE: join(root, "passphrase"), OA_PRIVATE_ALLOW: `${host},${new URL(other).host}` },
  };
  const source = join(home, "source");
  mkdirSync(source);
  writeFileSync(join(source, "leak.txt"), `needle\n${everyForm}\n`);
  writeFileSync(join(source, "plain.txt"), "needle in plain sight\n");
  writeFileSync(join(source, "late.txt"), `${"x".repeat(290)}${CANARY}`);
  mkdirSync(join(home, "work"));
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", source, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
      stdio: "ignore",
    });
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "first");
  author = hexToNpub((await loadOrCreateKey(data, "author")).public_key);
  daemon = await startOa(["up"], env);
}

export async function close(): Promise<void> {
  killDaemons();
  server.closeAllConnections();
  server.close();
  await Promise.all([relay.close(), model.close(), broken.close()]);
  rmSync(root, { recursive: true, force: true });
}

let count = 0;
/** Installs and runs a pipeline; gives the run's status and its failure's code. */
export async function run(
  pipeline: readonly object[],
  permissions: object = {},
  inputs: readonly string[] = [],
  artifacts: readonly object[] = [],
) {
  count += 1;
  const file = join(root, `canary-${count}.json`);
  const manifest = {
    ...{ id: `canary.number${count}`, version: "1.0.0", title: `Canary ${count}`, author: { npub: author } },
    capabilities: { platforms: ["linux", "macos"], backends: ["ollama", "mlx", "lexical-v1"] },
    ...{ permissions, schedule: { type: "manual" }, pipeline, artifacts },
    ...(inputs.length === 0 ? {} : { inputs: { text: { type: "string" } } }),
  };
  writeFileSync(file, JSON.stringify(manifest));
  const installed = await words("install", file, "--yes", ...inputs);
  if (installed.code !== 0)
    return { status: "refused", code: (document(installed).error as { code: string }).code, steps: [] };
  const ran = document(await words("run", `number${count}`)) as {
    status: string;
    error?: { code: string };
    steps: { step_id: string; status: string; message?: string }[];
  };
  return { status: ran.status, code: ran.error?.code ?? null, steps: ran.steps };
}

/** What the log holds of a type of event. */
export async function recorded(type: string): Promise<readonly Record<string, unknown>[]> {
  const headers = { authorization: `Bearer ${readFileSync(daemon.token_path, "utf8").trim()}` };
  const found: Record<string, unknown>[] = [];
  for (let from_seq = 0; ; ) {
    const answer = await fetch(`${daemon.url}/v1/events?limit=500&from_seq=${from_seq}`, { headers });
    const page = (await answer.json()) as {
      events: { event_type: string; data: Record<string, unknown> }[];
      next_seq: number;
    };
    found.push(...page.events.filter(({ event_type }) => event_type === type).map(({ data }) => data));
    if (page.events.length === 0) return found;
    from_seq = page.next_seq;
  }
}

export const authorization = "Bearer ${secrets.CANARY}";
export const ask = (path: string, more: object = {}) => ({
  op: "http.request",
  id: "ask",
  url: `http://${host}${path}`,
  ...more,
});

/** Every byte of every file below a folder. */
export function scan(folder: string): {
  readonly names: readonly string[];
  readonly found: readonly string[];
  readonly bytes: number;
} {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  let bytes = 0;
  const found = names.flatMap((name) => {
    const content = readFileSync(join(folder, name), "latin1");
    bytes += content.length;
    return hits(content).map((form) => `${name}: ${form}`);
  });
  return { names, found, bytes };
}
