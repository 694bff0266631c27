import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { resolveWiring } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { sentenceOf } from "./consent.ts";
import { diffUpgrades } from "./diff.ts";
import { planOf } from "./plan.ts";
import { sideOf } from "./side.ts";
import { performedNeeds } from "./use.ts";
import { validateManifest } from "./validate.ts";

const base = {
  id: "a.b",
  version: "1.0.0",
  title: "Mini",
  author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
  capabilities: { platforms: ["macos"], backends: [] },
  schedule: { type: "manual" },
};
const ask = {
  id: "ask",
  op: "http.request",
  url: "https://api.example/x",
  headers: { authorization: "Bearer ${secrets.TOKEN}" },
};
const needs = (...pipeline: readonly object[]): readonly string[] =>
  validateManifest({ ...base, pipeline }).permissions.filter((permission) => permission.startsWith("secret:use:"));
const found = (change: object): readonly string[] =>
  validateManifest({ ...base, pipeline: [ask], ...change }).errors.map(({ path, code }) => `${path} ${code}`);

describe("a secret that a step refers to", () => {
  it("is a permission of its own, for the step's host", () => {
    assert.deepEqual(needs(ask), ["secret:use:TOKEN@api.example"]);
    assert.deepEqual(needs({ ...ask, url: "http://127.0.0.1:8080/" }), ["secret:use:TOKEN@127.0.0.1:8080"]);
    assert.deepEqual(
      needs({ op: "http.request", url: "https://hooks.example/${secrets.PATH_PART}?k=${secrets.KEY}" }),
      ["secret:use:KEY@hooks.example", "secret:use:PATH_PART@hooks.example"],
    );
    assert.deepEqual(needs({ ...ask, headers: { a: "$${secrets.TOKEN}" } }), [], "escaped, it is text");
  });
  it("is asked for in plain words", () => {
    assert.equal(
      sentenceOf("secret:use:TOKEN@api.example"),
      "Send your secret TOKEN to api.example, and nowhere else; it never sees the value.",
    );
  });
  it("is missed where it is not declared, and declared too widely where it is not used", () => {
    const tools = { tools: ["http.request"], network: ["api.example"] };
    const declared = (secrets: object[]) => {
      return validateManifest({ ...base, pipeline: [ask], permissions: { ...tools, secrets } });
    };
    assert.deepEqual(declared([]).under_ask, ["secret:use:TOKEN@api.example"]);
    const exact = declared([{ name: "TOKEN", host: "API.example" }]);
    assert.deepEqual([exact.under_ask, exact.over_ask], [[], []]);
    const elsewhere = declared([{ name: "TOKEN", host: "other.example" }]);
    assert.deepEqual(elsewhere.over_ask, ["secret:use:TOKEN@other.example"]);
    assert.deepEqual(elsewhere.under_ask, ["secret:use:TOKEN@api.example"]);
  });
  it("goes to the host of an input, known once the input is", () => {
    const inputs = { server: { type: "string" } } as const;
    const pipeline = [{ ...ask, url: "${inputs.server}" }];
    const permissions = { network: ["${inputs.server}"], secrets: [{ name: "TOKEN", host: "${inputs.server}" }] };
    const report = validateManifest({ ...base, inputs, pipeline, permissions });
    assert.deepEqual(report.errors, []);
    assert.ok(report.manifest);
    const plan = planOf(report.manifest, { server: "https://own.example/api" }, { home: "/home/me" });
    assert.ok(!isRejection(plan));
    assert.deepEqual(plan.permissions, [
      "network:egress:own.example",
      "secret:use:TOKEN@own.example",
      "tool:invoke:http.request",
    ]);
  });
  it("is refused where its host is known only while it runs", () => {
    const look = { id: "look", op: "http.request", url: "https://api.example/" };
    const pipeline = [look, { ...ask, url: "${steps.look.body}" }];
    assert.deepEqual(found({ pipeline }), ["/pipeline/1/headers secret_misplaced"]);
    const own = [{ ...ask, url: "https://${secrets.TOKEN}.example/" }];
    assert.deepEqual(found({ pipeline: own }).slice(0, 1), ["/pipeline/0/url secret_misplaced"]);
  });
  const places: readonly object[] = [
    { op: "fs.write", path: "~/a.txt", content: "${secrets.TOKEN}" },
    { op: "fs.write", path: "~/${secrets.TOKEN}", content: "a" },
    { op: "fs.read", path: "~/${secrets.TOKEN}" },
    { op: "http.request", url: "https://api.example/", method: "POST", body: "${secrets.TOKEN}" },
    { op: "http.request", url: "https://api.example/", method: "POST", body: { a: { b: "${secrets.TOKEN}" } } },
    { op: "http.request", url: "https://api.example/", method: "${secrets.TOKEN}" },
    { op: "model.generate", backend: "ollama", prompt: "${secrets.TOKEN}", max_tokens: 5 },
    { op: "model.embed", backend: "lexical-v1", texts: ["${secrets.TOKEN}"] },
    { op: "nostr.publish", kind: 1, content: "${secrets.TOKEN}" },
    { op: "nostr.publish", kind: 1, content: "", tags: [["t", "${secrets.TOKEN}"]] },
    { op: "git.clone", repo: "https://api.example/${secrets.TOKEN}", dest: "~/a" },
    { op: "searchkit.index", path: "~/a", index: "${secrets.TOKEN}" },
    { op: "searchkit.query", index: "a", query: "${secrets.TOKEN}" },
  ];
  for (const step of places) {
    it(`has no place in ${JSON.stringify(step)}`, () => {
      assert.ok(found({ pipeline: [step] }).some((error) => error.endsWith("secret_misplaced")));
    });
  }
  it("has no other form", () => {
    for (const text of [
      "${secrets}",
      "${secrets.}",
      "${secrets.A.B}",
      "${secrets.A-B}",
      "${secrets._A}",
      "${secrets.1}",
    ]) {
      assert.deepEqual(
        found({ pipeline: [{ ...ask, headers: { a: text } }] }),
        ["/pipeline/0/headers/a reference_invalid"],
        text,
      );
    }
  });
  it("is declared for one exact host", () => {
    const permissions = { network: ["*.example"], secrets: [{ name: "TOKEN", host: "*.example" }] };
    assert.ok(found({ permissions }).includes("/permissions/secrets/0/host host_invalid"));
    assert.ok(found({ permissions: { secrets: [{ name: "a.b", host: "api.example" }] } }).length > 0);
  });
  it("has no value but where something stands for it", () => {
    const scope = { inputs: {}, steps: new Map(), run: { id: "run" } };
    assert.throws(() => resolveWiring("${secrets.TOKEN}", scope), { code: "reference_unresolved" });
    assert.equal(resolveWiring("a ${secrets.TOKEN}", { ...scope, secret: (name) => `<${name}>` }), "a <TOKEN>");
  });
  it("counts as used by a step that was performed with it", () => {
    const { op, id: _, ...params } = ask;
    const used = performedNeeds({ op, params }, "/home/me");
    assert.ok(used.includes("secret:use:TOKEN@api.example"));
    assert.ok(
      !performedNeeds({ op, params: { ...params, headers: {} } }, "/home/me").some((need) =>
        need.startsWith("secret:"),
      ),
    );
  });
  it("cannot be named by a value", () => {
    const scope = { inputs: { a: "${secrets.TOKEN}" }, steps: new Map(), run: { id: "run" }, secret: () => "value" };
    assert.equal(resolveWiring("${inputs.a}", scope), "${secrets.TOKEN}");
  });
});

describe("an update that uses a secret otherwise asks again", () => {
  const side = (pipeline: readonly object[]) => {
    const { manifest } = validateManifest({ ...base, pipeline });
    const made = sideOf(manifest as UpgradeManifest);
    assert.ok(!isRejection(made));
    return made;
  };
  const widened = (pipeline: readonly object[]) =>
    diffUpgrades(side([ask]), side(pipeline)).widened.map(({ subject }) => subject);
  it("where it goes to another host", () => {
    assert.ok(widened([{ ...ask, url: "https://evil.example/" }]).includes("TOKEN@evil.example"));
  });
  it("where it is another secret", () => {
    assert.ok(widened([{ ...ask, headers: { a: "${secrets.OTHER}" } }]).includes("OTHER@api.example"));
  });
  it("and not where all stays as it was", () => assert.deepEqual(widened([ask]), []));
});

describe("a manifest never holds a secret itself", () => {
  const npm = `npm_${"aB3dE6gH9k".repeat(4).slice(0, 36)}`;
  it("where its author left one in", () => {
    assert.deepEqual(found({ pipeline: [{ ...ask, headers: { authorization: `Bearer ${npm}` } }] }), [
      "/pipeline/0/headers/authorization secret_leak",
    ]);
    assert.deepEqual(found({ inputs: { token: { type: "string", default: npm } } }), [
      "/inputs/token/default secret_leak",
    ]);
    assert.deepEqual(found({ summary: `nsec1${"q".repeat(58)}` }), ["/summary secret_leak"]);
  });
  it("and is not suspected for speaking of one", () => {
    assert.deepEqual(found({ summary: "Needs an npm token (npm_…), which it never sees." }), []);
  });
});
