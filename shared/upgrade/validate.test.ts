import assert from "node:assert/strict";
import { test } from "node:test";
import { constantFrom, jsonValue, oneof, property, assert as runProperty } from "fast-check";
import { LIMITS } from "../core/limits.ts";
import { manifestHash } from "../core/manifest-hash.ts";
import { type ManifestReport, validateManifest } from "./validate.ts";

const NPUB = "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul";
const OTHER = "npub1f49ke5fkzqev4x7j46uajq92f4zan6kcpty5yvm5c3g6wf2dqanqn7qsy2";
const base = {
  id: "a.b",
  version: "1.0.0",
  title: "Mini",
  author: { npub: NPUB },
  capabilities: { platforms: ["macos"], backends: [] },
  schedule: { type: "manual" },
  pipeline: [{ op: "fs.read", path: "~/a.txt" }],
};
const report = (change: object): ManifestReport => validateManifest({ ...base, ...change });
const found = (change: object): readonly string[] => report(change).errors.map(({ path, code }) => `${path} ${code}`);
const steps = (...pipeline: readonly object[]): object => ({ pipeline });

test("a sound manifest is valid and comes back typed", () => {
  const { valid, errors, manifest, permissions } = report({});
  assert.ok(valid && manifest?.id === "a.b");
  assert.deepEqual(errors, []);
  assert.deepEqual(permissions, ["filesystem:read:~/a.txt", "tool:invoke:fs.read"]);
});

test("a missing field is named where it is missing, an unknown one where it stands", () => {
  const { title: _, ...untitled } = base;
  assert.deepEqual(
    validateManifest(untitled).errors.map(({ path, code, message }) => [path, code, message]),
    [["/title", "schema_invalid", "title is missing"]],
  );
  assert.deepEqual(found({ shedule: {} }), ["/shedule unknown_field"]);
  assert.deepEqual(found({ policy: { retention: 1 } }), ["/policy/retention unknown_field"]);
});

test("values that are no object are refused without a fall", () => {
  for (const value of [null, 1, "x", [], undefined, true]) assert.equal(validateManifest(value).valid, false);
});

test("the version is SemVer 2.0.0", () => {
  for (const version of ["0.0.0", "1.2.3-rc.1+build.5", "10.20.30", "1.0.0-0A.is.legal"])
    assert.deepEqual(found({ version }), []);
  for (const version of ["1.0", "v1.0.0", "1.0.0-01", "01.0.0", "1.0.0\n", "", "1.0.0-", "1.0.0+"]) {
    assert.ok(found({ version }).includes("/version version_invalid"), version);
  }
});

test("keys need a right checksum", () => {
  assert.deepEqual(found({ author: { npub: NPUB.replace("wul", "wum") } }), ["/author/npub npub_invalid"]);
  assert.deepEqual(found({ author: { npub: "npub1author" } }), ["/author/npub npub_invalid"]);
});

test("a cron schedule needs an expression that fires, in a zone that exists, and a window that is one", () => {
  const schedule = (rest: object): object => ({ schedule: { type: "cron", expression: "0 2 * * *", ...rest } });
  assert.deepEqual(found(schedule({ timezone: "America/Chicago", window: { start: "22:00", end: "05:00" } })), []);
  assert.deepEqual(found({ schedule: { type: "cron" } }), ["/schedule/expression schedule_incomplete"]);
  assert.deepEqual(found(schedule({ expression: "0 25 * * *" })), ["/schedule/expression cron_invalid"]);
  assert.deepEqual(found(schedule({ expression: "0 0 30 2 *" })), ["/schedule/expression cron_invalid"]);
  assert.deepEqual(found(schedule({ timezone: "America/Springfield" })), ["/schedule/timezone time_zone_unknown"]);
  assert.deepEqual(found(schedule({ window: { start: "24:00", end: "5:00" } })), [
    "/schedule/window/start window_invalid",
    "/schedule/window/end window_invalid",
  ]);
  assert.deepEqual(found(schedule({ window: { start: "05:00", end: "05:00" } })), ["/schedule/window window_invalid"]);
});

test("prices and shares add up", () => {
  const shares = (...bps: readonly number[]): object => ({
    pricing: {
      model: "per-run",
      amount_sats: 5,
      revenue_split: bps.map((share, index) => ({ npub: [NPUB, OTHER][index], bps: share })),
    },
  });
  assert.deepEqual(found(shares(8000, 2000)), []);
  assert.deepEqual(found(shares(8000, 1999)), ["/pricing/revenue_split revenue_split_invalid"]);
  assert.deepEqual(found({ pricing: { model: "per-month" } }), ["/pricing/amount_sats price_invalid"]);
  assert.deepEqual(found({ pricing: { model: "free", amount_sats: 1 } }), ["/pricing/amount_sats price_invalid"]);
  assert.deepEqual(found({ pricing: { model: "per-run", amount_sats: 5, trial_runs: 3 } }), []);
  assert.deepEqual(found({ pricing: { model: "free", trial_runs: 3 } }), ["/pricing/trial_runs price_invalid"]);
});

test("an unknown op is refused with the ops there are", () => {
  const [error] = report(steps({ op: "rm.rf" })).errors;
  assert.equal(error?.path, "/pipeline/0/op");
  assert.equal(error?.code, "op_unknown");
  assert.match(error?.message ?? "", /git\.clone/);
  assert.deepEqual(found(steps({ op: "constructor" })), ["/pipeline/0/op op_unknown"]);
});

test("parameters keep their op's schema", () => {
  assert.deepEqual(found(steps({ op: "fs.read" })), ["/pipeline/0/path params_invalid"]);
  assert.deepEqual(found(steps({ op: "fs.read", path: 5 })), ["/pipeline/0/path params_invalid"]);
  assert.deepEqual(found(steps({ op: "fs.read", path: "/a", mode: "x" })), ["/pipeline/0/mode params_invalid"]);
  assert.deepEqual(found(steps({ op: "fs.read", path: "/a", id: "r", timeout_ms: 5, retry: { max_attempts: 1 } })), []);
});

test("references lead to inputs and to earlier steps' results, by name and type", () => {
  const inputs = { text: { type: "string" }, count: { type: "integer" }, list: { type: "string_list" } };
  const at = (value: unknown, param = "path", first: object = {}): readonly string[] =>
    found({
      inputs,
      pipeline: [
        { op: "fs.read", id: "first", path: "/a", ...first },
        { op: "fs.read", path: "/b", [param]: value },
      ],
    });
  assert.deepEqual(at("${steps.first.content}"), []);
  assert.deepEqual(at("/x/${run.id}/${inputs.text}"), []);
  assert.deepEqual(at("${inputs.count}", "max_bytes"), []);
  assert.deepEqual(at("${steps.first.bytes}", "max_bytes"), []);
  assert.deepEqual(at("$${inputs.nope}/x", "encoding"), ["/pipeline/1/encoding params_invalid"]);
  for (const dangling of [
    "${inputs.nope}",
    "${steps.second.content}",
    "${steps.first.nope}",
    "${steps.first.content.deep}",
    "${steps.step_2.content}",
    "${inputs.__proto__}",
  ]) {
    assert.deepEqual(at(dangling), ["/pipeline/1/path reference_unknown"], dangling);
  }
  assert.deepEqual(at("${inputs.nope"), ["/pipeline/1/path reference_invalid"]);
  assert.deepEqual(at("${env.HOME}"), ["/pipeline/1/path reference_invalid"]);
  assert.deepEqual(at("${inputs.text}", "max_bytes"), ["/pipeline/1/max_bytes reference_type"]);
  assert.deepEqual(at("${inputs.list}"), ["/pipeline/1/path reference_type"]);
  assert.deepEqual(at("${steps.first.content}", "max_bytes"), ["/pipeline/1/max_bytes reference_type"]);
  assert.deepEqual(at("1${inputs.count}", "max_bytes"), ["/pipeline/1/max_bytes reference_type"]);
  assert.deepEqual(at("/b", "path", { path: "${steps.step_2.content}" }), ["/pipeline/0/path reference_unknown"]);
});

test("a result that is open may be referred to at any depth", () => {
  const fetch = { op: "http.request", id: "f", url: "https://a.com/" };
  assert.deepEqual(found(steps(fetch, { op: "fs.write", path: "~/x", content: "${steps.f.json.0.tag_name}" })), []);
  assert.deepEqual(found(steps(fetch, { op: "fs.write", path: "~/x", content: "${steps.f.status.x}" })), [
    "/pipeline/1/content reference_unknown",
  ]);
});

test("an input's default is judged as the parameter it fills", () => {
  const change = (value: unknown): object => ({
    inputs: { encoding: { type: "string", default: value } },
    pipeline: [{ op: "fs.read", path: "/a", encoding: "${inputs.encoding}" }],
  });
  assert.deepEqual(found(change("utf8")), []);
  assert.deepEqual(found(change("latin1")), ["/pipeline/0/encoding params_invalid"]);
  assert.deepEqual(found(change(5)), ["/inputs/encoding/default input_invalid"]);
});

test("two steps with one id are refused, the implied ids included", () => {
  const step = { op: "fs.read", path: "/a" };
  assert.deepEqual(found(steps({ ...step, id: "a" }, { ...step, id: "a" })), ["/pipeline/1/id step_duplicate"]);
  assert.deepEqual(found(steps(step, { ...step, id: "step_1" })), ["/pipeline/1/id step_duplicate"]);
});

test("paths that climb, are relative or hold control characters are refused", () => {
  for (const path of ["../x", "/a/../b", "~/..", "a/b", "/a\u0000b", "~root/x", "file:///etc/passwd"]) {
    assert.deepEqual(found(steps({ op: "fs.read", path })), ["/pipeline/0/path path_unsafe"], path);
    assert.deepEqual(found({ permissions: { filesystem: [path] } }), ["/permissions/filesystem/0 path_unsafe"], path);
  }
  assert.deepEqual(found({ inputs: { p: { type: "path", default: "~/../x" } } }), ["/inputs/p/default path_unsafe"]);
  assert.deepEqual(
    found({ inputs: { p: { type: "path" } }, pipeline: [{ op: "fs.read", path: "${inputs.p}/../x" }] }),
    ["/pipeline/0/path path_unsafe"],
  );
  assert.deepEqual(found(steps({ op: "git.clone", repo: "file:///etc", dest: "~/x" })), [
    "/pipeline/0/repo path_unsafe",
  ]);
});

test("a pattern with many wildcards is refused, since judging what it covers could take for ever", () => {
  const glob = (count: number): object => ({ permissions: { filesystem: [`~/${"*a".repeat(count)}`] } });
  assert.deepEqual(found(glob(LIMITS.permission_wildcards)), []);
  assert.deepEqual(found(glob(LIMITS.permission_wildcards + 1)), ["/permissions/filesystem/0 path_unsafe"]);
});

test("triggers watch safe paths, and an event schedule has one", () => {
  assert.deepEqual(found({ schedule: { type: "event" } }), ["/triggers schedule_incomplete"]);
  const watch = (glob: string): object => ({
    permissions: { filesystem: ["~/Projects/**"] },
    schedule: { type: "event" },
    triggers: [{ type: "file_change", glob }],
  });
  assert.deepEqual(found(watch("~/Projects/**.swift")), []);
  assert.deepEqual(found(watch("~/../**")), ["/triggers/0/glob path_unsafe"]);
});

test("declared hosts are hosts, and declared templates name inputs", () => {
  assert.deepEqual(found({ permissions: { network: ["a.com", "*.b.org", "1.2.3.4:80"] } }), []);
  assert.deepEqual(found({ permissions: { network: ["https://a.com/x"] } }), ["/permissions/network/0 host_invalid"]);
  assert.deepEqual(found({ permissions: { network: ["*"] } }), ["/permissions/network/0 host_invalid"]);
  assert.deepEqual(found({ permissions: { filesystem: ["${inputs.x}/**"] } }), [
    "/permissions/filesystem/0 reference_unknown",
  ]);
  assert.deepEqual(found({ permissions: { filesystem: ["${run.id}/**"] } }), [
    "/permissions/filesystem/0 reference_unknown",
  ]);
});

test("permissions are the least the pipeline needs, and stay open where an input is", () => {
  const { permissions } = report({
    inputs: {
      url: { type: "string" },
      host: { type: "string" },
      repo: { type: "string" },
      dir: { type: "path", default: "~/d" },
    },
    pipeline: [
      { op: "git.clone", repo: "git@github.com:a/b.git", dest: "${inputs.dir}/clone" },
      { op: "git.clone", repo: "${inputs.repo}", dest: "${inputs.dir}" },
      { op: "git.clone", repo: "/srv/repo", dest: "~/e [1]" },
      { op: "http.request", url: "${inputs.url}" },
      { op: "http.request", url: "https://${inputs.host}/x?y=${run.id}" },
      { op: "http.request", url: "https://api.example.com:8443/${inputs.host}" },
      { op: "fs.write", path: "~/out/${run.id}.md", content: "" },
      { op: "nostr.publish", kind: 1, content: "x" },
    ],
  });
  assert.deepEqual(permissions, [
    "event:publish:1",
    "filesystem:read:${inputs.repo}/**",
    "filesystem:read:/srv/repo/**",
    "filesystem:write:~/d/**",
    "filesystem:write:~/e \\[1\\]/**",
    "filesystem:write:~/out/*.md",
    "network:egress:${inputs.host}",
    "network:egress:${inputs.repo}",
    "network:egress:${inputs.url}",
    "network:egress:api.example.com:8443",
    "network:egress:github.com",
    "tool:invoke:fs.write",
    "tool:invoke:git.clone",
    "tool:invoke:http.request",
    "tool:invoke:nostr.publish",
  ]);
});

test("asking for more or less than needed is reported, and is no error", () => {
  const { valid, over_ask, under_ask } = report({
    permissions: { filesystem: [{ path: "~/b/**", access: "read" }], tools: ["fs.read", "fs.write"] },
  });
  assert.ok(valid);
  assert.deepEqual(over_ask, ["filesystem:read:~/b/**", "tool:invoke:fs.write"]);
  assert.deepEqual(under_ask, ["filesystem:read:~/a.txt"]);
});

test("a manifest that is too large is refused at once", () => {
  assert.deepEqual(
    found({ pipeline: Array(9).fill({ op: "fs.write", path: "/a", content: "x".repeat(LIMITS.manifest_chars / 8) }) }),
    [" too_large"],
  );
});

test("of very many errors the first are told", () => {
  assert.equal(found({ tags: Array(20_000).fill(1) }).length, LIMITS.manifest_errors);
  assert.equal(report({ triggers: Array(200).fill({ type: "full_moon" }), pipeline: 0 }).valid, false);
});

test("the manifest's hash covers all but signing, whatever the order of the keys", () => {
  const hash = manifestHash(base);
  assert.equal(
    manifestHash({ signing: { manifest_sha256: "x" }, ...Object.fromEntries(Object.entries(base).reverse()) }),
    hash,
  );
  assert.notEqual(manifestHash({ ...base, title: "Mine" }), hash);
});

test("whatever stands in place of a part, validation answers with errors and never falls", () => {
  const full = {
    ...base,
    inputs: { a: { type: "string", default: "x" } },
    permissions: { filesystem: ["~/a"], network: ["a.com"] },
    schedule: { type: "cron", expression: "0 2 * * *", timezone: "UTC", window: { start: "01:00", end: "02:00" } },
    triggers: [{ type: "file_change", glob: "~/a" }],
    pipeline: [
      { op: "http.request", id: "f", url: "https://a.com/${inputs.a}", headers: { a: "b" } },
      { op: "model.embed", backend: "mlx", texts: ["${steps.f.body}"] },
    ],
    pricing: { model: "per-run", amount_sats: 1, revenue_split: [{ npub: NPUB, bps: 10_000 }] },
  };
  const places: (readonly string[])[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    places.push(path);
    if (typeof value === "object" && value !== null)
      for (const [name, part] of Object.entries(value)) walk(part, [...path, name]);
  };
  walk(full, []);
  const replaced = (value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown => {
    if (name === undefined) return by;
    const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
    copy[name] = replaced(copy[name], rest, by);
    return copy;
  };
  const odd = oneof(
    jsonValue(),
    constantFrom("${inputs.a}", "${steps.f.body}", "${", "$${", "..", "constructor", "\ud800", {}, [], -1),
  );
  runProperty(
    property(constantFrom(...places), odd, (path, value) => {
      const result = validateManifest(replaced(full, path, value));
      assert.equal(result.valid, result.errors.length === 0);
      assert.equal(result.valid, result.manifest !== null);
    }),
    { numRuns: 2_000 },
  );
  assert.deepEqual(validateManifest(full).errors, []);
});

test("only what the upgrade may read may be watched", () => {
  const watch = (glob: string, permissions: object = {}, rest: object = {}): object => ({
    triggers: [{ type: "file_change", glob }],
    permissions,
    ...rest,
  });
  const src = { filesystem: ["~/src/**"] };
  assert.deepEqual(found(watch("~/src/**/*.ts", src)), []);
  assert.deepEqual(found(watch("~/src/**.ts", src)), []);
  assert.deepEqual(found(watch("~/src/**", { filesystem: ["/**"] })), []);
  assert.deepEqual(report(watch("~/src/**/*.ts", src)).over_ask, ["filesystem:write:~/src/**"]);
  // What the pipeline reads itself may be watched without being declared again.
  assert.deepEqual(found(watch("~/a.txt")), []);
  for (const glob of ["~/other/**", "~/**", "/src/**", "~/srcs/a"]) {
    assert.deepEqual(found(watch(glob, src)), ["/triggers/0/glob trigger_not_granted"], glob);
  }
  assert.deepEqual(found(watch("~/src/**", { filesystem: [{ path: "~/src/**", access: "write" }] })), [
    "/triggers/0/glob trigger_not_granted",
  ]);
  assert.deepEqual(found(watch("~/src/../**", src)), ["/triggers/0/glob path_unsafe"]);
  const inputs = { inputs: { where: { type: "path", default: "~/src" } } };
  assert.deepEqual(found(watch("${inputs.where}/*.ts", src, inputs)), []);
  assert.deepEqual(found(watch("${inputs.there}/*.ts", src, inputs)), ["/triggers/0/glob reference_unknown"]);
  assert.deepEqual(found(watch("${inputs.where}/*.ts", { filesystem: ["~/other/**"] }, inputs)), [
    "/triggers/0/glob trigger_not_granted",
  ]);
});

test("a trigger's filter is one that a relay would take", () => {
  const filtered = (filter: object): object => ({ triggers: [{ type: "nostr_event", kinds: [1], filter }] });
  assert.deepEqual(found(filtered({ "#t": ["reindex"], authors: ["ab".repeat(32)] })), []);
  assert.deepEqual(found(filtered({ "#e": ["not hex"] })), ["/triggers/0/filter filter_invalid"]);
});
