import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openRecordingServer } from "../fakes/recording-server.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-upgrade-fixtures-"));
after(() => rmSync(folder, { recursive: true }));
const examples = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");
const data = { OA_DATA: join(folder, "data") };

interface Tested {
  readonly ok: boolean;
  readonly steps: readonly { readonly step_id: string; readonly status: string; readonly code?: string }[];
  readonly mismatches: readonly string[];
  readonly files: readonly { readonly path: string }[];
}
async function tested(manifest: string, fixtures: string, ...more: readonly string[]) {
  const said = await oa(["upgrade", "test", manifest, "--fixtures", fixtures, "--json", ...more], data);
  return { code: said.code, ...(document(said) as unknown as Tested) };
}
/** A copy of a template's fixtures, with one part replaced. */
function changed(template: string, part: object): string {
  const copy = mkdtempSync(join(folder, "copy-"));
  cpSync(join(examples, "fixtures", template), copy, { recursive: true });
  const file = join(copy, "fixtures.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...part }));
  return copy;
}

for (const template of ["nightly-index", "release-watch", "repo-digest"]) {
  test(`the template ${template} does what its fixtures recorded, without network or a worker`, async () => {
    const { code, ok, steps } = await tested(join(examples, `${template}.json`), join(examples, "fixtures", template));
    assert.deepEqual([code, ok], [0, true]);
    assert.ok(steps.every(({ status }) => status === "succeeded"));
    assert.equal(existsSync(data.OA_DATA), false);
  });
}

test("another answer leaves another file, and the test says so", async () => {
  const answer = { method: "GET", url: "https://api.github.com/repos/nodejs/node/releases/latest", status: 200 };
  const http = [{ ...answer, headers: {}, body: "changed", encoding: "utf8" }];
  const { code, ok, mismatches } = await tested(
    join(examples, "release-watch.json"),
    changed("release-watch", { http }),
  );
  assert.deepEqual([code, ok, mismatches.length], [1, false, 1]);
  assert.match(mismatches[0] ?? "", /latest\.json has other content/);
});

test("where the content was recorded too, the line that differs is shown", async () => {
  const read = JSON.parse(readFileSync(join(examples, "fixtures", "release-watch", "fixtures.json"), "utf8"));
  const [answer] = read.http as { body: string }[];
  const [file] = read.expect.files as { path: string }[];
  const text = "one\ntwo\nthree\n";
  const sha256 = createHash("sha256").update(text).digest("hex");
  const fixtures = (body: string) =>
    changed("release-watch", {
      http: [{ ...answer, body, encoding: "utf8" }],
      expect: { files: [{ ...file, sha256, text }], published: [] },
    });
  const manifest = join(examples, "release-watch.json");
  assert.deepEqual((await tested(manifest, fixtures(text))).mismatches, []);
  const other = await tested(manifest, fixtures("one\nTWO\nthree\n"));
  assert.match(other.mismatches[0] ?? "", /latest\.json .*: line 2 is "TWO", recorded as "two"$/);
  const cut = await tested(manifest, fixtures("one\n"));
  assert.match(cut.mismatches[0] ?? "", /line 2 is "", recorded as "two"$/);
});

test("what was not recorded fails the step that asks for it, and no later step runs", async () => {
  const { code, steps } = await tested(join(examples, "release-watch.json"), changed("release-watch", { http: [] }));
  assert.equal(code, 1);
  assert.deepEqual(
    steps.map(({ status, code: why }) => [status, why]),
    [
      ["failed", "fixture_missing"],
      ["not_run", undefined],
    ],
  );
});

test("a recording that nothing asks for is a difference", async () => {
  const generate = [{ backend: "ollama", model: "m", text: "x" }];
  const { ok, mismatches } = await tested(join(examples, "release-watch.json"), changed("release-watch", { generate }));
  assert.deepEqual([ok, mismatches], [false, ["nothing asked ollama for the text that is recorded"]]);
});

test("fixtures that are missing, broken or not as their schema says are refused before anything runs", async () => {
  const manifest = join(examples, "release-watch.json");
  const run = async (fixtures: string) => {
    const said = await oa(["upgrade", "test", manifest, "--fixtures", fixtures, "--json"], data);
    return [said.code, (document(said).error as { code: string }).code];
  };
  assert.deepEqual(await run(join(folder, "none")), [1, "not_found"]);
  assert.deepEqual(await run(changed("release-watch", { http: [{ url: 1 }] })), [3, "schema_invalid"]);
  const broken = changed("release-watch", {});
  writeFileSync(join(broken, "fixtures.json"), "{");
  assert.deepEqual(await run(broken), [3, "json_invalid"]);
});

test("what was recorded once from the world is played without it", async () => {
  const server = await openRecordingServer("the page");
  const repo = join(folder, "repo");
  mkdirSync(repo);
  writeFileSync(join(repo, "a.md"), "# Jars\n");
  const git = (...args: readonly string[]) => execFileSync("git", ["-C", repo, ...args], { stdio: "ignore" });
  git("init", "-b", "main");
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-m", "a");
  const manifest = join(folder, "page.json");
  const { homepage: _, triggers: __, ...base } = JSON.parse(readFileSync(join(examples, "release-watch.json"), "utf8"));
  const pipeline = [
    { id: "clone", op: "git.clone", repo: "${inputs.repo}", dest: "~/clone" },
    { id: "fetch", op: "http.request", url: "${inputs.url}" },
    { id: "keep", op: "fs.write", path: "~/out.txt", content: "${steps.fetch.body} at ${steps.clone.commit}" },
  ];
  const inputs = { url: { type: "string" }, repo: { type: "path" } };
  const { permissions: ___, ...rest } = base;
  writeFileSync(manifest, JSON.stringify({ ...rest, inputs, pipeline }));
  const kept = join(folder, "kept");
  const input = ["--input", `url=${server.url}/page`, "--input", `repo=${repo}`];
  const env = { ...data, OA_PRIVATE_ALLOW: server.host };
  const said = await oa(["upgrade", "test", manifest, "--fixtures", kept, "--record", "--json", ...input], env);
  assert.equal(said.code, 0, said.stdout + said.stderr);
  await server.close();
  rmSync(repo, { recursive: true });
  const { ok, files } = await tested(manifest, kept);
  assert.equal(ok, true);
  assert.deepEqual(
    files.map(({ path }) => path),
    ["out.txt"],
  );
  assert.equal(existsSync(join(kept, "clones", "clone", ".git")), false);
});
