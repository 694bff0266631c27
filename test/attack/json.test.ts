import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { canonicalize, parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { resolveWiring } from "@oa/shared/core/wiring.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { manifestOf } from "../fakes/runs.ts";
import { attackClass } from "./attack.ts";

// The edge's types are another platform's, so it is reached by path and not by import.
const { parseMessage } = (await import(new URL("../../edge/relay/protocol.ts", import.meta.url).href)) as {
  readonly parseMessage: (text: string) => { readonly verb: string };
};
const NPUB = "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul";
const POLLUTED = "oa_polluted";
/** Object.prototype and its like are as they were. */
const clean = (): void => {
  for (const one of [{}, [], "", 1, () => 0]) {
    assert.equal((one as unknown as Record<string, unknown>)[POLLUTED], undefined);
  }
};
afterEach(clean);

const POLLUTIONS: readonly string[] = [
  `{"__proto__":{"${POLLUTED}":true}}`,
  `{"constructor":{"prototype":{"${POLLUTED}":true}}}`,
  `{"a":{"__proto__":{"${POLLUTED}":true}}}`,
  `[{"__proto__":{"${POLLUTED}":true}}]`,
  `{"__proto__":null}`,
  `{"toString":"x","hasOwnProperty":1,"valueOf":null}`,
  `{"\\u005f\\u005fproto__":{"${POLLUTED}":true}}`,
  `{"__proto__":{"__proto__":{"${POLLUTED}":true}}}`,
  `{"then":{"${POLLUTED}":true}}`,
  `{"rejected":true,"code":"internal","message":"x"}`,
];
const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
/** Text that is refused, with the code. */
const REFUSED: Readonly<Record<string, readonly [string, string]>> = {
  "arrays 65 deep": ["json_too_deep", deep("[", "]", 65)],
  "arrays a hundred thousand deep": ["json_too_deep", deep("[", "]", 100_000)],
  "objects 100,000 deep": ["json_too_deep", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
  "arrays that never end": ["json_too_deep", "[".repeat(400_000)],
  "a megabyte and more": ["too_large", `"${"a".repeat(LIMITS.api_body_bytes)}"`],
  "a megabyte of characters of three bytes": ["too_large", `"${"\u20ac".repeat(400_000)}"`],
  "one key twice": ["json_duplicate_key", '{"a":1,"a":2}'],
  "one key twice, escaped": ["json_duplicate_key", '{"a":1,"\\u0061":2}'],
  "__proto__ twice": ["json_duplicate_key", '{"__proto__":1,"__proto__":2}'],
  "half a character": ["json_lone_surrogate", '"\\ud800"'],
  "half a character in a key": ["json_lone_surrogate", '{"\\udc00":1}'],
  "a number beyond what is exact": ["json_unsafe_number", "9007199254740993"],
  "a number beyond all": ["json_unsafe_number", "1e999"],
  NaN: ["json_invalid", "NaN"],
  "a comment": ["json_invalid", "/* a */ 1"],
  "a comma too many": ["json_invalid", "[1,]"],
  "single quotes": ["json_invalid", "{'a':1}"],
  "two values": ["json_invalid", "1 2"],
  nothing: ["json_invalid", ""],
  "a byte order mark": ["json_invalid", "\ufeff1"],
  "a control character": ["json_invalid", '"\n"'],
  octal: ["json_invalid", "010"],
  hex: ["json_invalid", "0x10"],
};

attackClass("prototype pollution and deep or huge JSON", ({ fails, harmless, works }) => {
  for (const text of POLLUTIONS) {
    harmless(`reading ${text.slice(0, 60)}`, () => {
      const parsed = parseStrict(text);
      assert.ok(!isRejection(parsed));
      canonicalize(parsed.value);
      assert.equal(Object.getPrototypeOf({}), Object.prototype);
    });
    harmless(`a manifest of ${text.slice(0, 60)}`, () => {
      const value = parseStrict(text);
      assert.ok(!isRejection(value));
      assert.equal(validateManifest(value.value).valid, false);
      const spread = {
        ...(value.value as object),
        ...manifestOf([{ op: "fs.read", path: "~/a" }]),
        author: { npub: NPUB },
      };
      validateManifest(spread);
    });
    harmless(`inputs of ${text.slice(0, 60)}`, () => {
      const value = parseStrict(text);
      assert.ok(!isRejection(value));
      const manifest = { ...manifestOf([{ op: "fs.read", path: "~/a" }]), inputs: {} };
      const plan = planOf(manifest, value.value as never, { home: "/home/me" });
      assert.ok(isRejection(plan) || Object.keys(plan.inputs).length === 0);
    });
    harmless(`a result of ${text.slice(0, 60)} that is wired on`, () => {
      const value = parseStrict(text);
      assert.ok(!isRejection(value));
      const scope = { inputs: {}, steps: new Map([["a", value.value]]), run: { id: "run" } };
      for (const path of ["constructor.prototype", "__proto__.x", "toString.name", "a.constructor"]) {
        try {
          const found = resolveWiring(`\${steps.a.${path}}`, scope);
          assert.notEqual(typeof found, "function");
        } catch (error) {
          assert.match(String(error), /has no value in this run/);
        }
      }
    });
    harmless(`a relay's frame with ${text.slice(0, 60)}`, () => {
      for (const verb of ["EVENT", "REQ", "AUTH", "CLOSE", "COUNT"]) parseMessage(`["${verb}","a",${text}]`);
      parseMessage(text);
    });
    fails(`a request's body of ${text.slice(0, 60)}`, ["schema_invalid"], () => post("/v1/pairings", text));
  }
  for (const reference of [
    "${steps.__proto__.x}",
    "${inputs.__proto__}",
    "${inputs.constructor}",
    "${steps.constructor.name}",
  ]) {
    fails(`the reference ${reference}`, "reference_unresolved", () => {
      return resolveWiring(reference, { inputs: {}, steps: new Map(), run: { id: "run" } });
    });
  }
  for (const [what, [code, text]] of Object.entries(REFUSED)) {
    fails(what, code, () => parseStrict(text));
    // A decoder takes a byte order mark away.
    if (what !== "a byte order mark")
      fails(`a request's body with ${what}`, [code, "too_large"], () => post("/v1/pairings", text));
  }
  fails("a body that never says how long it is", "too_large", () => post("/v1/pairings", endless()));
  harmless("relay frames without end or bottom", () => {
    for (const text of [
      deep("[", "]", 100_000),
      `["REQ","a",${deep("[", "]", 50_000)}]`,
      `["EVENT",${deep('{"a":', "}", 100)}]`,
      "a".repeat(300_000),
    ]) {
      const message = parseMessage(text);
      assert.ok(message.verb === "REFUSED" || message.verb === "EVENT", message.verb);
    }
  });

  works("JSON as it is meant to be, up to its limits", () => {
    for (const text of [
      deep("[", "]", 64),
      `"${"a".repeat(999_998)}"`,
      '{"__proto__":1}',
      '"\\ud83d\\ude00"',
      "9007199254740991",
      "-0",
      "1.5e-300",
    ]) {
      assert.ok(!isRejection(parseStrict(text)), text.slice(0, 40));
    }
  });
  works("members whose names objects have anyway", () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"hasOwnProperty":3,"toString":4}';
    const parsed = parseStrict(text);
    assert.ok(!isRejection(parsed));
    assert.equal(canonicalize(parsed.value), text);
    const scope = { inputs: {}, steps: new Map([["a", parsed.value]]), run: { id: "run" } };
    assert.equal(resolveWiring("${steps.a.constructor} ${steps.a.__proto__.a}", scope), "2 1");
  });
  works("a request's body", async () => {
    assert.deepEqual(await post("/v1/pairings", '{"label":"phone","ceiling":[]}'), { pairing: "phone" });
  });
  works("a relay's frame", () => assert.equal(parseMessage('["REQ","a",{"kinds":[1]}]').verb, "REQ"));
});

/** What the control API answers; only pairings are there. */
async function post(path: string, body: string | ReadableStream): Promise<unknown> {
  const absent = new Proxy({}, { get: () => () => reject("not_found", "not served") });
  const names = [
    "worker",
    "installs",
    "upgrades",
    "runs",
    "leases",
    "events",
    "market",
    "schedule",
    "audit",
    "policy",
    "secrets",
  ];
  const pairings = { add: async ({ label }: { label: string }) => ({ pairing: label }) };
  const report = (error: unknown): void => assert.fail(String(error));
  const ports = { ...Object.fromEntries(names.map((name) => [name, absent])), pairings, report };
  const app = controlApp(
    new Proxy(ports, {
      get: (own, name) => (own as Record<string | symbol, unknown>)[name] ?? absent,
    }) as unknown as ControlPorts,
  );
  const init = { method: "POST", headers: { "content-type": "application/json" }, body, duplex: "half" } as RequestInit;
  const response = await app.request(path, init);
  const answer = (await response.json()) as { error?: { code: string; message: string } };
  return answer.error === undefined ? answer : { rejected: true, ...answer.error };
}

function endless(): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(" ".repeat(100_000))),
  });
}
