/** The dependency table, the purity of the domain and the pairings a newcomer must not be able to forget. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");
const toPosix = (path: string): string => path.split(sep).join("/");

function filesUnder(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => toPosix(relative(root, join(entry.parentPath, entry.name))))
    .filter((path) => !/(^|\/)(node_modules|dist|\.astro)\//.test(path))
    .sort();
}

const code = (path: string): string => readFileSync(join(root, path), "utf8");
/** Source without comments, so that prose about `Date.now()` is no use of it. */
const bare = (path: string): string => code(path).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every import of a file, workspace packages and relative paths as repository paths, others as package names. */
function importsOf(path: string): readonly Import[] {
  const pattern = /(?:import|export)\s[^"';]*?from\s*"([^"]+)"|import\s*\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm;
  return [...bare(path).matchAll(pattern)].map((match) => {
    const to = match[1] ?? match[2] ?? match[3] ?? "";
    if (to.startsWith(".")) return { from: path, to: posix.join(dirname(path), to) };
    if (to.startsWith("@oa/")) return { from: path, to: to.slice("@oa/".length) };
    return {
      from: path,
      to: to.startsWith("node:")
        ? to
        : to
            .split("/")
            .slice(0, to.startsWith("@") ? 2 : 1)
            .join("/"),
    };
  });
}

const PLACES = ["schemas", "shared", "edge", "worker", "site", "test", "scripts"];
const sources = PLACES.flatMap((place) => filesUnder(place, /\.(ts|astro)$/)).filter(
  (path) => !path.startsWith("shared/generated/"),
);
const imports = sources.flatMap(importsOf);
const isLocal = (path: string): boolean => PLACES.some((place) => path.startsWith(`${place}/`));
const isTest = (path: string): boolean => path.startsWith("test/") || path.endsWith(".test.ts");

/** The room of a file: `shared/<folder>`, `worker/<folder or file>`, else the top folder. */
function room(path: string): string {
  const [place = "", part = ""] = path.split("/");
  return place === "shared" || place === "worker" ? `${place}/${part.replace(/(\.test)?\.ts$/, "")}` : place;
}

const SHARED_BASE = ["shared/generated", "shared/core", "shared/nostr", "shared/policy"];
const WORKER_BELOW: Readonly<Record<string, readonly string[]>> = {
  "worker/config": [],
  "worker/adapters": ["worker/config"],
  "worker/backends": ["worker/config", "worker/adapters"],
  "worker/searchkit": ["worker/config", "worker/adapters"],
  "worker/wallets": ["worker/config", "worker/adapters"],
  "worker/agents": ["worker/config", "worker/adapters"],
};
const WORKER_ORDER = [
  "worker/config",
  "worker/adapters",
  "worker/backends",
  "worker/searchkit",
  "worker/wallets",
  "worker/agents",
  "worker/ops",
  "worker/engine",
  "worker/loops",
  "worker/admin",
  "worker/main",
  "worker/cli",
  "worker/start",
];

/** Why one room may not import another, or null where it may. */
function objection({ from, to }: Import): string | null {
  const [a, b] = [room(from), room(to)];
  if (a === b) return null;
  if (a.startsWith("shared/")) {
    if (!b.startsWith("shared/")) return "shared imports only itself";
    const [rank, below] = [SHARED_BASE.indexOf(a), SHARED_BASE.indexOf(b)];
    if (rank >= 0) return below >= 0 && below < rank ? null : `${a} is below ${b}`;
    if (a === "shared/api") return null;
    return below >= 0 ? null : "a slice imports no other slice";
  }
  if (b.startsWith("shared/") || b === "schemas" || a === "test" || a === "scripts") return null;
  if (a === "schemas") return "schemas import nothing";
  if (a.startsWith("worker/")) {
    if (!b.startsWith("worker/")) return "the worker reaches edge and site by path, never by import";
    const below = WORKER_BELOW[a];
    if (below !== undefined) return below.includes(b) ? null : `${a} may not know ${b}`;
    return WORKER_ORDER.indexOf(b) < WORKER_ORDER.indexOf(a) ? null : `${a} is below ${b}`;
  }
  return "edge, worker and site never import each other";
}

/** Files that import each other, directly or around corners, in groups (Tarjan's strongly connected components). */
function circlesOf(edges: readonly Import[]): readonly (readonly string[])[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const circles: (readonly string[])[] = [];
  const path: string[] = [];
  const found = new Map<string, number>();
  /** The earliest file of the path that can be come back to from this one; Infinity for none. */
  const visit = (file: string): number => {
    const known = found.get(file);
    if (known !== undefined) return known;
    const own = found.size;
    found.set(file, own);
    path.push(file);
    const earliest = Math.min(own, ...(next.get(file) ?? []).map(visit));
    if (earliest < own) return earliest;
    const group = path.splice(path.indexOf(file));
    for (const each of group) found.set(each, Number.POSITIVE_INFINITY);
    if (group.length > 1 || next.get(file)?.includes(file)) circles.push(group);
    return Number.POSITIVE_INFINITY;
  };
  for (const file of next.keys()) visit(file);
  return circles;
}

describe("dependencies point one way", () => {
  it("every folder of the worker has its place in the order", () => {
    const rooms = new Set(sources.filter((path) => path.startsWith("worker/")).map(room));
    assert.deepEqual(
      [...rooms].filter((name) => !WORKER_ORDER.includes(name)),
      [],
    );
  });
  it("no import breaks the table", () => {
    const broken = imports
      .filter(({ from, to }) => !isTest(from) && isLocal(to) && !to.startsWith("shared/package.json"))
      .map((item) => ({ ...item, why: objection(item) }))
      .filter(({ why }) => why !== null);
    assert.deepEqual(broken, []);
  });
  it("no file imports itself around corners", () => {
    const circles = circlesOf(imports).map((group) =>
      imports.flatMap(({ from, to }) => (group.includes(from) && group.includes(to) ? [`${from} imports ${to}`] : [])),
    );
    assert.deepEqual(circles, []);
  });
  it("the search for circles finds them, and the one file that imports itself", () => {
    const edges = ["a b", "b c", "c a", "c d", "d e", "f f", "e g"].map((edge) => edge.split(" "));
    const circles = circlesOf(edges.map(([from = "", to = ""]) => ({ from, to })));
    assert.deepEqual(circles.map((group) => [...group].sort()).sort(), [["a", "b", "c"], ["f"]]);
  });
  it("shared uses only its allowed packages", () => {
    const common = ["nostr-tools", "@noble/curves", "@noble/hashes", "@noble/ciphers", "@scure/base", "@scure/bip39"];
    const broken = imports.filter(
      ({ from, to }) =>
        from.startsWith("shared/") &&
        !isTest(from) &&
        !isLocal(to) &&
        !(from.startsWith("shared/api/") ? [...common, "hono"] : common).includes(to),
    );
    assert.deepEqual(broken, []);
  });
});

describe("shared is pure", () => {
  const IMPURE = [
    /\bDate\.now\b/,
    /\bnew Date\(\s*\)/,
    /\bMath\.random\b/,
    /(?<![/\w])process\./,
    /\bglobalThis\b/,
    /\bconsole\./,
  ];
  const OUTSIDE_API = [/\bfetch\(/, /\bsetTimeout\b/, /\bsetInterval\b/, /\bcrypto\./, /\bperformance\./];
  for (const path of sources.filter((path) => path.startsWith("shared/") && !isTest(path))) {
    it(`${path} has no clock, no randomness and no I/O`, () => {
      const text = bare(path);
      const forbidden = path.startsWith("shared/api/") ? IMPURE : [...IMPURE, ...OUTSIDE_API];
      assert.deepEqual(forbidden.filter((pattern) => pattern.test(text)).map(String), []);
    });
  }
});

describe("each thing has one obvious place", () => {
  const OPEN_DOORS: Readonly<Record<string, readonly string[]>> = {
    "node:child_process": [
      "worker/adapters/process.ts",
      "worker/adapters/tunnel-bridge.ts",
      "worker/adapters/workerd-guard.ts",
      "scripts/check.ts",
      "scripts/test.ts",
    ],
    "node:sqlite": ["worker/adapters/sqlite.ts", "worker/adapters/data-lock.ts", "worker/searchkit/database.ts"],
    // A relay is a WebSocket to addresses that were checked like those of a request.
    ws: ["worker/adapters/relay-connection.ts"],
    // The tunnel connects sandboxed programs; the bridge is its other end; edge.ts looks for a free port of this machine.
    "node:net": [
      "worker/adapters/edge.ts",
      "worker/adapters/http-exchange.ts",
      "worker/adapters/ip-address.ts",
      "worker/adapters/tunnel-bridge.ts",
      "worker/adapters/tunnel.ts",
    ],
    "node:dns": [],
    "node:dns/promises": ["worker/adapters/egress.ts"],
    "node:tls": [],
    "node:dgram": [],
    "node:http2": [],
    undici: [],
    "node:http": ["worker/adapters/http-exchange.ts"],
    "node:https": ["worker/adapters/http-exchange.ts"],
  };
  for (const [module, doors] of Object.entries(OPEN_DOORS)) {
    it(`only its adapter imports ${module}`, () => {
      const others = imports.filter(({ from, to }) => to === module && !isTest(from) && !doors.includes(from));
      assert.deepEqual(
        others.map(({ from }) => from),
        [],
      );
    });
  }
  it("nothing of the worker connects by the runtime's own means, but to its own control API and its own edge", () => {
    const own = ["worker/cli/control-client.ts", "worker/start.ts"];
    const door = /(?<![.\w"'`])(?:fetch\(|new (?:WebSocket|EventSource)\()|globalThis\.fetch\(|\bdial\(/;
    const doors = ["worker/adapters/relay-connection.ts", "worker/adapters/tunnel.ts", ...own];
    const others = sources.filter((path) => path.startsWith("worker/") && !isTest(path) && door.test(bare(path)));
    assert.deepEqual(
      others.filter((path) => !doors.includes(path)),
      [],
    );
  });
  it("nothing is published around the policy gate", () => {
    const senders: Readonly<Record<string, string>> = {
      "worker/adapters/relay-pool.ts": "the pool itself",
      "worker/adapters/remote-signer.ts": "asks the signer its owner named, sealed to it alone",
      "worker/engine/publisher.ts": "steps and completion notes, which the engine has judged",
      "worker/engine/own-publish.ts": "everything outside of runs; it asks refuseOwn, and records it",
      "worker/engine/compliance.ts": "hands on to the publisher of a run, once what is said was read",
      "worker/engine/guarded-effects.ts": "hands on to the publisher of a run",
      "worker/engine/note.ts": "asks evaluate, then hands on to the publisher of notes",
      "worker/ops/nostr-publish.ts": "a step, which the engine has judged",
    };
    const calls = sources.filter((path) => path.startsWith("worker/") && !isTest(path));
    assert.deepEqual(calls.filter((path) => /\.publish\(/.test(bare(path))).sort(), Object.keys(senders).sort());
    // A function that was taken off the pool would not be seen above.
    const taken = /\bpublish\b[^}]*\}\s*=\s*(?:options\.|this\.)?pool\b|\bpool\.publish\b(?!\()/;
    assert.deepEqual(
      calls.filter((path) => taken.test(bare(path))),
      [],
    );
    assert.match(code("worker/engine/own-publish.ts"), /refuseOwn\(write/);
    for (const path of ["worker/engine/drive.ts", "worker/engine/held-steps.ts"]) {
      assert.match(code(path), /judgeStep\(/, path);
    }
  });
  it("a site is published through the policy gate alone, and nothing hands in a decision around it", () => {
    const doors = (to: string) =>
      imports.filter((item) => item.to === to && !isTest(item.from)).map(({ from }) => from);
    assert.deepEqual(doors("worker/adapters/site-publish.ts"), ["worker/engine/own-publish.ts"]);
    const uploads = sources.filter((path) => path.startsWith("worker/") && /\/v1\/site\b/.test(bare(path)));
    assert.deepEqual(uploads, ["worker/adapters/site-publish.ts"]);
    const posts = sources.filter(
      (path) => path.startsWith("worker/") && !isTest(path) && /\bedge\.post\b/.test(bare(path)),
    );
    // A receipt is handed in to be verified; a decision leaves in the owner's name.
    assert.deepEqual(posts, ["worker/admin/moderation.ts", "worker/admin/receipts.ts"]);
    assert.match(code("worker/admin/moderation.ts"), /passOwn\([^;]*edge\.post/);
  });
  it("only what the worker does for itself starts a program outside the sandbox", () => {
    const outside = [
      "worker/adapters/edge-build.ts",
      "worker/adapters/keys.ts",
      "worker/adapters/machine-sandbox.ts",
      "worker/adapters/process.ts",
      "worker/adapters/site-build.ts",
      "worker/cli/service-of.ts",
      "worker/main/doctor-alone.ts",
      "worker/main/outside.ts",
      "worker/main/secrets.ts",
    ];
    const users = sources.filter((path) => !isTest(path) && /\bopenProcesses\(/.test(bare(path)));
    assert.deepEqual(
      users.filter((path) => !outside.includes(path)),
      [],
    );
    const held = sources.filter((path) => !isTest(path) && /\bholdProcess\(/.test(bare(path)));
    assert.deepEqual(held, ["worker/adapters/process.ts", "worker/backends/model-host.ts"]);
    for (const path of sources.filter((path) => path.startsWith("worker/ops/") && !isTest(path))) {
      assert.doesNotMatch(bare(path), /\bProcesses\b.*adapters\/process/, path);
    }
  });
  it("no file is longer than 400 lines", () => {
    const long = sources
      .map((path) => [path, code(path).split("\n").length] as const)
      .filter(([, lines]) => lines > 401);
    assert.deepEqual(long, []);
  });
  it("no file re-exports another, and none has a name that says nothing", () => {
    const vague = /(^|\/)(utils?|helpers?|common|manager|service|types|misc)(\.|\/)/;
    assert.deepEqual(
      sources.filter((path) => vague.test(path)),
      [],
    );
    assert.deepEqual(
      sources.filter((path) => /^export\s+(\*|(type\s*)?\{[^}]*\})\s+from/m.test(bare(path))),
      [],
    );
  });
  it("every op has a schema and a function, and the table lists it", () => {
    const schemas = filesUnder("schemas/op", /\.json$/).map((path) =>
      posix.basename(path, ".json").replaceAll(/[._]/g, "-"),
    );
    const functions = filesUnder("worker/ops", /\.ts$/)
      .filter((path) => !isTest(path))
      .map((path) => posix.basename(path, ".ts"))
      .filter((name) => schemas.includes(name) || /^[a-z]+-[a-z]+$/.test(name));
    assert.deepEqual(functions.sort(), schemas.sort());
    for (const name of schemas) assert.match(code("worker/ops/index.ts"), new RegExp(`"\\./${name}\\.ts"`));
  });
  it("every rule of the policy is listed and tested, and so is every prohibited use", () => {
    const plain = (folder: string) => filesUnder(folder, /\.ts$/).filter((path) => !isTest(path));
    const rules = plain("shared/policy/rules").filter((path) => !path.endsWith("/index.ts"));
    assert.notEqual(rules.length, 0);
    for (const path of rules) {
      const file = posix.basename(path);
      assert.match(code("shared/policy/rules/index.ts"), new RegExp(`"\\./${file.replace(".", "\\.")}"`), path);
      assert.match(code(path.replace(/\.ts$/, ".test.ts")), new RegExp(`"\\./${file.replace(".", "\\.")}"`), path);
    }
    const uses = plain("shared/policy/aup").filter((path) => /^export const \w+: AupCategory\b/m.test(code(path)));
    for (const path of uses) {
      const name = posix.basename(path, ".ts");
      assert.match(code("shared/policy/aup/categories.ts"), new RegExp(`"\\./${name}\\.ts"`), path);
      assert.deepEqual(Object.keys(JSON.parse(code(`test/vectors/aup/${name}.json`))), ["caught", "innocent"], path);
    }
  });
  it("every slice of events has its rules in the folder of the same name", () => {
    const slices = filesUnder("schemas/event", /\.json$/).map((path) => posix.basename(path, ".json"));
    for (const slice of slices.filter((name) => name !== "envelope")) {
      const rules = filesUnder(`shared/${slice}`, /^(decider|process|views)\.ts$/);
      assert.notEqual(rules.length, 0, `schemas/event/${slice}.json has no rules in shared/${slice}`);
    }
  });
  it("every Nostr kind with a file of its own has a schema of the same name", () => {
    const kinds = (folder: string, ending: RegExp): readonly string[] =>
      filesUnder(folder, ending)
        .map((path) => posix.basename(path).replace(ending, ""))
        .filter((name) => /^\d{5}-/.test(name) && !name.endsWith(".test"));
    assert.deepEqual(kinds("shared/nostr", /\.ts$/), kinds("schemas/nostr", /\.json$/));
  });
  it("no route reads a body except through a generated validator", () => {
    const routes = [...filesUnder("shared/api/routes", /\.ts$/), ...filesUnder("edge/routes", /\.ts$/)];
    // The benchmark's route, which only a binding of the benchmark enables, reads its own events.
    const raw = routes.filter((path) => path !== "edge/routes/bench.ts" && /\.json\(\s*\)/.test(bare(path)));
    assert.deepEqual(raw, []);
  });
  it("every command is in the table, from which help and completion come", () => {
    const commands = filesUnder("worker/cli", /\.ts$/).filter((path) => /^export const command\b/m.test(code(path)));
    assert.notEqual(commands.length, 0);
    for (const path of commands) {
      assert.match(code("worker/cli/commands.ts"), new RegExp(`\\./${posix.basename(path).replace(".", "\\.")}`), path);
    }
  });
});

describe("the project speaks of itself alone", () => {
  it("nothing is left to do in a comment", () => {
    assert.deepEqual(
      sources.filter((path) => !path.endsWith("architecture.test.ts") && /\b(TODO|FIXME|XXX|HACK)\b/.test(code(path))),
      [],
    );
  });
});
