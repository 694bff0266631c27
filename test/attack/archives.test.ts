import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openArtifacts } from "@oa/worker/adapters/artifacts.ts";
import { writeTar } from "@oa/worker/adapters/tar.ts";
import { exportAll } from "@oa/worker/cli/export-folder.ts";
import { attackClass } from "./attack.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "oa-archives-")));
after(() => rmSync(root, { recursive: true, force: true }));
writeFileSync(join(root, "secret.txt"), "outside");
let count = 0;
const folder = (): string => {
  count += 1;
  const made = join(root, `f${count}`);
  mkdirSync(made);
  return made;
};
/** What an archive holds by the system's own tar, and what comes out of it. */
const unpacked = (file: string): { readonly listed: readonly string[]; readonly at: string } => {
  const at = folder();
  const listed = execFileSync("tar", ["-tvf", file], { encoding: "utf8" }).trimEnd().split("\n");
  execFileSync("tar", ["-xf", file, "-C", at], { stdio: "pipe" });
  return { listed, at };
};
const { signal } = new AbortController();
const noEvents = async function* () {
  yield '{"heads":[]}\n';
};
/** An export of a data folder with these files among its outputs. */
async function exported(artifacts: Readonly<Record<string, string>>, events: readonly string[] = []) {
  const data_dir = folder();
  mkdirSync(join(data_dir, "artifacts"));
  for (const [name, content] of Object.entries(artifacts)) writeFileSync(join(data_dir, "artifacts", name), content);
  const to = join(folder(), "export.tar");
  const lines = async function* () {
    yield '{"heads":[]}\n';
    for (const event of events) yield `${event}\n`;
  };
  await exportAll({ data_dir, to, events: lines(), passphrase: null, signal });
  return unpacked(to);
}
const HASH = "a".repeat(64);
/** A link of the log whose words would be a path, were they one. */
const linkWith = (text: string): string =>
  JSON.stringify({
    body: JSON.stringify({
      event_type: "install.requested",
      subject_id: text,
      occurred_at: text,
      data: { name: text },
    }),
  });

const NAMES: readonly string[] = [
  "...",
  "x\\..\\y",
  "a\nb",
  "-rf",
  "--checkpoint-action=exec=sh",
  "C:",
  "%2e%2e%2f",
  "\u202etxt.exe",
  `${"b".repeat(63)}`,
  `${HASH}.sh`,
  HASH.toUpperCase(),
];
const HASHES: readonly string[] = [
  "../secret.txt",
  "..",
  ".",
  "",
  "/etc/passwd",
  `../artifacts/${HASH}`,
  `${HASH}/../../secret.txt`,
  `${HASH}\0`,
  HASH.toUpperCase(),
  `${HASH} `,
  `.part-${HASH}`,
  "a".repeat(63),
  "a".repeat(65),
];

attackClass("zip-slip in archives and outputs", ({ fails, harmless, works }) => {
  for (const name of NAMES) {
    harmless(`an output called ${JSON.stringify(name)}`, async () => {
      const { listed } = await exported({ [name]: "evil", [HASH]: "good" });
      const names = listed.filter((line) => line.includes("artifacts/"));
      assert.equal(names.length, 1, names.join("\n"));
      assert.ok(names[0]?.endsWith(`artifacts/${HASH}`));
    });
  }
  for (const text of ["../../evil", "/etc/cron.d/evil", "a\0b", "..\\..\\evil", "x".repeat(500)]) {
    harmless(`an install named ${JSON.stringify(text.slice(0, 30))}`, async () => {
      const { listed, at } = await exported({}, [linkWith(text)]);
      for (const line of listed)
        assert.match(line, /^-rw-------.* (README|config\.json|events\.jsonl|installs\.json|artifacts\/[0-9a-f]{64})$/);
      assert.deepEqual(readdirSync(at).sort(), ["README", "events.jsonl", "installs.json"]);
      assert.equal(JSON.parse(readFileSync(join(at, "installs.json"), "utf8"))[0].install_id, text);
    });
  }
  harmless("a link among the outputs to a file outside", async () => {
    const data_dir = folder();
    mkdirSync(join(data_dir, "artifacts"));
    symlinkSync("../../secret.txt", join(data_dir, "artifacts", "link"));
    const to = join(folder(), "export.tar");
    await exportAll({ data_dir, to, events: noEvents(), passphrase: null, signal });
    assert.ok(!readFileSync(to, "latin1").includes("outside"));
  });
  harmless("a link in a folder that is packed", async () => {
    const from = folder();
    symlinkSync(join(root, "secret.txt"), join(from, "link"));
    symlinkSync(root, join(from, "folder"));
    writeFileSync(join(from, "plain"), "plain");
    const to = join(folder(), "x.tar");
    await writeTar(from, to, signal);
    const { listed } = unpacked(to);
    assert.equal(listed.length, 1, "only plain files are packed");
  });
  fails("a name that is longer than its field, which would run into the next", "path_invalid", async () => {
    const from = folder();
    writeFileSync(join(from, "n".repeat(101)), "x");
    await writeTar(from, join(folder(), "x.tar"), signal);
    return "packed";
  });
  for (const hash of HASHES) {
    fails(
      `asking for the output ${JSON.stringify(hash.slice(0, 40))}`,
      ["not_found", "file_access", "path_invalid"],
      async () => {
        const data_dir = folder();
        const artifacts = await openArtifacts(data_dir);
        return Buffer.from(await artifacts.get(hash)).toString();
      },
    );
  }
  fails("an output that was changed on the disk", "file_access", async () => {
    const data_dir = folder();
    const artifacts = await openArtifacts(data_dir);
    const { sha256 } = await artifacts.put(Buffer.from("good"));
    writeFileSync(join(data_dir, "artifacts", sha256), "evil");
    return artifacts.get(sha256);
  });
  fails(
    "an archive in the place of a file that is there",
    ["file_access", "file_exists", "path_invalid", "usage"],
    async () => {
      const to = join(folder(), "export.tar");
      writeFileSync(to, "mine");
      const data_dir = folder();
      mkdirSync(join(data_dir, "artifacts"));
      try {
        await exportAll({ data_dir, to, events: noEvents(), passphrase: null, signal });
      } finally {
        assert.equal(readFileSync(to, "utf8"), "mine");
      }
      return "overwritten";
    },
  );
  harmless("and nothing outside was changed or made", () => {
    assert.equal(readFileSync(join(root, "secret.txt"), "utf8"), "outside");
    assert.ok(!existsSync(join(root, "evil")) && !existsSync("/etc/cron.d/evil"));
  });

  works("an export holds what there is, and the system's tar unpacks it", async () => {
    const { at } = await exported({ [HASH]: "an output" }, [linkWith("install_1")]);
    assert.equal(readFileSync(join(at, "artifacts", HASH), "utf8"), "an output");
    assert.equal(statSync(join(at, "artifacts", HASH)).mode & 0o777, 0o600);
  });
  works("an output is given back by its hash", async () => {
    const artifacts = await openArtifacts(folder());
    const { sha256 } = await artifacts.put(Buffer.from("bytes"));
    assert.equal(Buffer.from(await artifacts.get(sha256)).toString(), "bytes");
  });
});
