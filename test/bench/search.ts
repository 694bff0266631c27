/**
 * Indexing and searching a real repository: OA_BENCH_REPO names a checkout; without it, the sources of installed
 * packages are copied into a temporary one. Grep's own answers are the measure of recall.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { openSearchIndexes, type SearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import type { SourceTree } from "@oa/worker/searchkit/source.ts";
import type { Bench } from "./run.ts";

const PACKAGES = ["astro", "zod", "hono", "ai"];
const QUERIES = 200;
const never = new AbortController().signal;

export async function bench(): Promise<Bench> {
  const work = mkdtempSync(join(tmpdir(), "oa-bench-search-"));
  try {
    const root = process.env.OA_BENCH_REPO ?? copyPackages(join(work, "repository"));
    const indexes = openSearchIndexes(join(work, "data"));
    const tree = await openGrantedFiles([`filesystem:read:${root}/**`], { home: tmpdir() }).tree(root);
    return { name: "search", figures: await figures(indexes, tree, join(work, "data", "indexes", "bench.db")) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function figures(indexes: SearchIndexes, tree: SourceTree, file: string): Promise<Bench["figures"]> {
  const [stats, index_ms] = await timed(() => indexes.update("bench", tree, {}, never));
  const { paths, bytes } = await indexedFiles(tree);
  const [again, again_ms] = await timed(() => indexes.update("bench", tree, {}, never));
  if (again.added + again.changed + again.removed !== 0) throw new Error("an unchanged repository changed");
  const size = statSync(file).size;
  const backends = openModelBackends({});
  const embedder = {
    backend: "lexical-v1",
    dim: 384,
    embed: (texts: readonly string[], corpus: Uint8Array | null) =>
      backends.embed({ backend: "lexical-v1", texts, dim: 384, corpus, signal: never }),
    learn: (texts: readonly string[], corpus: Uint8Array | null) => backends.learn("lexical-v1", texts, corpus),
  };
  const queries = queriesFrom(tree.root, paths);
  const plain = await latencies(queries, (query) => indexes.query("bench", query, {}));
  const recall = await recallAgainstGrep(indexes, tree.root, paths, queries);
  const [embedded, embed_ms] = await timed(() => indexes.embed("bench", embedder, never));
  const hybrid = await latencies(queries, (query) =>
    indexes.query("bench", query, {
      embed: async ({ dim }, corpus, text) => {
        const { vectors } = await backends.embed({ backend: "lexical-v1", texts: [text], dim, corpus, signal: never });
        return vectors[0] ?? new Float32Array(dim);
      },
    }),
  );
  const [, stale_ms] = await timed(() => indexes.stale("bench", tree, never));
  const megabytes = bytes / 1e6;
  return {
    repository: `${basename(tree.root)}, ${stats.files} files, ${megabytes.toFixed(1)} MB, ${stats.chunks} chunks`,
    "index, files/s": stats.files / (index_ms / 1000),
    "index, MB/s": megabytes / (index_ms / 1000),
    "index, s": index_ms / 1000,
    "index size over source size": size / bytes,
    "the same repository unchanged, s": again_ms / 1000,
    "query, median ms": plain.median,
    "query, p95 ms": plain.p95,
    "query with lexical vectors, median ms": hybrid.median,
    "query with lexical vectors, p95 ms": hybrid.p95,
    "freshness check, ms": stale_ms,
    "lexical-v1 embedding, passages/s": embedded.embedded / (embed_ms / 1000),
    "recall against grep, lines found of lines grep finds": `${recall.found} of ${recall.wanted}`,
    "queries whose count equals grep's": `${recall.equal} of ${queries.length}`,
    "grep over the same files, median ms": recall.grep_median_ms,
  };
}

function copyPackages(root: string): string {
  const store = join(import.meta.dirname, "..", "..", "node_modules", ".pnpm");
  for (const name of PACKAGES) {
    const found = readdirSync(store).find((folder) => folder.startsWith(`${name}@`));
    if (found === undefined) throw new Error(`${name} is not installed`);
    const source = join(store, found, "node_modules", name);
    cpSync(source, join(root, name), {
      recursive: true,
      filter: (path) => !path.slice(source.length).includes("node_modules"),
    });
  }
  for (const args of [
    ["init", "-q"],
    ["add", "-A"],
    ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "b"],
  ]) {
    const { status, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${args[0]}: ${stderr}`);
  }
  return root;
}

/** The files that are indexed: all that are text, since the repository holds no secrets and no file over the limit. */
async function indexedFiles(tree: SourceTree) {
  const paths = new Set<string>();
  for await (const { path } of tree.list(never, (folder) => folder !== ".git")) paths.add(path);
  const list = [...paths].filter((path) => !readFileSync(join(tree.root, path)).includes(0));
  const bytes = list.reduce((sum, path) => sum + statSync(join(tree.root, path)).size, 0);
  return { paths: list, bytes };
}

/** Words, phrases and punctuation from evenly spread lines of the repository. */
function queriesFrom(root: string, paths: readonly string[]): readonly string[] {
  const queries = new Set<string>();
  for (let at = 0; queries.size < QUERIES && at < QUERIES * 20; at += 1) {
    const path = paths[(at * 7_919) % paths.length] ?? "";
    const lines = readFileSync(join(root, path), "utf8")
      .split("\n")
      .filter((line) => line.trim().length > 3);
    const line = lines[(at * 104_729) % Math.max(lines.length, 1)]?.trim() ?? "";
    const words = line.match(/[\w$]{4,}/g) ?? [];
    const query =
      at % 3 === 0 ? words[at % Math.max(words.length, 1)] : at % 3 === 1 ? line.slice(0, 40) : line.slice(-12);
    if (query !== undefined && query.length >= 3 && !query.includes("\ufffd") && !/\p{Surrogate}/u.test(query))
      queries.add(query);
  }
  return [...queries];
}

async function recallAgainstGrep(
  indexes: SearchIndexes,
  root: string,
  paths: readonly string[],
  queries: readonly string[],
) {
  const known = new Set(paths);
  const times: number[] = [];
  let [found, wanted, equal] = [0, 0, 0];
  for (const query of queries) {
    const started = performance.now();
    const { stdout } = spawnSync("grep", ["-rFnIa", "--exclude-dir=.git", "--", query, "."], {
      cwd: root,
      maxBuffer: 1e9,
    });
    times.push(performance.now() - started);
    const lines = stdout.toString("latin1").split("\n").slice(0, -1);
    const expected = lines
      .map((line) => line.split(":", 2).join(":").slice(2))
      .filter((line) => known.has(line.slice(0, line.lastIndexOf(":"))));
    const { hits, exact_matches_total } = await indexes.query("bench", query, {});
    const covered = new Set(
      hits.flatMap(({ path, exact_lines }) => (exact_lines ?? []).map((line) => `${path}:${line}`)),
    );
    wanted += expected.length;
    found += expected.filter((line) => covered.has(line)).length;
    if (exact_matches_total === expected.length) equal += 1;
  }
  return { found, wanted, equal, grep_median_ms: quantile(times, 0.5) };
}

async function latencies(queries: readonly string[], run: (query: string) => Promise<unknown>) {
  const times: number[] = [];
  for (const query of queries) times.push((await timed(() => run(query)))[1]);
  return { median: quantile(times, 0.5), p95: quantile(times, 0.95) };
}

async function timed<T>(body: () => Promise<T>): Promise<readonly [T, number]> {
  const started = performance.now();
  const result = await body();
  return [result, performance.now() - started];
}

function quantile(times: readonly number[], at: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * at)] ?? Number.NaN;
}
