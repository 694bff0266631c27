import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { SearchHit } from "@oa/shared/generated/types.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { answerSearch } from "@oa/worker/ops/searchkit-query.ts";
import { chunkLines } from "@oa/worker/searchkit/chunks.ts";
import { openSearchIndexes, type SearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import type { SourceTree } from "@oa/worker/searchkit/source.ts";
import fc from "fast-check";

const never = new AbortController().signal;
const folders: string[] = [];
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "oa-search-"));
  folders.push(folder);
  return folder;
};
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const treeOf = (root: string): Promise<SourceTree> =>
  openGrantedFiles([`filesystem:read:${root}/**`], { home: tmpdir() }).tree(root);

function put(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** `path:line` of every line that grep finds in the indexed files. */
function grep(root: string, query: string, paths: readonly string[]): readonly string[] {
  const { stdout } = spawnSync("grep", ["-FnHa", "--", query, ...paths], {
    cwd: root,
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 1e9,
  });
  return linesOfBytes(stdout).map((line) => line.split(":", 2).join(":"));
}

function linesOfBytes(bytes: Buffer): readonly string[] {
  const text = bytes.toString("latin1");
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

const covered = (hits: readonly SearchHit[]): ReadonlySet<string> =>
  new Set(hits.flatMap(({ path, exact_lines }) => (exact_lines ?? []).map((line) => `${path}:${line}`)));

async function assertGrepParity(indexes: SearchIndexes, root: string, paths: readonly string[], query: string) {
  const answer = await indexes.query("x", query, {});
  const expected = grep(root, query, paths);
  assert.equal(answer.exact_matches_total, expected.length, `the count for ${JSON.stringify(query)}`);
  const lines = covered(answer.hits);
  assert.deepEqual(
    expected.filter((line) => !lines.has(line)),
    [],
    `lines without a hit for ${JSON.stringify(query)}`,
  );
  for (const { line_start, line_end, exact_lines = [] } of answer.hits) {
    assert.ok(exact_lines.every((line) => line >= line_start && line <= line_end));
  }
}

it("chunks cover every line exactly once, in order, whatever the definitions", () => {
  const line_number = fc.integer({ min: 1, max: 320 });
  const kind = fc.constant("function");
  const definition = fc.record({
    name: fc.constantFrom("a", "b"),
    kind,
    line_start: line_number,
    line_end: line_number,
  });
  const line = fc.oneof(fc.constantFrom("", "// note", "  x()", "}"), fc.constant("y".repeat(5_000)));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 300 }), fc.array(definition, { maxLength: 12 }), (lines, definitions) => {
      let next = 1;
      for (const chunk of chunkLines(lines, definitions)) {
        assert.equal(chunk.line_start, next);
        assert.ok(chunk.line_end >= next && chunk.line_end - next < LIMITS.search_chunk_lines);
        next = chunk.line_end + 1;
      }
      assert.equal(next, lines.length + 1);
    }),
  );
});

describe("every line grep finds is found", () => {
  const root = temporary();
  const indexes = openSearchIndexes(temporary());
  const files = {
    "crlf.txt": "one\r\ntwo needle\r\nneedle\r\n",
    "no-newline.txt": "needle\nlast needle",
    "bom.ts": "\ufeffexport const needle = 1;\n",
    "latin1.txt": Buffer.from("caf\xe9 needle\n\xff\xfe needle \xc3\n\xe2\x82needle\n", "latin1"),
    "long.js": `var a="${"needle,".repeat(40_000)}";\nneedle()\n`,
    "empty.txt": "",
    "newlines.txt": "\n\n\n",
    "unicode.md": "# Zoë 😀😀😀\nnaïve café\nnai\u0308ve\n日本語のテキスト\nneedle\u2028needle\n",
    "odd name [x]{y}.txt": "needle % _ \" ' \\ * ^ $ . needle\n",
    "punctuation.c": 'if (a && b) { return "x"; } // TODO(me): ???\n#define MAX(a,b) ((a)>(b)?(a):(b))\n',
    "nested/deep/er/code.py":
      "class Needle:\n    def find_needle(self):\n        return 'needle'\n\n\ndef needle():\n    pass\n",
    "tabs.txt": "\tneedle\t\n  needle  \n",
    "form-feed.txt": "a\fneedle\vb\rneedle\n",
    "UPPER.TXT": "NEEDLE Needle needle\n",
  };
  const paths = Object.keys(files);
  before(async () => {
    put(root, files);
    const stats = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(stats.files, paths.length);
  });
  const queries = [
    "needle",
    "Needle",
    "NEEDLE",
    "need",
    "ne",
    "n",
    "e",
    " ",
    "  ",
    "\t",
    "\r",
    "needle\r",
    "é",
    "ë",
    "café",
    "ï",
    "i\u0308",
    "😀",
    "😀😀😀",
    "日本",
    "日本語",
    "語のテ",
    '"',
    '"x"',
    "'",
    "\\",
    "%",
    "_",
    "* ^ $",
    ".",
    "&&",
    "???",
    "TODO(me)",
    "((a)>(b)",
    "def ",
    "    def",
    "\ufeff",
    "\ufeffexport",
    "a\f",
    "needle\u2028",
    "nowhere at all",
    "needle,needle,needle",
    "{",
    "}",
    "--",
    "-e",
    "OR",
    "NEAR(needle)",
    "needle*",
    "[x]",
    "class Needle:",
  ];
  for (const query of queries) {
    it(JSON.stringify(query), () => assertGrepParity(indexes, root, paths, query));
  }
  it("in any generated text, for any part of it", async () => {
    const words = fc.constantFrom("ab", "abc", "\n", "\r\n", " ", "é", "😀", "x_y", "\t", "aab", "\\");
    const text = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(""));
    const generated = temporary();
    const own = openSearchIndexes(temporary());
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 5 }),
        fc.array(words, { minLength: 1, maxLength: 4 }),
        async (texts, parts) => {
          const query = parts.join("").replaceAll("\n", "");
          fc.pre(query !== "");
          const made = Object.fromEntries(texts.map((content, at) => [`f${at}.txt`, content]));
          rmSync(generated, { recursive: true });
          mkdirSync(generated);
          put(generated, made);
          await own.update("x", await treeOf(generated), {}, never);
          await assertGrepParity(own, generated, Object.keys(made), query);
        },
      ),
      { numRuns: 15 },
    );
  });
});

it("this repository's own sources are searched as grep searches them", async () => {
  const root = join(import.meta.dirname, "..");
  const indexes = openSearchIndexes(temporary());
  const include = ["shared/core/**", "schemas/**", "worker/searchkit/**", "*.json", "*.yaml"];
  const exclude = ["**/node_modules/**"];
  await indexes.update("x", await treeOf(root), { include, exclude }, never);
  const answers = await Promise.all(["e", "{", "a", "["].map((query) => indexes.query("x", query, {})));
  const paths = [...new Set(answers.flatMap(({ hits }) => hits.map(({ path }) => path)))];
  for (const query of ["export function", "assert", "LIMITS.", "{", "https://", "RFC 8785", "=>", "§", "ts"]) {
    await assertGrepParity(indexes, root, paths, query);
  }
});

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
    put(root, many(400));
    const stop = new AbortController();
    const request = indexes.update("x", await treeOf(root), {}, stop.signal, (done) => {
      if (done >= 200) stop.abort();
    });
    await assert.rejects(request, { code: "canceled" });
    await assert.rejects(indexes.query("x", "mark", {}), { code: "search_index_unfinished" });
    const rest = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(rest.files, 400);
    assert.ok(rest.added < 400, "what was committed is not done again");
    assert.equal((await indexes.query("x", "mark", {})).exact_matches_total, 400);
  });
  it("leaves whole files when the process is killed, and the next one completes it", async () => {
    const root = temporary();
    const data = temporary();
    put(root, many(600));
    const child = spawn(process.execPath, [join(import.meta.dirname, "fakes", "index-once.ts"), data, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of child.stdout) if (Number(String(line).trim().split("\n").at(-1)) > 200) break;
    child.kill("SIGKILL");
    await once(child, "close");
    const indexes = openSearchIndexes(data);
    const stats = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(stats.files, 600);
    assert.equal((await indexes.query("x", "export const", {})).exact_matches_total, 600);
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
        backends: { ...away, embed: () => backends.generate({ backend: "ollama" } as never) as never },
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
