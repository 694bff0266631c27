import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openRecordingServer } from "../fakes/recording-server.ts";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-publish-"));
const relay = await openFakeRelay();
after(async () => {
  await relay.close();
  rmSync(folder, { recursive: true });
});
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
const base = JSON.parse(readFileSync(example, "utf8")) as Record<string, unknown> & { permissions: object };

let count = 0;
function file(change: object): string {
  count += 1;
  const path = join(folder, `${count}.json`);
  writeFileSync(path, JSON.stringify({ ...base, ...change }));
  return path;
}
interface Answer {
  readonly code: number | null;
  readonly stderr: string;
  readonly said: Readonly<Record<string, unknown>>;
  readonly error: { readonly code: string; readonly details?: object } | undefined;
}
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { code, stderr, ...streams } = await oa([...args, "--json"], { OA_DATA: join(folder, "data"), ...env });
  const said = document({ code, stderr, ...streams });
  return { code, stderr, said, error: said.error as Answer["error"] };
}
const publish = (path: string, ...more: readonly string[]): Promise<Answer> =>
  run(["upgrade", "publish", path, "--author-from-key", "--relay", relay.url, ...more]);

test("a manifest that asks for less than its pipeline needs is not published, and every missing permission is named", async () => {
  const under_ask = ["network:egress:api.github.com", "tool:invoke:http.request"];
  const { filesystem } = base.permissions as { filesystem: unknown };
  const path = file({ permissions: { filesystem, tools: ["fs.write"] } });
  const before = relay.frames.length;
  const refused = await publish(path);
  assert.deepEqual([refused.code, refused.error?.code], [3, "permission_undeclared"]);
  assert.deepEqual(refused.error?.details, { under_ask });
  assert.deepEqual(refused.said.under_ask, under_ask);
  for (const permission of under_ask) assert.ok(refused.stderr.includes(permission));
  assert.equal(relay.frames.length, before);
  const validated = await run(["upgrade", "validate", path]);
  assert.deepEqual([validated.code, validated.said.under_ask], [0, under_ask]);
});

test("one that asks for more is published with a warning", async () => {
  const path = file({
    id: "me.more",
    permissions: { ...base.permissions, network: ["${inputs.url}", "other.example"] },
  });
  const sent = await publish(path);
  assert.deepEqual([sent.code, sent.said.over_ask], [0, ["network:egress:other.example"]]);
  assert.match(sent.stderr, /asks for network:egress:other\.example, which nothing in its pipeline needs/);
  assert.deepEqual((await publish(file({ id: "me.exact" }))).said.over_ask, []);
});

test("artifacts are signed with the checksum and the size of the files at hand", async () => {
  const artifacts = [{ type: "doc", url: "https://cdn.example/v1/guide.txt" }];
  const bytes = Buffer.from("how it works\n");
  const at = join(folder, "artifacts");
  mkdirSync(at);
  writeFileSync(join(at, "guide.txt"), bytes);
  const sent = await publish(file({ id: "me.docs", artifacts }), "--artifacts", at);
  assert.equal(sent.code, 0, sent.stderr);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const pinned = [{ ...artifacts[0], sha256, bytes: bytes.length }];
  for (const id of [sent.said.manifest_event_id, sent.said.release_event_id]) {
    const event = relay.events.find((one) => one.id === id);
    assert.deepEqual((JSON.parse(event?.content ?? "{}") as { artifacts: unknown }).artifacts, pinned);
  }
  const stated = file({ id: "me.docs", artifacts: pinned });
  assert.equal((await publish(stated)).code, 0);
  writeFileSync(join(at, "guide.txt"), "something else");
  for (const [path, more, code] of [
    [file({ artifacts }), [], "artifact_unpinned"],
    [file({ artifacts: [{ ...artifacts[0], sha256 }] }), [], "artifact_unpinned"],
    [stated, ["--artifacts", at], "artifact_mismatch"],
    [file({ artifacts: [{ ...artifacts[0], url: "https://cdn.example/none.txt" }] }), ["--artifacts", at], "not_found"],
  ] as const) {
    assert.equal((await publish(path, ...more)).error?.code, code);
  }
});

test("an artifact is kept only where every byte is what was signed for", async () => {
  const page = "the whole of it";
  const server = await openRecordingServer(page);
  try {
    const sha256 = createHash("sha256").update(page).digest("hex");
    const check = (change: object, to: string): Promise<Answer> => {
      const artifacts = [{ type: "doc", url: `${server.url}/guide.txt`, sha256, bytes: page.length, ...change }];
      return run(["upgrade", "artifacts", file({ artifacts }), "--to", join(folder, to)], {
        OA_PRIVATE_ALLOW: server.host,
      });
    };
    const good = await check({}, "good");
    assert.equal(good.code, 0, good.stderr);
    assert.equal(readFileSync(join(folder, "good", "guide.txt"), "utf8"), page);
    for (const [what, change, code] of [
      ["cut", { bytes: page.length + 1 }, "artifact_mismatch"],
      ["longer by one", { bytes: page.length - 1 }, "artifact_mismatch"],
      ["much longer", { bytes: 2 }, "egress_too_large"],
      ["swapped", { sha256: "a".repeat(64) }, "artifact_mismatch"],
      ["unpinned", { sha256: undefined }, "artifact_unpinned"],
      ["beyond all bounds", { bytes: 10_000_000_000 }, "too_large"],
    ] as const) {
      const refused = await check(change, what);
      assert.equal(refused.error?.code, code, what);
      assert.throws(() => readFileSync(join(folder, what, "guide.txt")), what);
    }
  } finally {
    await server.close();
  }
});

/** What the fake keeps as a real relay does: the newest of each address. */
function standing(from: FakeRelay, kind: number, d: string): readonly string[] {
  const all = from.events.filter(
    ({ kind: one, tags }) => one === kind && tags.some((tag) => tag[0] === "d" && tag[1] === d),
  );
  return all.slice(0, 1).map(({ id }) => id);
}

test("a beta does not take the place of what the listing shows, a steadier release takes a beta's", async () => {
  const version = (text: string): string => file({ id: "me.channels", version: text });
  const first = await publish(version("1.0.0-beta.1"), "--channel", "beta");
  assert.equal(first.said.listed, true);
  await sleep(1_100); // an addressable event replaces another of a later second only
  const main = await publish(version("1.0.0"));
  assert.equal(main.said.listed, true);
  await sleep(1_100);
  for (const channel of ["beta", "nightly", "dev"]) {
    const next = await publish(version(`1.1.0-${channel}`), "--channel", channel);
    assert.deepEqual([next.code, next.said.listed], [0, false], channel);
  }
  assert.deepEqual(standing(relay, 30051, "me.channels"), [main.said.manifest_event_id]);
  assert.equal(standing(relay, 30052, "me.channels@1.1.0-beta").length, 1);
});

test("where no relay says what the listing shows, a beta is not published at all", async () => {
  const sent = await run([
    "upgrade",
    "publish",
    file({}),
    "--author-from-key",
    "--channel",
    "beta",
    "--relay",
    "ws://127.0.0.1:9/",
  ]);
  assert.deepEqual([sent.code, sent.error?.code], [1, "relay_unreachable"]);
});

test("nothing that a manifest or a relay says repaints the author's terminal, and an untold yank is not called one", async () => {
  const [bell, bidi] = ["\u001b[31m", "\u202e"];
  const rude = await openFakeRelay({ accept: () => [false, `blocked: ${bell}not you${bidi}`] });
  try {
    const path = file({ id: "me.rude", title: `Invoice ${bidi}fdp${bell}` });
    const env = { OA_DATA: join(folder, "data") };
    for (const args of [
      ["upgrade", "validate", path],
      ["upgrade", "publish", path, "--author-from-key", "--relay", rude.url],
      ["upgrade", "yank", "me.rude@0.1.0", "--relay", rude.url],
    ]) {
      const { stdout, stderr } = await oa(args, env);
      assert.ok(![bell, bidi].some((text) => `${stdout}${stderr}`.includes(text)), args.join(" "));
    }
    const untold = await oa(["upgrade", "yank", "me.rude@0.1.0", "--relay", rude.url], env);
    assert.deepEqual([untold.code, /^Not taken back: no relay was told/.test(untold.stdout)], [1, true]);
    const gone = await oa(["upgrade", "yank", "me.rude@0.1.0", "--relay", "ws://127.0.0.1:9/"], env);
    assert.doesNotMatch(gone.stderr, /none of these relays shows/, "what was not reached shows nothing either way");
  } finally {
    await rude.close();
  }
});
