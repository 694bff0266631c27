import assert from "node:assert/strict";
import * as http from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { type EgressOptions, type EgressRequest, openEgress, openHostRate } from "./egress.ts";
import { isPublicAddress } from "./ip-address.ts";

/** Two local servers stand in for two hosts on the network; names come from a stubbed look-up. */
const seen: { host: string; method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
let first: http.Server;
let second: http.Server;
let drip: Server;
const port = (server: Server): number => (server.address() as AddressInfo).port;

const routes: Readonly<Record<string, (response: http.ServerResponse) => void>> = {
  "/ok": (response) => response.end("fine"),
  "/large": (response) => response.end(Buffer.alloc(5_000)),
  "/large-undeclared": (response) => {
    response.write(Buffer.alloc(3_000));
    response.end(Buffer.alloc(3_000));
  },
  "/gzip": (response) => response.setHeader("content-encoding", "gzip").end(gzipSync("packed")),
  "/brotli": (response) => response.setHeader("content-encoding", "br").end(brotliCompressSync("packed")),
  "/bomb": (response) => response.setHeader("content-encoding", "gzip").end(gzipSync(Buffer.alloc(50_000_000))),
  "/broken-gzip": (response) => response.setHeader("content-encoding", "gzip").end("not gzip"),
  "/odd-encoding": (response) => response.setHeader("content-encoding", "gzip, gzip").end("x"),
  "/headers": (response) => response.setHeader("x-long", "y".repeat(LIMITS.egress_header_bytes)).end(),
  "/never": () => undefined,
  "/cut": (response) => {
    response.setHeader("content-length", "100");
    response.write("half");
    setImmediate(() => response.destroy());
  },
  "/same": (response) => response.writeHead(302, { location: "/ok" }).end(),
  "/keep": (response) => response.writeHead(307, { location: "/ok" }).end(),
  "/see-other": (response) => response.writeHead(303, { location: "/ok" }).end(),
  "/loop": (response) => response.writeHead(302, { location: "/loop" }).end(),
  "/found-other": (response) => response.writeHead(302, { location: `http://two.example:${port(second)}/ok` }).end(),
  "/to-other": (response) => response.writeHead(307, { location: `http://two.example:${port(second)}/ok` }).end(),
  "/to-denied": (response) => response.writeHead(302, { location: "http://denied.example/ok" }).end(),
  "/to-loopback": (response) => response.writeHead(302, { location: `http://127.0.0.1:${port(second)}/ok` }).end(),
  "/to-file": (response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
};

function listen(): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const { headers, method = "", url = "" } = request;
      seen.push({ host: headers.host ?? "", method, url, headers, body });
      (routes[url] ?? ((answer) => answer.writeHead(404).end()))(response);
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

before(async () => {
  [first, second] = await Promise.all([listen(), listen()]);
  drip = createServer((socket) => {
    // A slow loris: a byte of header now and then, for ever.
    socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
    const timer = setInterval(() => socket.write("z"), 20);
    socket.on("close", () => clearInterval(timer));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => drip.listen(0, "127.0.0.1", resolve));
});
after(() => {
  for (const server of [first, second]) server.closeAllConnections();
  for (const server of [first, second, drip]) server.close();
});

const local = async (): Promise<readonly { address: string; family: number }[]> => [
  { address: "127.0.0.1", family: 4 },
];
const hosts = (): readonly string[] => [
  `one.example:${port(first)}`,
  `two.example:${port(second)}`,
  `slow.example:${port(drip)}`,
];
const open = (options: Partial<EgressOptions> = {}, grant = hosts().map((host) => `network:egress:${host}`)) =>
  openEgress(grant, { private_allow: hosts(), lookup: local, ...options });
const request = (path: string, more: Partial<EgressRequest> = {}): EgressRequest => ({
  url: path.startsWith("/") ? `http://one.example:${port(first)}${path}` : path,
  method: "GET",
  headers: {},
  timeout_ms: 5_000,
  max_bytes: 4_000,
  signal: new AbortController().signal,
  ...more,
});
const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
const body = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("a granted host that the owner's config allows is fetched", async () => {
  const response = await open().fetch(request("/ok"));
  assert.deepEqual([response.status, body(response.body)], [200, "fine"]);
});

test("a host outside the grant is refused before it is looked up", async () => {
  const lookup = async (): Promise<never> => assert.fail("no look-up");
  for (const url of ["http://denied.example/", "http://one.example/", "http://one.example.evil.example/"]) {
    await refuses("egress_denied", open({ lookup }).fetch(request(url)), /not among the hosts/);
  }
  await refuses("egress_denied", open({ lookup }, []).fetch(request("/ok")));
  await refuses("egress_denied", open({ lookup }).resolve("https://denied.example/", request("/ok")));
});

test("only http and https addresses without a password are taken", async () => {
  for (const url of [
    "file:///etc/passwd",
    "ftp://one.example/",
    "gopher://one.example/",
    "javascript:1",
    "not a url",
  ]) {
    await refuses("egress_invalid", open().fetch(request(url)));
  }
  await refuses("egress_invalid", open().fetch(request("http://user:pw@one.example/")), /user name or password/);
});

test("a granted name that leads to a private address is refused", async () => {
  const secret = [
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "100.64.0.1",
    "::1",
    "fd00:ec2::254",
    "::ffff:192.168.0.1",
  ];
  for (const address of secret) {
    const lookup = async () => [{ address, family: address.includes(":") ? 6 : 4 }];
    const egress = openEgress(["network:egress:one.example"], { private_allow: [], lookup });
    await refuses("egress_private_address", egress.fetch(request("http://one.example/")), /owner can allow/);
    await refuses("egress_private_address", egress.resolve("http://one.example/", request("/ok")));
  }
});

test("one private address among public ones is enough to refuse", async () => {
  const lookup = async () => [
    { address: "93.184.216.34", family: 4 },
    { address: "127.0.0.1", family: 4 },
  ];
  const egress = openEgress(["network:egress:one.example"], { private_allow: [], lookup });
  await refuses("egress_private_address", egress.fetch(request("http://one.example/")));
});

test("every spelling of a loopback address is the same address", async () => {
  const grant = ["network:egress:127.0.0.1"];
  const egress = openEgress(grant, { private_allow: [] });
  assert.deepEqual(await egress.resolve("http://2130706433/", request("/ok")), ["127.0.0.1"]);
  for (const url of ["http://0x7f.1/", "http://017700000001/", "http://[::ffff:127.0.0.1]/", "http://[::1]/"]) {
    await refuses(
      "egress_denied",
      openEgress(["network:egress:example.com"], { private_allow: [] }).fetch(request(url)),
    );
  }
  await refuses("egress_denied", egress.fetch(request("http://[::ffff:7f00:1]/")));
});

test("an address granted as such needs no setting; a wildcard grants none", async () => {
  const address = `127.0.0.1:${port(first)}`;
  const response = await openEgress([`network:egress:${address}`], { private_allow: [] }).fetch(
    request(`http://${address}/ok`),
  );
  assert.equal(response.status, 200);
  const wildcard = openEgress(["network:egress:*.0.0.1"], { private_allow: [] });
  await refuses("egress_private_address", wildcard.fetch(request("http://127.0.0.1/")));
});

test("the owner's setting is for one exact port", async () => {
  const egress = openEgress(["network:egress:two.example"], {
    private_allow: [`two.example:${port(second)}`],
    lookup: local,
  });
  await refuses("egress_private_address", egress.fetch(request("http://two.example/ok")));
});

test("a name is looked up once, so that it cannot change between the check and the connection", async () => {
  let lookups = 0;
  const lookup = async () => {
    lookups += 1;
    return [{ address: lookups === 1 ? "127.0.0.1" : "203.0.113.1", family: 4 }];
  };
  assert.equal((await open({ lookup }).fetch(request("/ok"))).status, 200);
  assert.equal(lookups, 1);
});

test("a failed look-up may be tried again", async () => {
  const lookup = async (): Promise<never> => {
    throw Object.assign(new Error("queryA"), { code: "ENOTFOUND" });
  };
  await assert.rejects(
    open({ lookup }).fetch(request("/ok")),
    (error: Fault) => error.code === "egress_dns" && error.retryable && error.message.includes("ENOTFOUND"),
  );
  await refuses("egress_dns", open({ lookup: async () => [] }).fetch(request("/ok")), /no address/);
});

test("a look-up that never answers ends at the deadline", async () => {
  const lookup = (): Promise<never> => new Promise(() => undefined);
  await refuses("egress_timeout", open({ lookup }).fetch(request("/ok", { timeout_ms: 30 })), /within 30 ms/);
});

test("redirects are followed within the grant and the answer says where it came from", async () => {
  const response = await open().fetch(request("/same"));
  assert.equal(response.url, `http://one.example:${port(first)}/ok`);
  assert.equal((await open().fetch(request("/to-other"))).url, `http://two.example:${port(second)}/ok`);
});

test("a redirect out of the grant, to this machine or to another protocol is refused", async () => {
  await refuses("egress_denied", open().fetch(request("/to-denied")), /denied\.example/);
  await refuses("egress_denied", open().fetch(request("/to-loopback")));
  await refuses("egress_invalid", open().fetch(request("/to-file")), /file/);
  await refuses("egress_invalid", open().fetch(request("/loop")), /redirected more than 5 times/);
  const grant = [...hosts().map((host) => `network:egress:${host}`), "network:egress:*.0.0.1"];
  const wide = open({}, [...grant, `network:egress:*.0.0.1:${port(second)}`]);
  await refuses("egress_private_address", wide.fetch(request("/to-loopback")));
});

test("a redirect to another host carries no credentials, one to the same host does", async () => {
  const headers = { authorization: "Bearer x", cookie: "a=b", "x-api-key": "k", accept: "text/plain" };
  await open().fetch(request("/to-other", { headers }));
  const other = seen.at(-1);
  assert.equal(other?.host, `two.example:${port(second)}`);
  assert.deepEqual(
    [other?.headers.authorization, other?.headers.cookie, other?.headers["x-api-key"]],
    [undefined, undefined, undefined],
  );
  assert.equal(other?.headers.accept, "text/plain");
  await open().fetch(request("/same", { headers }));
  assert.equal(seen.at(-1)?.headers.authorization, "Bearer x");
});

test("a post is sent again on 307 and becomes a get on 302 and 303", async () => {
  const post = { method: "POST", body: "hello", headers: { "content-type": "text/plain" } };
  await open().fetch(request("/keep", post));
  assert.deepEqual([seen.at(-1)?.method, seen.at(-1)?.body], ["POST", "hello"]);
  for (const path of ["/same", "/see-other"]) {
    await open().fetch(request(path, post));
    assert.deepEqual([seen.at(-1)?.method, seen.at(-1)?.body], ["GET", ""]);
    assert.equal(seen.at(-1)?.headers["content-type"], undefined);
  }
});

test("a body arrives whole, whatever the method, and never as a request of its own", async () => {
  const smuggled = "POST /smuggled HTTP/1.1\r\nhost: one.example\r\ncontent-length: 0\r\n\r\n";
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const before = seen.length;
    assert.equal((await open().fetch(request("/ok", { method, body: smuggled }))).status, 200);
    assert.deepEqual(
      seen.slice(before).map((one) => [one.method, one.url, one.body]),
      [[method, "/ok", smuggled]],
    );
  }
});

test("what writes follows no redirect to another host, though that is granted: it was approved for the first", async () => {
  for (const [path, method] of [
    ...(["POST", "PUT", "PATCH", "DELETE"].map((method) => ["/to-other", method]) as [string, string][]),
    ["/found-other", "PUT"] as const,
  ]) {
    const before = seen.length;
    const write = open().fetch(request(path, { method, body: "hello" }));
    await refuses("egress_denied", write, new RegExp(`redirected a ${method} to two\\.example`));
    assert.ok(!seen.slice(before).some(({ host }) => host?.startsWith("two.example")));
  }
  assert.equal((await open().fetch(request("/found-other", { method: "POST", body: "hello" }))).status, 200);
  assert.deepEqual([seen.at(-1)?.method, seen.at(-1)?.body], ["GET", ""]);
});

test("a body over the limit is refused, declared or not", async () => {
  await refuses("egress_too_large", open().fetch(request("/large")), /more than 4000 bytes/);
  await refuses("egress_too_large", open().fetch(request("/large-undeclared")));
  assert.equal((await open().fetch(request("/large", { max_bytes: 5_000 }))).body.length, 5_000);
});

test("a body that is too large to be sent is refused before anything is looked up", async () => {
  const lookup = async (): Promise<never> => assert.fail("no look-up");
  const body = new Uint8Array(LIMITS.egress_body_bytes + 1);
  await refuses("egress_too_large", open({ lookup }).fetch(request("/ok", { method: "POST", body })), /would be sent/);
});

test("a compressed body is unpacked, and a bomb stops at the limit", async () => {
  const response = await open().fetch(request("/gzip"));
  assert.deepEqual([body(response.body), response.headers["content-encoding"]], ["packed", undefined]);
  assert.equal(body((await open().fetch(request("/brotli"))).body), "packed");
  await refuses("egress_too_large", open().fetch(request("/bomb")));
  await refuses("egress_unreachable", open().fetch(request("/broken-gzip")));
  await refuses("egress_unreachable", open().fetch(request("/odd-encoding")), /encoding/);
});

test("too many bytes of headers, a cut connection and a closed port are each said", async () => {
  await refuses("egress_too_large", open().fetch(request("/headers")), /headers/);
  await refuses("egress_unreachable", open().fetch(request("/cut")));
  const closed = openEgress(["network:egress:127.0.0.1:1"], { private_allow: [] });
  await refuses("egress_unreachable", closed.fetch(request("http://127.0.0.1:1/")), /nothing listens there/);
});

test("an answer that never comes, or comes a byte at a time, ends at the deadline", async () => {
  await refuses("egress_timeout", open().fetch(request("/never", { timeout_ms: 100 })));
  await refuses("egress_timeout", open().fetch(request(`http://slow.example:${port(drip)}/`, { timeout_ms: 150 })));
});

test("a cancellation ends the request at once", async () => {
  const abort = new AbortController();
  const pending = open().fetch(request("/never", { signal: abort.signal }));
  setTimeout(() => abort.abort(), 20);
  await refuses("canceled", pending, /was canceled/);
  await refuses("canceled", open().fetch(request("/ok", { signal: AbortSignal.abort() })));
});

test("headers that would change the connection or split the request are refused", async () => {
  for (const name of ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "Upgrade"]) {
    await refuses(
      "egress_invalid",
      open().fetch(request("/ok", { headers: { [name]: "x" } })),
      /set by the connection/,
    );
  }
  await refuses("egress_invalid", open().fetch(request("/ok", { headers: { "x-a": "1\r\nhost: evil" } })));
});

test("headers that would make another method of a request are refused", async () => {
  for (const name of ["X-HTTP-Method-Override", "X-HTTP-Method", "x-method-override", "X_HTTP_METHOD_OVERRIDE"]) {
    const before = seen.length;
    const disguised = open().fetch(request("/ok", { headers: { [name]: "DELETE" } }));
    await refuses("egress_invalid", disguised, /would make the request another one/);
    assert.equal(seen.length, before);
  }
});

test("a host is asked at most so often a minute, over all grants that share the count", async () => {
  const rate = openHostRate();
  for (let count = 0; count < LIMITS.egress_per_host_minute; count += 1) rate.take(`one.example:${port(first)}`);
  await assert.rejects(
    open({ rate }).fetch(request("/ok")),
    (error: Fault) => error.code === "egress_rate_limited" && error.retryable,
  );
  assert.equal((await open({ rate }).fetch(request(`http://two.example:${port(second)}/ok`))).status, 200);
});

test("a proxy named in the environment is ignored", async () => {
  const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "NODE_USE_ENV_PROXY"];
  for (const name of names) process.env[name] = name.startsWith("NODE") ? "1" : `http://127.0.0.1:${port(second)}`;
  try {
    await open().fetch(request("/ok"));
    assert.deepEqual([seen.at(-1)?.host, seen.at(-1)?.url], [`one.example:${port(first)}`, "/ok"]);
  } finally {
    for (const name of names) delete process.env[name];
  }
});

test("an address is public only where it is part of the public internet", () => {
  const open = ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808", "::ffff:8.8.8.8"];
  const closed = [
    ...["0.0.0.0", "10.0.0.1", "100.127.255.255", "127.9.9.9", "169.254.169.254", "172.31.0.1", "192.168.1.1"],
    ...["192.0.2.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1"],
    ...[
      "::ffff:127.0.0.1",
      "::ffff:a9fe:a9fe",
      "64:ff9b::a00:1",
      "2002:7f00:1::",
      "2001:db8::1",
      "2001::1",
      "::7f00:1",
    ],
    ...["not an address", ""],
  ];
  assert.deepEqual(
    open.filter((address) => !isPublicAddress(address)),
    [],
  );
  assert.deepEqual(closed.filter(isPublicAddress), []);
});
