/**
 * A canary in the vault of a real daemon: it goes through every op, those that fail included, and every byte the worker
 * wrote or said is looked through for it, in every form it could have taken. Its rightful receiver gets it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { document, down, oa } from "../cli/oa.ts";
import { call, fail, i32, ifZero, type Writer, wasiModule } from "../fakes/wasi-module.ts";
import { needs } from "../needs.ts";
import {
  ask,
  authorization,
  CANARY,
  close,
  daemon,
  data,
  env,
  everyForm,
  FORMS,
  hits,
  home,
  host,
  model,
  NEXT_PASSPHRASE,
  open,
  other,
  PASSPHRASE,
  programs,
  received,
  recorded,
  relay,
  root,
  run,
  said,
  scan,
  tell,
  words,
} from "./canary-world.ts";

before(open);
after(close);

describe("a canary in the vault", () => {
  it("goes in by stdin, bound to its host, and cannot be read back", async () => {
    assert.equal(await tell(CANARY, "secrets", "set", "CANARY", "--host", host), 0);
    const listed = document(await words("secrets", "list")) as {
      vault: object;
      secrets: { name: string; hosts: string[]; used: object | null }[];
    };
    assert.deepEqual(listed.vault, { status: "open", kept_by: "passphrase" });
    assert.deepEqual(
      listed.secrets.map(({ name, hosts, used, ...rest }) => [name, hosts, used, Object.keys(rest)]),
      [["CANARY", [host], null, ["set_at"]]],
    );
  });

  it("reaches its rightful receiver, in a header and in an address", async () => {
    const done = await run([
      ask("/hook/${secrets.CANARY}?key=${secrets.CANARY}", { headers: { authorization, "x-a": "b" } }),
    ]);
    assert.deepEqual([done.status, done.code], ["succeeded", null]);
    const [request] = received;
    assert.equal(request?.headers.authorization, `Bearer ${CANARY}`);
    assert.equal(new URL(request?.path ?? "", `http://${host}`).searchParams.get("key"), CANARY);
  });

  it("is not in what flows from step to step, through every op", async () => {
    const clone = join(home, "clone");
    const done = await run(
      [
        { op: "fs.read", id: "read", path: join(home, "source/leak.txt") },
        { op: "fs.write", id: "write", path: join(home, "out.txt"), content: "${steps.read.content}" },
        { op: "fs.write", id: "object", path: join(home, "out.json"), content: { a: "${steps.read.content}" } },
        ask("/post", { method: "POST", headers: { authorization }, body: { copied: "${steps.read.content}" } }),
        { op: "git.clone", id: "clone", repo: join(home, "source"), dest: clone },
        { op: "searchkit.index", id: "index", path: clone, index: "canary" },
        { op: "searchkit.query", id: "query", index: "canary", query: "needle" },
        {
          op: "model.generate",
          id: "generate",
          backend: "ollama",
          prompt: "${steps.read.content} ${steps.ask.body}",
          max_tokens: 50,
        },
        { op: "model.embed", id: "embed", backend: "lexical-v1", texts: ["${steps.generate.text}"] },
        { op: "model.embed", id: "vectors", backend: "lexical-v1", index: "canary" },
        { op: "nostr.publish", id: "publish", kind: 1, content: "${steps.generate.text}" },
      ],
      { filesystem: [{ path: `${home}/**`, access: "read_write" }], network: [host], events: [1] },
    );
    assert.deepEqual([done.status, done.code], ["succeeded", null], JSON.stringify(done));
    const posted = received.at(-1);
    assert.equal(posted?.headers.authorization, `Bearer ${CANARY}`);
    assert.deepEqual(hits(posted?.body ?? CANARY), []);
    assert.match(posted?.body ?? "", /\[redacted\]/);
    assert.deepEqual(hits(readFileSync(join(home, "out.txt"), "latin1")), []);
    assert.deepEqual(hits(JSON.stringify(model.requests)), [], "no prompt holds it");
    assert.deepEqual(hits(JSON.stringify(relay.frames)), [], "nothing published holds it");
    const kept = relay.events.find(({ kind }) => kind === 1);
    assert.match(kept?.content ?? "", /\[redacted\]/);
  });

  /** Runs a program over what its steps gave, and over the folder that holds the canary. */
  const runProgram = (
    program: (writer: Writer) => readonly number[],
    before: readonly object[],
    after: readonly object[],
  ) => {
    const bytes = wasiModule(program);
    const path = `/program-${programs.size}.wasm`;
    programs.set(path, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const artifact = { url: `http://${host}${path}`, sha256, bytes: bytes.length };
    const [read, write] = [[join(home, "source")], [join(home, "work"), "${install.state}"]];
    const given = { stdin: "${steps.read.content}", args: ["${steps.read.content}"] };
    const code = { op: "code.run", id: "code", ...artifact, read, write, ...given };
    const permissions = {
      filesystem: [{ path: `${home}/**`, access: "read_write" }],
      ...{ network: [host], process: true, state_mb: 1 },
    };
    const first = { op: "fs.read", id: "read", path: join(home, "source/leak.txt") };
    return run([first, ...before, code, ...after], permissions, [], [{ type: "wasi", ...artifact }]);
  };
  /** Descriptors of a program's folders: what it may read, what it may write, and the upgrade's own state. */
  const [SOURCE, WORK, STATE] = [3, 4, 5];

  it("is not in what a program was given, said or left behind for others, once it has gone through the worker", {
    skip: needs("bwrap"),
  }, async () => {
    const everywhere = ({ open, copy, opened }: Writer) => [
      ...ifZero(open(STATE, "kept.txt", "create"), copy(i32(0), opened), fail),
      ...ifZero(open(SOURCE, "leak.txt"), copy(opened, i32(1)), fail),
      ...ifZero(open(SOURCE, "leak.txt"), copy(opened, i32(2)), fail),
      ...ifZero(open(SOURCE, "leak.txt"), [...i32(20), ...opened, 0x36, 2, 0], fail),
      ...ifZero(open(WORK, "copy.txt", "create"), copy([...i32(20), 0x28, 2, 0], opened), fail),
    ];
    const every = {
      ...{ stdout: "${steps.code.stdout}", stderr: "${steps.code.stderr}" },
      ...{ written: "${steps.back.content}", from_stdin: "${steps.kept.content}" },
    };
    const done = await runProgram(
      everywhere,
      [],
      [
        { op: "fs.read", id: "back", path: join(home, "work/copy.txt") },
        { op: "fs.read", id: "kept", path: "${install.state}/kept.txt" },
        { op: "fs.write", id: "keep", path: join(home, "said.json"), content: every },
      ],
    );
    assert.deepEqual([done.status, done.code], ["succeeded", null], JSON.stringify(done));
    assert.ok(hits(readFileSync(join(home, "work/copy.txt"), "latin1")).length > 3, "the program itself did have it");
    const kept = JSON.parse(readFileSync(join(home, "said.json"), "utf8")) as Readonly<Record<string, string>>;
    for (const [channel, words] of Object.entries(kept)) {
      assert.deepEqual(hits(words), [], channel);
      assert.match(words, /^needle\n.*\[redacted\]/, channel);
    }
  });

  it("is not in how a program's failure is recorded, wherever its words are cut", {
    skip: needs("bwrap"),
  }, async () => {
    for (const name of ["leak.txt", "late.txt"]) {
      const breaking = ({ open, copy, opened }: Writer) => [
        ...ifZero(open(SOURCE, name), copy(opened, i32(2)), fail),
        ...call("proc_exit", i32(3)),
      ];
      const done = await runProgram(breaking, [], []);
      assert.deepEqual([done.status, done.code], ["failed", "code_failed"]);
      const record = JSON.stringify(done);
      assert.match(record, /ended with 3: .*\[redacted\]/);
      assert.ok(!record.includes(CANARY.slice(0, 6)), "not even its beginning");
    }
  });

  const failures: readonly (readonly [string, () => readonly object[], string | null])[] = [
    [
      "an answer that quotes it",
      () => [ask("/fails/${secrets.CANARY}", { headers: { authorization } })],
      "http_status",
    ],
    [
      "a connection that is cut",
      () => [ask("/cut/${secrets.CANARY}", { headers: { authorization } })],
      "egress_unreachable",
    ],
    ["a redirect that carries it away", () => [ask("/away", { headers: { authorization } })], "secret_leak"],
    [
      "a host it is not bound to",
      () => [{ op: "http.request", url: `${other}/\${secrets.CANARY}`, headers: { authorization } }],
      "secret_not_bound",
    ],
    [
      "a secret that is not there",
      () => [ask("/", { headers: { authorization: "${secrets.OTHER}" } })],
      "secret_missing",
    ],
    ["a file that is not there", () => [{ op: "fs.read", path: join(home, "none.txt") }], "not_found"],
    [
      "a model that fails",
      () => [{ op: "model.generate", backend: "mlx", prompt: "a", max_tokens: 5 }],
      "backend_failed",
    ],
    [
      "an index that is not there",
      () => [{ op: "searchkit.query", index: "none", query: "a" }],
      "search_index_missing",
    ],
    [
      "a repository that is not there",
      () => [{ op: "git.clone", repo: join(home, "none"), dest: join(home, "x") }],
      "git_source_missing",
    ],
  ];
  for (const [what, pipeline, code] of failures) {
    it(`stays secret in failures: ${what}`, async () => {
      const steps = pipeline().map((step) => ({ retry: { max_attempts: 1 }, ...step }));
      const network = [host, new URL(other).host];
      const permissions = { network, filesystem: [{ path: `${home}/**`, access: "read_write" }] };
      const done = await run(steps, permissions);
      assert.deepEqual([done.status, done.code], ["failed", code]);
    });
  }

  it("in a manifest or an input, in whatever form, is refused before it is kept", async () => {
    const read = { op: "fs.read", path: join(home, "source/plain.txt") };
    const note = (content: string) => ({ op: "fs.write", path: join(home, "n.txt"), content });
    for (const form of Object.values(FORMS)) {
      const literal = await run([read, note(form.replaceAll("$", "$$"))]);
      assert.deepEqual([literal.status, literal.code], ["refused", "secret_leak"], form);
    }
    const before = said.length;
    const given = await run([read, note("${inputs.text}")], {}, ["--input", `text=a ${CANARY} b`]);
    assert.deepEqual([given.status, given.code], ["refused", "secret_leak"]);
    said.splice(before); // the command showed its owner what its owner had just typed
  });

  it("is in the log by its name: when it was set, and which step of which run it was sent for", async () => {
    const { secrets } = document(await words("secrets", "list")) as { secrets: { used: Record<string, string> }[] };
    const { used_at, ...used } = secrets[0]?.used ?? {};
    assert.ok(!Number.isNaN(Date.parse(String(used_at))));
    assert.equal(used.host, host);
    const set = await recorded("vault.secret_set");
    assert.deepEqual(set, [{ name: "CANARY", replaced: false }]);
    const uses = await recorded("vault.secret_used");
    assert.deepEqual(Object.keys(uses[0] ?? {}).sort(), ["host", "install_id", "name", "run_id", "step_id"]);
    assert.ok(uses.some(({ run_id, install_id }) => run_id === used.run_id && install_id === used.install_id));
    assert.deepEqual([...new Set(uses.map(({ name, step_id }) => `${name} ${step_id}`))], ["CANARY ask"]);
    assert.ok(!uses.some((use) => use.host !== host), "what was refused was not sent");
  });

  it("and its vault takes another passphrase from whoever has the one before, while the worker runs", async () => {
    const change = async (OA_PASSPHRASE: string, OA_NEW_PASSPHRASE: string) => {
      const answer = await oa(["secrets", "passphrase", "--json"], { ...env, OA_PASSPHRASE, OA_NEW_PASSPHRASE });
      said.push(answer.stdout, answer.stderr);
      return { code: answer.code, ...document(answer) } as { code: number; error?: { code: string } };
    };
    const wrong = await change("wrong horse battery staple", NEXT_PASSPHRASE);
    assert.deepEqual([wrong.code === 0, wrong.error?.code], [false, "vault_passphrase_wrong"]);
    assert.equal((await change(PASSPHRASE, "short")).error?.code, "secret_invalid");
    assert.deepEqual(await recorded("vault.passphrase_changed"), []);
    const stale_passphrase_file = join(root, "passphrase");
    const changed = await change(PASSPHRASE, NEXT_PASSPHRASE);
    assert.deepEqual(changed, { code: 0, changed: true, stale_passphrase_file } as object);
    assert.deepEqual(await recorded("vault.passphrase_changed"), [{}]);
    assert.equal((await change(PASSPHRASE, NEXT_PASSPHRASE)).error?.code, "vault_passphrase_wrong");
    const done = await run([ask("/again", { headers: { authorization } })]);
    assert.deepEqual([done.status, done.code], ["succeeded", null], "the vault is open as before");
  });

  it("and not one byte of what the worker wrote and said holds it", async (test: TestContext) => {
    const token = readFileSync(daemon.token_path, "utf8").trim();
    const get = async (path: string): Promise<string> => {
      const response = await fetch(`${daemon.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return response.text();
    };
    const spoken: Record<string, string> = {};
    for (const path of [
      "/metrics",
      "/v1/events?limit=500",
      "/v1/runs",
      "/v1/installs",
      "/v1/secrets",
      "/v1/audit/export",
    ]) {
      spoken[path] = await get(path);
    }
    const stream = await fetch(`${daemon.url}/v1/events?from_seq=0`, {
      headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
    });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    for (
      let next = await reader?.read();
      next?.value !== undefined && heard.length < 20_000;
      next = await reader?.read()
    ) {
      heard += next.value;
      if (heard.includes("canary.number3")) break;
    }
    await reader?.cancel();
    spoken["the stream of events"] = heard;
    const before_closing = scan(data);
    assert.equal((await words("export", "--to", join(root, "export.tar"))).code, 0);
    await down(daemon);
    spoken["the daemon's stderr"] = daemon.stderr();
    spoken.commands = said.join("\n");
    spoken["the export"] = readFileSync(join(root, "export.tar"), "latin1");
    const found = Object.entries(spoken).flatMap(([where, bytes]) => hits(bytes).map((form) => `${where}: ${form}`));
    const after_closing = scan(data);
    assert.deepEqual([...found, ...before_closing.found, ...after_closing.found], []);
    assert.ok(
      before_closing.names.some((name) => name.endsWith("-wal")),
      "the journal was looked through as well",
    );
    for (const name of ["worker.sqlite", "worker.log", "canary.db", "vault.json"]) {
      assert.ok(
        after_closing.names.some((path) => path.endsWith(name)),
        `${name} was looked through`,
      );
    }
    test.diagnostic(
      `${after_closing.names.length} files of ${after_closing.bytes} bytes, ${Object.keys(FORMS).length} forms: 0 hits`,
    );
  });

  it("which a look for what is there does find", () => {
    assert.deepEqual(
      Object.keys(FORMS).filter((form) => !hits(everyForm).includes(form)),
      [],
    );
    assert.ok(scan(join(home, "source")).found.length > 0);
    assert.ok(readFileSync(join(data, "worker.sqlite"), "latin1").includes("canary.number1"));
  });
});
