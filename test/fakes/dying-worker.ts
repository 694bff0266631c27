import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { RunView } from "@oa/shared/run/views.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { openSqlite, type SqliteDatabase } from "@oa/worker/adapters/sqlite.ts";
import { PROJECTIONS } from "@oa/worker/main/projections.ts";
import { document, oa, type Running, startOa } from "../cli/oa.ts";
import { random } from "./runs.ts";

const PRELOAD = join(import.meta.dirname, "die-at-commit.ts");
/** More deaths than any pipeline here has places to die at: a run that needs more makes no progress. */
const DEATHS_MAX = 300;

/** How the workers die: at every event boundary once, or after these milliseconds, one number a life. */
export type Deaths = "every_boundary" | readonly number[];

export interface Survived {
  readonly run: RunView;
  readonly kills: number;
}

/** Installs an upgrade in a new data folder with `oa install`, signed by that folder's own author key. */
export async function installIn(
  data: string,
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, string>>,
  config: object,
): Promise<string> {
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, "config.json"), JSON.stringify({ port: 0, ...config }));
  const { public_key } = await loadOrCreateKey(data, "author");
  const file = join(data, "..", `${data.split("/").at(-1)}.json`);
  writeFileSync(file, JSON.stringify({ ...manifest, author: { ...manifest.author, npub: hexToNpub(public_key) } }));
  const options = Object.entries(inputs).flatMap(([key, value]) => ["--input", `${key}=${value}`]);
  const said = await oa(["install", file, ...options, "--yes", "--data", data, "--json"], envOf(data));
  if (said.code !== 0) throw new Error(said.stderr + said.stdout);
  return String(document(said).install_id);
}

/** A home of its own, and the compiled modules of others before it: what is killed could not keep them. */
const envOf = (data: string) => ({
  HOME: data,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(data, "..", "..", "compiled"),
});

/**
 * Runs an install once with real daemons that are killed (-9) as `deaths` says, each followed by another, until the run
 * has come to its end. `between` looks at the world after each death.
 */
export async function survive(
  data: string,
  install_id: string,
  deaths: Deaths,
  between: () => void = () => {},
): Promise<Survived> {
  const env = {
    ...envOf(data),
    ...(deaths === "every_boundary"
      ? { OA_DEATHS: join(data, "..", `${data.split("/").at(-1)}.deaths`), NODE_OPTIONS: `--import=${PRELOAD}` }
      : {}),
  };
  for (let kills = 0; kills < DEATHS_MAX; kills += 1) {
    const daemon = await startOa(["up", "--data", data], env);
    const exited = once(daemon.child, "exit");
    if (deaths !== "every_boundary" && deaths[kills] !== undefined) {
      void delay(deaths[kills], undefined, { ref: false }).then(() => daemon.child.kill("SIGKILL"));
    }
    const run = await Promise.race([follow(daemon, install_id), exited.then(() => null)]);
    if (run !== null) daemon.child.kill("SIGTERM");
    const [code, signal] = (await exited) as [number | null, string | null];
    if (run !== null && signal === null) return { run, kills };
    if (signal !== "SIGKILL") throw new Error(`the worker ended with ${code ?? signal}: ${daemon.stderr()}`);
    between();
  }
  throw new Error(`the run did not end within ${DEATHS_MAX} deaths`);
}

/** The install's one run, started where there is none yet, once nothing is left to do for it; null when the worker dies. */
async function follow(daemon: Running, install_id: string): Promise<RunView | null> {
  const headers = {
    authorization: `Bearer ${readFileSync(daemon.token_path, "utf8").trim()}`,
    "content-type": "application/json",
  };
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) };
    return (await fetch(new URL(path, daemon.url), init)).json();
  };
  try {
    for (;;) {
      const { runs } = (await ask(`/v1/runs?install_id=${install_id}`)) as { readonly runs: readonly RunView[] };
      const [run] = runs;
      if (run === undefined) await ask("/v1/runs", { install_id });
      else if (!["queued", "running"].includes(run.status) && run.note !== "pending") {
        return (await ask(`/v1/runs/${run.run_id}`)) as RunView;
      } else await delay(20);
    }
  } catch (error) {
    if (error instanceof TypeError) return new Promise(() => {}); // the connection broke: the exit says the rest
    throw error;
  }
}

/** The log of a worker that is down: its chain, its events, and whether its views can be made again from it. */
export function examineLog(data: string) {
  const database = openSqlite(join(data, "worker.sqlite"));
  try {
    const store = openEventStore(database, PROJECTIONS, random);
    const chain = store.verify();
    const before = viewsOf(database);
    store.rebuild();
    const rebuilt = viewsOf(database);
    return { chain, before, rebuilt, events: [...store.after(0)].map(({ event }) => event) };
  } finally {
    database.close();
  }
}

/** Every row of every view. */
export function viewsOf(database: SqliteDatabase): Readonly<Record<string, readonly string[]>> {
  const tables = database.all<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'proj%'",
  );
  return Object.fromEntries(
    tables.map(({ name }) => [
      name,
      database
        .all(`SELECT * FROM ${name}`)
        .map((row) => JSON.stringify(row))
        .sort(),
    ]),
  );
}

/** The places workers have died at, one line each. */
export function deathsIn(data: string): readonly string[] {
  const file = join(data, "..", `${data.split("/").at(-1)}.deaths`);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
}
