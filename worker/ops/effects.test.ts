import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { newId } from "@oa/shared/core/id.ts";
import type { Fault } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { openEgress } from "../adapters/egress.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import { fsRead } from "./fs-read.ts";
import { fsWrite } from "./fs-write.ts";
import { httpRequest } from "./http-request.ts";
import { nostrPublish } from "./nostr-publish.ts";
import type { EventPublisher, OpContext } from "./op.ts";

const STARTED_MS = 1_700_000_000_123;
let home = "";
let server: http.Server;
const requests: { method: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
const warnings: string[] = [];
const published: Parameters<EventPublisher["publish"]>[] = [];
let answer: Awaited<ReturnType<EventPublisher["publish"]>> = { event_id: "0".repeat(64), accepted: [], refused: [] };
const base = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** What these ops use of a run's context; publishing is recorded, not done. */
function context(): OpContext {
  const grant = ["filesystem:read:~/**", "filesystem:write:~/**", `network:egress:${new URL(base()).host}`];
  return {
    run_id: newId("run", STARTED_MS, (size) => new Uint8Array(size)),
    idempotency_key: "key-of-run-and-step",
    signal: new AbortController().signal,
    files: openGrantedFiles(grant, { home }),
    egress: openEgress(grant, { private_allow: [] }),
    log: (_level: string, message: string) => void warnings.push(message),
    events: {
      publish: async (...args: Parameters<EventPublisher["publish"]>) => {
        published.push(args);
        return answer;
      },
    },
  } as unknown as OpContext;
}
const last = () => {
  const request = requests.at(-1);
  assert.ok(request);
  return request;
};
const fails = (action: Promise<unknown>, code: string, retryable: boolean, pattern = /./) =>
  assert.rejects(action, (error: Fault) => {
    assert.deepEqual([error.code, error.retryable], [code, retryable], error.message);
    assert.match(error.message, pattern);
    return true;
  });

before(async () => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-ops-")));
  server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      requests.push({ method: request.method ?? "", headers: request.headers, body });
      const path = new URL(request.url ?? "/", "http://x").pathname;
      const json = (text: string) =>
        response.setHeader("content-type", "application/vnd.api+json; charset=utf-8").end(text);
      if (path === "/json") json('{"tag":"v1.2.0"}');
      else if (path === "/inexact") json('{"id":12345678901234567890}');
      else if (path === "/bytes") response.end(Buffer.from([0xff, 0x00, 0xfe]));
      else if (path === "/cookie") response.setHeader("set-cookie", "session=secret").end("ok");
      else if (path === "/created") response.writeHead(201).end("made");
      else if (path === "/busy") response.writeHead(503).end("later");
      else response.writeHead(404).end("none");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(home, { recursive: true, force: true });
});

test("fs.write writes text as it is and any other value as indented JSON; fs.read gives the same back", async () => {
  const text = await fsWrite({ path: "~/a.txt", content: "\ufeffhé\n" }, context());
  assert.ok(validators.isFsWriteResult(text));
  assert.deepEqual([text.path, text.bytes], ["~/a.txt", 7]);
  const read = await fsRead({ path: "~/a.txt" }, context());
  assert.ok(validators.isFsReadResult(read));
  assert.deepEqual(read, { content: "\ufeffhé\n", bytes: 7, sha256: text.sha256 });
  await fsWrite({ path: "~/b.json", content: { tags: ["x"] } }, context());
  assert.equal(fs.readFileSync(join(home, "b.json"), "utf8"), '{\n  "tags": [\n    "x"\n  ]\n}\n');
  await fsWrite({ path: "~/null.json", content: null }, context());
  assert.equal(fs.readFileSync(join(home, "null.json"), "utf8"), "null\n");
});

test("fs.read refuses bytes that are not text, except as base64, and what is too large", async () => {
  fs.writeFileSync(join(home, "bin"), Buffer.from([0xff, 0xfe]));
  await fails(fsRead({ path: "~/bin" }, context()), "file_not_text", false, /base64/);
  assert.equal((await fsRead({ path: "~/bin", encoding: "base64" }, context())).content, "//4=");
  await fails(fsRead({ path: "~/bin", max_bytes: 1 }, context()), "too_large", false);
});

test("http.request gives status, headers, text and exact JSON", async () => {
  const result = await httpRequest({ url: `${base()}/json` }, context());
  assert.ok(validators.isHttpRequestResult(result), JSON.stringify(validators.isHttpRequestResult.errors));
  assert.deepEqual([result.status, result.json, result.encoding, result.bytes], [200, { tag: "v1.2.0" }, "utf8", 16]);
  assert.equal(requests.at(-1)?.headers["idempotency-key"], undefined);
});

test("http.request keeps inexact JSON as text, bytes as base64 and no cookie", async () => {
  const inexact = await httpRequest({ url: `${base()}/inexact` }, context());
  assert.equal(inexact.json, undefined);
  assert.match(warnings.at(-1) ?? "", /kept as text/);
  const bytes = await httpRequest({ url: `${base()}/bytes` }, context());
  assert.deepEqual([bytes.body, bytes.encoding], ["/wD+", "base64"]);
  assert.ok(!JSON.stringify(await httpRequest({ url: `${base()}/cookie` }, context())).includes("secret"));
});

test("http.request fails on a status that was not expected, and may be tried again where that can help", async () => {
  await fails(
    httpRequest({ url: `${base()}/none` }, context()),
    "http_status",
    false,
    /answered 404; expected 200 to 299/,
  );
  await fails(httpRequest({ url: `${base()}/busy` }, context()), "http_status", true, /503/);
  assert.equal((await httpRequest({ url: `${base()}/none`, expect_status: [404] }, context())).status, 404);
  await fails(
    httpRequest({ url: `${base()}/json`, expect_status: [404, 410] }, context()),
    "http_status",
    false,
    /404 or 410/,
  );
});

test("http.request writes with an idempotency key that is the same on every attempt", async () => {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await httpRequest({ url: `${base()}/created`, method: "POST", body: { text: "done" } }, context());
    const { headers, body } = last();
    assert.deepEqual(
      [headers["idempotency-key"], headers["content-type"]],
      ["key-of-run-and-step", "application/json"],
    );
    assert.equal(body, '{"text":"done"}');
  }
  const own = { "Idempotency-Key": "mine", "Content-Type": "text/plain" };
  await httpRequest({ url: `${base()}/created`, method: "PUT", headers: own, body: "raw" }, context());
  const { headers, body } = last();
  assert.deepEqual([headers["idempotency-key"], headers["content-type"], body], ["mine", "text/plain", "raw"]);
  await fails(httpRequest({ url: `${base()}/json`, body: "x" }, context()), "egress_invalid", false, /no body/);
});

test("nostr.publish dates its event by the run, so that every attempt makes the same event", async () => {
  answer = { event_id: "1".repeat(64), accepted: ["ws://a"], refused: ["ws://b: blocked"] };
  const result = await nostrPublish({ kind: 1, content: "done", tags: [["t", "x"]], relays: ["ws://a"] }, context());
  assert.ok(validators.isNostrPublishResult(result));
  assert.deepEqual(result, answer);
  await nostrPublish({ kind: 1, content: "done" }, context());
  assert.deepEqual(
    published.map(([template, options]) => [template.tags, options.created_at, options.relays]),
    [
      [[["t", "x"]], 1_700_000_000, ["ws://a"]],
      [[], 1_700_000_000, undefined],
    ],
  );
});

test("nostr.publish fails where no relay took the event, with each relay's reason", async () => {
  answer = { event_id: "1".repeat(64), accepted: [], refused: ["ws://b: blocked: not here"] };
  await fails(nostrPublish({ kind: 1, content: "x" }, context()), "relay_refused", true, /blocked: not here/);
  answer = { event_id: "1".repeat(64), accepted: [], refused: [] };
  await fails(nostrPublish({ kind: 1, content: "x" }, context()), "relay_refused", false, /chosen no relay/);
});
