import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cancellation, throwIfCanceled } from "../adapters/canceled.ts";
import type { RunUsage } from "../adapters/run-usage.ts";
import { openIndexReader } from "./database.ts";
import { type KnownFile, knownFiles, untouched } from "./known-files.ts";
import type { Parsed, ParseRequest } from "./parse-thread.ts";
import { isSecretName } from "./secrets.ts";
import { filesInScope, headCommit, readOrNull, type Scope, type SourceFile, type SourceTree } from "./source.ts";
import { openThread, type Thread } from "./thread.ts";
import type { FileWrite, WriteAnswer, WriteRequest } from "./write-thread.ts";

/** What an update did and what the index holds now; counts are of files unless they say otherwise. */
export interface IndexStats {
  readonly index: string;
  readonly files: number;
  readonly chunks: number;
  readonly symbols: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly skipped: number;
  readonly skipped_by_reason: {
    readonly binary: number;
    readonly secret: number;
    readonly too_large: number;
    readonly unreadable: number;
  };
  readonly commit: string | null;
}

export type Progress = (done: number, total: number | null, unit: string) => void;

const PARSE_THREAD = new URL("./parse-thread.ts", import.meta.url);
const WRITE_THREAD = new URL("./write-thread.ts", import.meta.url);

type Parser = Thread<ParseRequest, Parsed>;
type Writer = Thread<WriteRequest, WriteAnswer>;

interface Tally {
  added: number;
  changed: number;
  removed: number;
  binary: number;
  secret: number;
  too_large: number;
  unreadable: number;
}

/**
 * Makes the index at `path` equal to the files of `tree` in `scope`. Files whose size and time are as before are not
 * read; files whose content is as before are not parsed. Each batch of files is one transaction, so a crash leaves
 * whole files and the next update goes on from there. Reading happens here, parsing and SQLite in threads, which a
 * cancellation ends where they are.
 */
export async function updateIndex(
  name: string,
  path: string,
  tree: SourceTree,
  scope: Scope,
  options: {
    readonly signal: AbortSignal;
    readonly progress: Progress;
    readonly now: () => number;
    readonly isSecret: (bytes: Uint8Array) => Promise<boolean>;
    /** Of the run that the threads work for. */
    readonly usage: RunUsage | undefined;
  },
): Promise<IndexStats> {
  const { signal, progress, now, usage } = options;
  throwIfCanceled(signal, "indexing");
  const commit = await headCommit(tree);
  const writer: Writer = openThread(WRITE_THREAD, { data: path, usage });
  const parsers: Parser[] = [];
  const stop = (): void => {
    for (const thread of [writer, ...parsers]) thread.stop(cancellation(signal, "indexing"));
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    await writer.call({ files: [], removed: [], finish: null });
    const { known, gone, wanted, tally } = await compare(path, tree, scope, signal);
    const batches = batchWriter(writer);
    const parse = parserPool(parsers, wanted.length, usage);
    await eachFile(wanted, signal, progress, async (file) => {
      const before = known.get(file.path);
      const write = await examine(file, before, tree, parse, options);
      if (write === null) {
        // It is listed but cannot be read: what the index has of it can no longer be vouched for.
        tally.unreadable += 1;
        if (before !== undefined) gone.push(file.path);
        return;
      }
      count(tally, write, before);
      await batches.add(write);
    });
    tally.removed += gone.length;
    await batches.flush(gone);
    throwIfCanceled(signal, "indexing");
    const finished_at = new Date(now()).toISOString();
    const { added, changed, removed, ...skipped_by_reason } = tally;
    const skipped = Object.values(skipped_by_reason).reduce((sum, n) => sum + n, 0);
    const description = { root: tree.root, scope: JSON.stringify(scope), commit: commit ?? "", finished_at };
    const finish = { ...description, skipped_files: String(skipped) };
    const totals = await writer.call({ files: [], removed: [], finish });
    return { index: name, ...totals, added, changed, removed, skipped, skipped_by_reason, commit };
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.all([writer, ...parsers].map((thread) => thread.close()));
  }
}

/** Lists the tree against the index: which files to look at, which to drop, and those skipped before and unchanged. */
async function compare(path: string, tree: SourceTree, scope: Scope, signal: AbortSignal) {
  const reader = openIndexReader(path);
  const known = reader === null ? new Map<string, KnownFile>() : await knownFiles(reader);
  reader?.close();
  const tally: Tally = { added: 0, changed: 0, removed: 0, binary: 0, secret: 0, too_large: 0, unreadable: 0 };
  const seen = new Set<string>();
  const wanted: SourceFile[] = [];
  for await (const file of filesInScope(tree, scope, signal)) {
    seen.add(file.path);
    const before = known.get(file.path);
    if (before === undefined || !untouched(before, file)) wanted.push(file);
    else if (before.state !== "indexed") tally[before.state] += 1;
    // A tree that lists from memory would not let others run.
    if (seen.size % 1_000 === 0) await nextTurn();
  }
  throwIfCanceled(signal, "indexing");
  return { known, wanted, tally, gone: [...known.keys()].filter((file) => !seen.has(file)) };
}

/** Reads and parses one file; null: it cannot be read. */
async function examine(
  file: SourceFile,
  before: KnownFile | undefined,
  tree: SourceTree,
  parse: (request: ParseRequest) => Promise<Parsed>,
  { now, isSecret }: Pick<Parameters<typeof updateIndex>[4], "now" | "isSecret">,
): Promise<FileWrite | null> {
  const hashed_at_ms = now();
  if (isSecretName(file.path)) return { file, hashed_at_ms, parsed: { state: "secret", sha256: null } };
  if (file.size_bytes > LIMITS.search_file_bytes) {
    return { file, hashed_at_ms, parsed: { state: "too_large", sha256: null } };
  }
  const bytes = await readOrNull(tree, file.path, LIMITS.search_file_bytes);
  if (bytes === null) return null;
  if (await isSecret(bytes)) {
    return {
      file,
      hashed_at_ms,
      parsed: { state: "secret", sha256: createHash("sha256").update(bytes).digest("hex") },
    };
  }
  const parsed = await parse({ path: file.path, bytes, known_sha256: before?.sha256 ?? null, plain: false });
  return { file, hashed_at_ms, parsed };
}

function count(tally: Tally, { parsed }: FileWrite, before: KnownFile | undefined): void {
  const state = parsed.state === "same" ? (before?.state ?? "indexed") : parsed.state;
  if (state !== "indexed") {
    tally[state] += 1;
    // What was searchable and no longer is has left the index.
    if (before?.state === "indexed") tally.removed += 1;
  } else if (before === undefined || before.state !== "indexed") tally.added += 1;
  else if (parsed.state !== "same") tally.changed += 1;
}

/** Runs `body` for every file, a bounded number at a time, and stops at the first failure or abort. */
async function eachFile(
  files: readonly SourceFile[],
  signal: AbortSignal,
  progress: Progress,
  body: (file: SourceFile) => Promise<void>,
): Promise<void> {
  let next = 0;
  let done = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (!failed) {
      throwIfCanceled(signal, "indexing");
      const file = files[next++];
      if (file === undefined) return;
      await body(file);
      done += 1;
      progress(done, files.length, "files");
    }
  };
  const lanes = Array.from({ length: Math.min(LIMITS.search_files_in_flight, files.length) }, () =>
    lane().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  const results = await Promise.allSettled(lanes);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/**
 * Parsers are started when there is something to parse, a second one when there is much. A parser that failed is done
 * for, since a trap leaves its WASM memory in any state: another one takes the file, as plain lines.
 */
function parserPool(
  parsers: Parser[],
  files: number,
  usage: RunUsage | undefined,
): (request: ParseRequest) => Promise<Parsed> {
  const wanted = files < 100 ? 1 : Math.min(LIMITS.search_parse_threads, availableParallelism());
  const retired = new Set<Parser>();
  const parse = async (request: ParseRequest): Promise<Parsed> => {
    const ready = parsers.filter((parser) => !retired.has(parser));
    const started = ready.length < wanted ? openThread<ParseRequest, Parsed>(PARSE_THREAD, { usage }) : null;
    if (started !== null) parsers.push(started);
    const parser = started ?? ready.reduce((least, other) => (other.load() < least.load() ? other : least));
    try {
      return await parser.call(request);
    } catch (error) {
      // A `Fault` is about the run, not about the file.
      if (request.plain || error instanceof Fault) throw error;
      retired.add(parser);
      return parse({ ...request, plain: true });
    }
  };
  return parse;
}

/** Collects files into transactions of bounded size and keeps one under way. */
function batchWriter(writer: Writer) {
  let files: FileWrite[] = [];
  let chars = 0;
  let under_way: Promise<unknown> = Promise.resolve();
  const send = async (removed: readonly string[]): Promise<void> => {
    const batch = files;
    files = [];
    chars = 0;
    const before = under_way;
    under_way = before.then(() => writer.call({ files: batch, removed, finish: null }));
    // Awaited by whoever comes next; here it must not count as unhandled.
    under_way.catch(() => undefined);
    await before;
  };
  return {
    add: async (write: FileWrite): Promise<void> => {
      files.push(write);
      if (write.parsed.state === "indexed") for (const { text } of write.parsed.chunks) chars += text.length;
      if (files.length >= LIMITS.search_batch_files || chars >= LIMITS.search_batch_chars) await send([]);
    },
    flush: async (removed: readonly string[]): Promise<void> => {
      for (let at = 0; at < removed.length || at === 0; at += LIMITS.search_batch_files) {
        await send(removed.slice(at, at + LIMITS.search_batch_files));
      }
      await under_way;
    },
  };
}
