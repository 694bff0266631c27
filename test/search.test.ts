import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { answerSearch } from "@oa/worker/ops/searchkit-query.ts";
import { openSearchIndexes, type SearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import { openThread } from "@oa/worker/searchkit/thread.ts";
import { put, removeFolders, temporary, treeOf } from "./fakes/source-folder.ts";

const never = new AbortController().signal;
after(removeFolders);

describe("a query that cannot be looked for is refused", () => {
  const indexes = openSearchIndexes(temporary());
  const root = temporary();
  before(async () => {
    put(root, { "a.txt": "text\n" });
    await indexes.update("x", await treeOf(root), {}, never);
  });
  for (const [why, query] of Object.entries({
    empty: "",
    "two lines": "a\nb",
    "a NUL": "a\0b",
    "half a character": "a\ud800",
    "too long": "x".repeat(LIMITS.search_query_chars + 1),
  })) {
    it(why, () => assert.rejects(indexes.query("x", query, {}), { code: "search_query_invalid" }));
  }
  it("an index that is not there is named, and so are those that are", async () => {
    await assert.rejects(indexes.query("y", "a", {}), {
      code: "search_index_missing",
      message: /no search index "y", only "x"/,
    });
    await assert.rejects(indexes.query("../x", "a", {}), { code: "search_index_missing", message: /is no index name/ });
    await assert.rejects(openSearchIndexes(temporary()).query(null, "a", {}), { code: "search_index_missing" });
  });
});

describe("what is in the index", () => {
  let root: string;
  let indexes: SearchIndexes;
  beforeEach(() => {
    root = temporary();
    indexes = openSearchIndexes(temporary());
  });
  const update = async (scope = {}) => indexes.update("x", await treeOf(root), scope, never);
  const found = async (query: string) =>
    [
      ...new Set(
        (await indexes.query("x", query, {})).hits.flatMap((hit) => (hit.reasons.includes("exact") ? [hit.path] : [])),
      ),
    ].sort();
  const stale = async () => indexes.stale("x", await treeOf(root), never);

  it("is what git would not ignore: nested rules, negations and .git/info/exclude", async () => {
    put(root, {
      ".gitignore": "*.log\n/build/\n!keep.log\n",
      ".git/info/exclude": "private.txt\n",
      ".git/config": "mark\n",
      "a.ts": "mark\n",
      "a.log": "mark\n",
      "keep.log": "mark\n",
      "private.txt": "mark\n",
      "build/out.ts": "mark\n",
      "src/build/in.ts": "mark\n",
      "src/.gitignore": "gen/\n!a.log\n",
      "src/a.log": "mark\n",
      "src/gen/x.ts": "mark\n",
    });
    await update();
    assert.deepEqual(await found("mark"), ["a.ts", "keep.log", "src/a.log", "src/build/in.ts"]);
  });
  it("is no binary, secret or oversized file, nor a link; they are counted and never stored", async () => {
    put(root, {
      "a.txt": "mark\n",
      "image.bin": Buffer.from("mark\0mark"),
      ".env": "MARK_SECRET=mark\n",
      "notes.txt": `mark ghp_${"a1B2".repeat(9)}\n`,
      "big.txt": "mark\n".repeat(1_100_000),
    });
    symlinkSync(join(root, ".env"), join(root, "link.txt"));
    const stats = await update();
    assert.equal(stats.files, 1);
    assert.equal(stats.skipped, 4);
    assert.deepEqual(stats.skipped_by_reason, { binary: 1, secret: 2, too_large: 1, unreadable: 0 });
    assert.deepEqual(await found("mark"), ["a.txt"]);
    assert.equal(indexes.describe("x").skipped_files, 4);
    assert.equal((await indexes.query("x", "MARK_SECRET", {})).exact_matches_total, 0);
    const again = await update();
    assert.deepEqual(again.skipped_by_reason, stats.skipped_by_reason);
    assert.equal(await stale(), 0);
  });
  it("is what include, exclude and languages leave, and follows them when they change", async () => {
    put(root, {
      "src/a.ts": "mark\n",
      "src/b.swift": "mark\n",
      "src/x.test.ts": "mark\n",
      "docs/a.md": "mark\n",
      "v/c.tsx": "mark\n",
    });
    await update({ include: ["src/**"], exclude: ["**/*.test.ts"], languages: ["ts"] });
    assert.deepEqual(await found("mark"), ["src/a.ts"]);
    const wider = await update({ languages: ["ts", "md"] });
    assert.deepEqual([wider.added, wider.removed], [3, 0]);
    const narrower = await update({ languages: ["swift"] });
    assert.deepEqual([narrower.added, narrower.removed], [1, 4]);
    assert.deepEqual(await found("mark"), ["src/b.swift"]);
  });
  it("follows what changes: content, not time, decides", async () => {
    put(root, { "a.txt": "one\n", "b.txt": "two\n", "c.txt": "three\n" });
    assert.deepEqual(pick(await update()), { added: 3, changed: 0, removed: 0 });
    assert.deepEqual(pick(await update()), { added: 0, changed: 0, removed: 0 });
    utimesSync(join(root, "a.txt"), 1_000, 1_000);
    assert.equal(await stale(), 0);
    assert.deepEqual(pick(await update()), { added: 0, changed: 0, removed: 0 });
    put(root, { "a.txt": "uno\n", "d.txt": "four\n" });
    rmSync(join(root, "b.txt"));
    renameSync(join(root, "c.txt"), join(root, "e.txt"));
    assert.equal(await stale(), 5);
    assert.deepEqual(pick(await update()), { added: 2, changed: 1, removed: 2 });
    assert.equal(await stale(), 0);
    assert.deepEqual(
      [await found("one"), await found("uno"), await found("two"), await found("three")],
      [[], ["a.txt"], [], ["e.txt"]],
    );
  });
  it("loses a file that turns into a secret or a binary", async () => {
    put(root, { "a.txt": "mark one\n", "b.txt": "mark two\n" });
    await update();
    put(root, { "a.txt": "mark\0\n", "b.txt": `mark npm_${"a1B2".repeat(9)}\n` });
    assert.equal(await stale(), 2);
    assert.equal((await update()).removed, 2);
    assert.deepEqual(await found("mark"), []);
    assert.equal(await stale(), 0);
  });
  it("names the commit it was made at, on a branch and with packed refs", async () => {
    const git = (...args: string[]) =>
      spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], {
        cwd: root,
        encoding: "utf8",
      }).stdout.trim();
    put(root, { "a.txt": "one\n" });
    assert.equal((await update()).commit, null);
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "one");
    assert.equal((await update()).commit, git("rev-parse", "HEAD"));
    git("pack-refs", "--all");
    assert.equal((await update()).commit, git("rev-parse", "HEAD"));
    git("checkout", "-q", "--detach");
    assert.equal((await update()).commit, git("rev-parse", "HEAD"));
  });
  it("survives a file that may not be read", {
    skip: process.getuid?.() === 0 ? "root may read everything" : false,
  }, async () => {
    put(root, { "a.txt": "mark\n", "closed.txt": "mark\n" });
    chmodSync(join(root, "closed.txt"), 0);
    assert.equal((await update()).skipped_by_reason.unreadable, 1);
  });
  it("is rebuilt when a page in the middle of its file is damaged", async () => {
    const data = temporary();
    const own = openSearchIndexes(data);
    put(root, Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`f${at}.txt`, `mark ${at}\n`.repeat(200)])));
    await own.update("x", await treeOf(root), {}, never);
    const file = join(data, "indexes", "x.db");
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 4_096);
    writeFileSync(file, bytes);
    assert.equal((await own.update("x", await treeOf(root), {}, never)).added, 60);
    assert.equal((await own.query("x", "mark 7", {})).exact_matches_total, 200);
  });
  it("is rebuilt when its file is damaged", async () => {
    const data = temporary();
    const own = openSearchIndexes(data);
    put(root, { "a.txt": "mark\n" });
    await own.update("x", await treeOf(root), {}, never);
    writeFileSync(join(data, "indexes", "x.db"), "not a database".repeat(1_000));
    await assert.rejects(own.query("x", "mark", {}), { code: "search_index_damaged" });
    assert.deepEqual(own.list(), []);
    assert.equal((await own.update("x", await treeOf(root), {}, never)).added, 1);
    assert.equal((await own.query("x", "mark", {})).exact_matches_total, 1);
  });
});

function pick({
  added,
  changed,
  removed,
}: {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}) {
  return { added, changed, removed };
}

describe("an update that does not end", () => {
  const many = (count: number): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`d${at % 7}/f${at}.ts`, `export const mark${at} = ${at};\n`]),
    );

  it("stops when it is canceled, shows nothing half-made, and goes on where it was", async () => {
    const root = temporary();
    const indexes = openSearchIndexes(temporary());
    put(root, many(700));
    const stop = new AbortController();
    const request = indexes.update("x", await treeOf(root), {}, stop.signal, (done) => {
      if (done >= 600) stop.abort();
    });
    await assert.rejects(request, { code: "canceled" });
    await assert.rejects(indexes.query("x", "mark", {}), { code: "search_index_unfinished" });
    const rest = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(rest.files, 700);
    assert.ok(rest.added < 700, "what was committed is not done again");
    assert.equal((await indexes.query("x", "mark", {})).exact_matches_total, 700);
  });
  it("ends its threads where they are when it is canceled, and leaves nothing locked", async () => {
    const root = temporary();
    const indexes = openSearchIndexes(temporary());
    put(root, { ...many(300), "long.ts": "export const list = [1, 2, 3];\n".repeat(20_000) });
    const tree = await treeOf(root);
    for (const after of [0, 100, 250]) {
      const stop = new AbortController();
      const request = indexes.update("x", tree, {}, stop.signal, (done) => done > after && stop.abort());
      await assert.rejects(request, { code: "canceled" });
    }
    assert.equal((await indexes.update("x", tree, {}, never)).files, 301);
  });
  it("its thread is ended in the middle of a call that would not end", async () => {
    const thread = openThread<null, null>(new URL("fakes/endless-thread.ts", import.meta.url), { usage: undefined });
    const call = thread.call(null);
    setImmediate(() => thread.stop(new Fault("canceled", "enough")));
    await assert.rejects(call, { code: "canceled" });
    await assert.rejects(thread.call(null), { code: "canceled" });
    await thread.close();
  });
  it("leaves whole files when the process is killed, and the next one completes it", async () => {
    const root = temporary();
    const data = temporary();
    put(root, many(900));
    const child = spawn(process.execPath, [join(import.meta.dirname, "fakes", "index-once.ts"), data, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of child.stdout) if (Number(String(line).trim().split("\n").at(-1)) > 400) break;
    child.kill("SIGKILL");
    await once(child, "close");
    const indexes = openSearchIndexes(data);
    const stats = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(stats.files, 900);
    assert.equal((await indexes.query("x", "export const", {})).exact_matches_total, 900);
    assert.equal(await indexes.stale("x", await treeOf(root), never), 0);
  });
  it("two updates of one index wait for each other, and readers for neither", async () => {
    const root = temporary();
    const indexes = openSearchIndexes(temporary());
    put(root, many(50));
    await indexes.update("x", await treeOf(root), {}, never);
    put(root, many(300));
    const tree = await treeOf(root);
    const both = Promise.all([indexes.update("x", tree, {}, never), indexes.update("x", tree, {}, never)]);
    const during = await indexes.query("x", "mark1 ", {});
    assert.equal(during.exact_matches_total, 1);
    const [first, second] = await both;
    assert.deepEqual([first.added, second.added], [250, 0]);
  });
});

it("an update that waits for another one stops waiting when it is canceled", async () => {
  const root = temporary();
  const indexes = openSearchIndexes(temporary());
  put(root, { "a.txt": "mark\n" });
  const tree = await treeOf(root);
  const stop = new AbortController();
  const first = indexes.update("x", tree, {}, never);
  const second = indexes.update("x", tree, {}, stop.signal);
  stop.abort();
  await assert.rejects(second, { code: "canceled" });
  assert.equal((await first).added, 1);
});

describe("ranking", () => {
  const root = temporary();
  const indexes = openSearchIndexes(temporary());
  const backends = openModelBackends({});
  before(async () => {
    put(root, {
      "src/lease.ts":
        "/** Extends the time a claim is valid. */\nexport function renewLease(id: string): void {\n  touch(id);\n  save(id);\n}\n\nexport function dropLease(id: string): void {\n  forget(id);\n  save(id);\n}\n",
      "src/use.ts": "import { renewLease } from './lease.ts';\n\nsetInterval(() => renewLease('a'), 1000);\n",
      "src/colour.py": "def paint_circle(radius):\n    pen.down()\n    pen.draw(radius)\n    return radius\n",
      "README.md": "# Words\n\nnothing about it\n",
    });
    await indexes.update("x", await treeOf(root), {}, never);
  });
  const search = (query: string, limit = 5) =>
    answerSearch({ index: "x", query, limit }, { indexes, backends, signal: never, treeOf });

  it("puts the definition of a name first and says why", async () => {
    const { hits, exact_matches_total } = await search("renewLease");
    assert.equal(exact_matches_total, 3);
    assert.deepEqual([hits[0]?.path, hits[0]?.line_start, hits[0]?.symbol], ["src/lease.ts", 2, "renewLease"]);
    assert.deepEqual(hits[0]?.reasons, ["exact", "symbol", "bm25"]);
  });
  it("answers a question by words, stems and parts of identifiers when no line holds it", async () => {
    const { hits, exact_matches_total, text } = await search("where are leases renewed");
    assert.equal(exact_matches_total, 0);
    assert.deepEqual([hits[0]?.path, hits[0]?.symbol], ["src/lease.ts", "renewLease"]);
    assert.ok(text.startsWith("## src/lease.ts:1-5 renewLease\n"));
  });
  it("bounds what is ranked by limit and never what is exact", async () => {
    const { hits } = await search("id", 1);
    assert.ok(hits.filter(({ reasons }) => reasons.includes("exact")).length >= 2);
    assert.ok(hits.filter(({ reasons }) => !reasons.includes("exact")).length <= 1);
  });
  it("uses vectors once the index is embedded, embeds only what is new, and drops what is gone", async () => {
    assert.match((await search("x")).index.vectors ?? "", /no model\.embed/);
    const embedder = (dim: number | null) => ({
      backend: "lexical-v1",
      dim,
      embed: (texts: readonly string[], corpus: Uint8Array | null) =>
        backends.embed({ backend: "lexical-v1", texts, dim, corpus, signal: never }),
      learn: (texts: readonly string[], corpus: Uint8Array | null) => backends.learn("lexical-v1", texts, corpus),
    });
    const first = await indexes.embed("x", embedder(64), never);
    assert.deepEqual(first.spec, { backend: "lexical-v1", model: "lexical-v1", dim: 64 });
    assert.equal(first.embedded, first.total);
    assert.equal((await indexes.embed("x", embedder(64), never)).embedded, 0);
    const answer = await search("circles painted");
    assert.equal(answer.hits[0]?.path, "src/colour.py");
    assert.ok(answer.hits[0]?.reasons.includes("vector"));
    put(root, { "src/new.ts": "export function brandNew(): void {\n  one();\n  two();\n}\n" });
    rmSync(join(root, "README.md"));
    await indexes.update("x", await treeOf(root), {}, never);
    const next = await indexes.embed("x", embedder(64), never);
    assert.deepEqual([next.embedded, next.total], [1, first.total]);
    const other = await indexes.embed("x", embedder(128), never);
    assert.equal(other.embedded, other.total, "another length replaces all vectors");
  });
  it("answers without vectors, and says so, when their backend is away", async () => {
    const away = { ...backends, embed: openModelBackends({}).embed };
    const gone = await answerSearch(
      { index: "x", query: "renewLease" },
      {
        indexes,
        signal: never,
        treeOf,
        backends: { ...away, embed: () => backends.generate({ backend: "ollama", signal: never } as never) as never },
      },
    );
    assert.equal(gone.exact_matches_total, 3);
    assert.match(gone.index.vectors ?? "", /^not used: ollama is not configured/);
  });
  it("tells how many files have changed since, and null where the folder cannot be compared", async () => {
    put(root, { "src/later.ts": "renewLease\n" });
    assert.equal((await search("renewLease")).index.stale_files, 1);
    const blind = await answerSearch(
      { index: "x", query: "a" },
      { indexes, backends, signal: never, treeOf: async () => null },
    );
    assert.equal(blind.index.stale_files, null);
  });
});

it("indexing lets others run: no turn of the event loop is held while files are parsed and stored", async () => {
  const root = temporary();
  const source = readFileSync(join(import.meta.dirname, "..", "worker", "searchkit", "update.ts"), "utf8");
  put(
    root,
    Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`f${at}.ts`, source.replaceAll("file", `file${at}`)])),
  );
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 5);
  await openSearchIndexes(temporary()).update("x", await treeOf(root), {}, never);
  clearInterval(timer);
  assert.ok(turns > 10, `${turns} turns`);
});
