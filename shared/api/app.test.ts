import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recorded } from "../core/envelope.ts";
import { LIMITS } from "../core/limits.ts";
import { Fault, reject } from "../core/refusal.ts";
import { controlApp } from "./app.ts";
import type { ControlPorts } from "./ports.ts";

type Body = string | Uint8Array<ArrayBuffer>;
const INSTALL = "install_01JZ0000000000000000000000";
const unexpected = (): never => {
  throw new Error("secret detail of the inside");
};
const event = (stream_seq: number): Recorded => ({
  event_id: `00000000-0000-7000-8000-00000000000${stream_seq}`,
  event_type: "run.completed",
  event_version: 1,
  occurred_at: "2026-01-01T00:00:00.000Z",
  recorded_at: "2026-01-01T00:00:00.000Z",
  workspace_id: "local",
  stream_type: "workspace",
  stream_id: "local",
  stream_seq,
  subject_id: "run_1",
  actor_type: "service",
  actor_id: "engine",
  correlation_id: "run_1",
  prev_event_hash: null,
  event_hash: `sha256:${"0".repeat(64)}`,
  data: {},
});

function appOver(given: { readonly [Name in keyof ControlPorts]?: Partial<ControlPorts[Name]> | ControlPorts[Name] }) {
  const reported: unknown[] = [];
  const absent = new Proxy({}, { get: () => unexpected });
  const names = ["worker", "installs", "runs", "events", "market", "schedule", "audit", "pairings", "leases"] as const;
  const ports = Object.fromEntries(names.map((name) => [name, given[name] ?? absent]));
  const app = controlApp({
    search: unexpected,
    doctor: unexpected,
    report: (error: unknown) => reported.push(error),
    ...ports,
  } as unknown as ControlPorts);
  const ask = async (method: string, path: string, body?: Body, headers: Record<string, string> = {}) => {
    const response = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) as Record<string, unknown> & { error: { code: string } } };
  };
  return { app, ask, reported };
}
const json = { "content-type": "application/json" };

test("a run is started with a valid body and answered with its id", async () => {
  const asked: string[] = [];
  const start = async (id: string) => {
    asked.push(id);
    return { run_id: "run_1" };
  };
  const { ask } = appOver({ runs: { start } });
  const answer = await ask("POST", "/v1/runs", JSON.stringify({ install_id: INSTALL }), json);
  assert.deepEqual([answer.status, answer.body], [202, { run_id: "run_1" }]);
  assert.deepEqual(asked, [INSTALL]);
});

test("an instant of the query string is one that exists", async () => {
  const { ask } = appOver({});
  for (const at of ["yesterday", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-08T02:00:00", ""]) {
    const answer = await ask("GET", `/v1/schedule/${INSTALL}/why?at=${at}`);
    assert.deepEqual([answer.status, answer.body.error.code], [400, "usage"], at);
  }
});

test("a rejection of a port becomes its code, its sentence and its HTTP status", async () => {
  const { ask } = appOver({ runs: { get: (id) => reject("not_found", `there is no run ${id}`) } });
  const answer = await ask("GET", "/v1/runs/run_9");
  assert.equal(answer.status, 404);
  assert.deepEqual(answer.body, { error: { code: "not_found", message: "there is no run run_9" } });
});

test("a fault of a port becomes its code; anything else says nothing of the inside, and is reported", async () => {
  const fault = async (): Promise<never> => {
    throw new Fault("disk_full", "the disk is full: nothing was written");
  };
  const { ask, reported } = appOver({ runs: { start: fault } });
  const full = await ask("POST", "/v1/runs", JSON.stringify({ install_id: INSTALL }), json);
  assert.deepEqual([full.status, full.body.error.code], [507, "disk_full"]);
  const broken = await ask("GET", "/v1/installs");
  assert.deepEqual([broken.status, broken.body.error.code], [500, "internal"]);
  assert.doesNotMatch(JSON.stringify(broken.body), /secret/);
  assert.equal(reported.length, 1);
});

test("a damaged database that an answer meets is reported, so that the worker can stop", async () => {
  const damaged = new Fault("database_damaged", "the database is damaged");
  const get = (): never => {
    throw damaged;
  };
  const { ask, reported } = appOver({ runs: { get } });
  const answer = await ask("GET", "/v1/runs/run_1");
  assert.deepEqual([answer.status, answer.body.error.code], [500, "database_damaged"]);
  assert.deepEqual(reported, [damaged]);
});

const bad: readonly [string, string, Body, Record<string, string>, string][] = [
  [
    "a form of another website (text/plain)",
    "/v1/runs",
    JSON.stringify({ install_id: INSTALL }),
    { "content-type": "text/plain" },
    "media_type",
  ],
  ["a body without a type", "/v1/runs", new TextEncoder().encode("{}"), {}, "media_type"],
  ["an empty body", "/v1/runs", "", json, "json_invalid"],
  ["half a document", "/v1/runs", '{"install_id":', json, "json_invalid"],
  ["duplicate keys", "/v1/runs", `{"install_id":"${INSTALL}","install_id":"${INSTALL}"}`, json, "json_duplicate_key"],
  ["bytes that are not UTF-8", "/v1/runs", new Uint8Array([0x22, 0xff, 0x22]), json, "json_invalid"],
  ["a body nested too deep", "/v1/runs", "[".repeat(10_000), json, "json_too_deep"],
  ["an unknown key", "/v1/runs", JSON.stringify({ install_id: INSTALL, force: true }), json, "schema_invalid"],
  ["a wrong type", "/v1/runs", JSON.stringify({ install_id: 7 }), json, "schema_invalid"],
  ["an array for an object", "/v1/installs", "[]", json, "schema_invalid"],
  [
    "a body that is too large",
    "/v1/search",
    JSON.stringify({ query: "x".repeat(LIMITS.api_body_bytes) }),
    json,
    "too_large",
  ],
];
for (const [what, path, body, headers, code] of bad) {
  test(`${what} is refused with ${code}, and no port is asked`, async () => {
    const { ask, reported } = appOver({});
    const answer = await ask("POST", path, body, headers);
    assert.equal(answer.body.error.code, code);
    assert.ok(answer.status >= 400 && answer.status < 500);
    assert.deepEqual(reported, []);
  });
}

test("the largest result that a step may have is taken from another engine", async () => {
  const sizes: number[] = [];
  const step = async (_: string, { command }: { readonly command: object }) => {
    sizes.push(JSON.stringify("result" in command ? command.result : null).length);
    return { events: [] };
  };
  const { ask } = appOver({ leases: { step } });
  const result = { text: "x".repeat(LIMITS.step_result_bytes - '{"text":""}'.length) };
  const command = { type: "succeed_step", step_id: "s".repeat(64), attempt: 1, duration_ms: 1e9, result };
  const body = JSON.stringify({ claim_token: "t".repeat(43), command });
  const answer = await ask("POST", "/v1/runs/run_1/steps", body, json);
  assert.deepEqual([answer.status, sizes], [200, [LIMITS.step_result_bytes]], JSON.stringify(answer.body));
});

test("a body without a declared length is stopped at the limit", async () => {
  const { app } = appOver({});
  let sent = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(0x20));
    },
  });
  const response = await app.request("/v1/runs", {
    method: "POST",
    headers: json,
    body,
    duplex: "half",
  } as RequestInit);
  assert.equal(response.status, 413);
  assert.ok(sent <= LIMITS.api_body_bytes + LIMITS.body_drained_bytes + 2 * 65_536);
});

test("an unknown route and a wrong method are not found", async () => {
  const { ask } = appOver({});
  for (const [method, path] of [
    ["GET", "/v1/nothing"],
    ["DELETE", "/v1/runs"],
    ["GET", "/"],
    ["POST", "/v1/runs/a/b/c"],
  ] as const) {
    const answer = await ask(method, path);
    assert.deepEqual([answer.status, answer.body.error.code], [404, "not_found"], path);
  }
});

for (const query of ["limit=0", "limit=-1", "limit=1e3", "limit=abc", `limit=${LIMITS.api_page + 1}`]) {
  test(`a list with ${query} is wrong usage`, async () => {
    assert.equal((await appOver({}).ask("GET", `/v1/runs?${query}`)).body.error.code, "usage");
  });
}

/** A log of `count` events that ends its waiters when the test has seen enough. */
function eventLog(count: number): ControlPorts["events"] {
  const all = Array.from({ length: count }, (_, index) => event(index + 1));
  return {
    page: (from, limit) => {
      const events = all.filter(({ stream_seq }) => stream_seq > from).slice(0, limit);
      return { events, next_seq: events.at(-1)?.stream_seq ?? from };
    },
    wait: (_seq, _timeout, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  };
}

async function readStream(response: Response, until: number): Promise<readonly string[]> {
  const ids: string[] = [];
  assert.ok(response.body);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  while (ids.length < until) {
    const { value = "", done } = await reader.read();
    if (done) break;
    ids.push(...[...value.matchAll(/^id: (\d+)$/gm)].map((match) => match[1] ?? ""));
  }
  await reader.cancel();
  return ids;
}

test("an event stream carries sequence numbers as ids and resumes after Last-Event-ID", async () => {
  const { app } = appOver({ events: eventLog(5) });
  const accept = { accept: "text/event-stream" };
  const whole = await app.request("/v1/events", { headers: accept });
  assert.match(whole.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.deepEqual(await readStream(whole, 5), ["1", "2", "3", "4", "5"]);
  const from = await app.request("/v1/events?from_seq=3", { headers: accept });
  assert.deepEqual(await readStream(from, 2), ["4", "5"]);
  // A browser that reconnects asks the same URL again: what it has seen wins.
  const again = await app.request("/v1/events?from_seq=1", { headers: { ...accept, "last-event-id": "4" } });
  assert.deepEqual(await readStream(again, 1), ["5"]);
});

test("a Last-Event-ID that is no sequence number is wrong usage", async () => {
  const { ask } = appOver({ events: eventLog(1) });
  const answer = await ask("GET", "/v1/events", undefined, { accept: "text/event-stream", "last-event-id": "x" });
  assert.equal(answer.body.error.code, "usage");
});

test("event streams are limited in number, and a closed one makes room", async () => {
  const { app } = appOver({ events: eventLog(1) });
  const open = (): Promise<Response> =>
    Promise.resolve(app.request("/v1/events", { headers: { accept: "text/event-stream" } }));
  const streams = await Promise.all(Array.from({ length: LIMITS.api_event_streams }, open));
  assert.equal((await open()).status, 503);
  await Promise.all(streams.map((stream) => readStream(stream, 1)));
  await new Promise(setImmediate);
  const next = await open();
  assert.equal(next.status, 200);
  await readStream(next, 1);
});

test("a log that is exported lets others have their turn before it ends, and is told whole", async () => {
  const line = "x".repeat(1_000);
  let turns = 0;
  let ended = false;
  const count = (): void => {
    if (ended) return;
    turns += 1;
    setTimeout(count, 0);
  };
  const lines = function* () {
    for (let at = 0; at < 500; at += 1) yield line;
    ended = true;
  };
  const app = controlApp({ audit: { export: lines }, report: unexpected } as unknown as ControlPorts);
  const response = await app.request("/v1/audit/export");
  setTimeout(count, 0);
  assert.equal(await response.text(), `${line}\n`.repeat(500));
  assert.ok(turns > 1, `${turns} turns`);
});
