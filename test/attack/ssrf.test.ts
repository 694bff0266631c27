import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before } from "node:test";
import { openEgress } from "@oa/worker/adapters/egress.ts";
import type { Address } from "@oa/worker/adapters/http-exchange.ts";
import { attackClass } from "./attack.ts";

let server: Server;
let other: Server;
const hits: string[] = [];
const portOf = (of: Server): number => (of.address() as AddressInfo).port;
const listen = (): Promise<Server> => {
  const made = createServer((request, response) => {
    hits.push(request.url ?? "");
    const to = new URL(request.url ?? "/", "http://x").searchParams.get("to");
    response.writeHead(to === null ? 200 : 302, to === null ? {} : { location: to }).end("ok");
  });
  return new Promise((resolve) => made.listen(0, "127.0.0.1", () => resolve(made)));
};
before(async () => {
  [server, other] = [await listen(), await listen()];
});
after(() => {
  server.close();
  other.close();
});

const DENIED = ["egress_denied", "egress_private_address", "egress_invalid"];
const limits = { method: "GET", headers: {}, timeout_ms: 5_000, max_bytes: 1_000 };
const signal = new AbortController().signal;
const get = (url: string, grant: readonly string[], lookup?: (name: string) => Promise<readonly Address[]>) => {
  const options = { private_allow: [`127.0.0.1:${portOf(server)}`], ...(lookup === undefined ? {} : { lookup }) };
  return openEgress(
    grant.map((host) => `network:egress:${host}`),
    options,
  ).fetch({ url, ...limits, signal });
};
const v4 = (address: string): readonly Address[] => [{ address, family: 4 }];
const v6 = (address: string): readonly Address[] => [{ address, family: 6 }];

/** This machine, its networks and clouds' metadata, in every spelling an address has. */
const PRIVATE: readonly string[] = [
  ...[
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
  ],
  ...[
    "127.0.0.1.",
    "127.255.255.254",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0x7f.0x0.0x0.0x1",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST.",
  ],
  ...[
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.1.1",
    "2852039166",
  ],
  ...[
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "192.0.0.192",
  ],
  ...[
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fc00::1]",
  ],
  ...[
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:db8::1]",
  ],
  ...[
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[100::1]",
    "[2001::1]",
    "[fec0::1]",
    "[::ffff:a9fe:a9fe]",
    "[5f00::1]",
  ],
];
const NAMES: Readonly<Record<string, readonly Address[]>> = {
  "a name for this machine": v4("127.0.0.1"),
  "a name for this machine, IPv6": v6("::1"),
  "a name for a cloud's metadata": v4("169.254.169.254"),
  "a name for a home router": v4("192.168.0.1"),
  "a name for one public and one private address": [...v4("93.184.215.14"), ...v4("10.0.0.1")],
  "a name for one private address behind ten public ones": [
    ...Array(10).fill(v4("93.184.215.14")[0]),
    ...v6("fd00::1"),
  ],
  "a name for a mapped address": v6("::ffff:127.0.0.1"),
  "a name for a translated address": v6("64:ff9b::7f00:1"),
  "a name for 6to4": v6("2002:7f00:1::"),
  "a name for an address with a zone": v6("fe80::1%eth0"),
  "a name for nothing that is an address": v4("not-an-address"),
};
/** Addresses that look like `api.example` and are another host. */
const LOOKALIKES: readonly string[] = [
  ...["https://api.example@evil.example/", "https://api.example:443@evil.example/", "https://evil.example/api.example"],
  ...["https://evil.example?api.example", "https://evil.example#api.example", "https://evil.example\\@api.example/"],
  ...[
    "https://api.example.evil.example/",
    "https://api-example/",
    "https://xapi.example/",
    "https://api.example%2eevil.example/",
  ],
  ...[
    "https://api.example:8443/",
    "http://api.example:81/",
    "https://аpi.example/",
    "https://api.example\t.evil.example/",
  ],
  ...["https:evil.example/", "https:////evil.example/", "//evil.example/", "https://evil.example%00.api.example/"],
  ...["ftp://api.example/", "file:///etc/passwd", "gopher://api.example/", "data:text/plain,hi", "javascript:alert(1)"],
  ...[
    "unix:/var/run/docker.sock",
    "ws://api.example/",
    "https://",
    "https://[::1",
    "https://user:pass@api.example/",
    "",
  ],
  ...[
    "http://api.example\r\nX: y/",
    "https://api.example /",
    `https://api.example/${"a".repeat(9_000)}`,
    "https://*.example/",
  ],
];

attackClass("server-side request forgery", ({ fails, harmless, works }) => {
  for (const host of PRIVATE) {
    const named = host.startsWith("[") ? host : host.toLowerCase();
    fails(`http://${host}/ without a grant`, DENIED, () => get(`http://${host}/`, ["api.example"]));
    fails(`http://${host}/ below a wildcard`, DENIED, () => get(`http://${host}/`, ["*.0.0.1", "*.example", "*.1"]));
    fails(`http://${host}/ under a grant of its name`, DENIED, async () => {
      // A name is granted, and looked up to what it spells.
      const bare = new URL(`http://${host}/`).hostname.replace(/^\[|\]$/g, "");
      return get("http://rebound.example/", ["rebound.example", named], async () => [
        { address: bare, family: bare.includes(":") ? 6 : 4 },
      ]);
    });
  }
  for (const [what, addresses] of Object.entries(NAMES)) {
    fails(what, DENIED, () => get("https://api.example/", ["api.example"], async () => addresses));
  }
  for (const url of LOOKALIKES) {
    fails(`taking ${JSON.stringify(url.slice(0, 60))} for api.example`, DENIED, () =>
      get(url, ["api.example"], async () => v4("127.0.0.1")),
    );
  }
  harmless("a name that changes after it was checked (DNS rebinding)", async () => {
    let asked = 0;
    const lookup = async (): Promise<readonly Address[]> => {
      asked += 1;
      return asked === 1 ? v4("93.184.215.14") : v4("127.0.0.1");
    };
    const url = `http://rebound.example:${portOf(server)}/rebound`;
    const options = { private_allow: [], lookup };
    const egress = openEgress([`network:egress:rebound.example:${portOf(server)}`], options);
    await egress
      .fetch({ url, ...limits, timeout_ms: 300, signal })
      .catch(() => "no answer from a documentation address");
    assert.equal(asked, 1, "looked up once, and that address connected to");
    assert.ok(!hits.includes("/rebound"));
  });
  const targets = (): readonly string[] => [
    ...[
      `http://127.0.0.1:${portOf(other)}/`,
      `http://localhost:${portOf(other)}/`,
      "http://169.254.169.254/latest/meta-data/",
    ],
    ...[
      "http://[::1]/",
      `http://2130706433:${portOf(other)}/`,
      "file:///etc/passwd",
      "gopher://127.0.0.1/",
      "http://0/",
    ],
    ...[
      `//127.0.0.1:${portOf(other)}/`,
      `http://127.0.0.1:${portOf(server)}@127.0.0.1:${portOf(other)}/`,
      "javascript:1",
      "data:,x",
    ],
    ...[
      `http://user:pass@127.0.0.1:${portOf(server)}/`,
      "http://evil.example/",
      "http:\\\\evil.example/",
      "http://[::ffff:7f00:1]/",
    ],
  ];
  for (let at = 0; at < 16; at += 1) {
    fails(`a redirect, number ${at + 1}`, [...DENIED, "egress_dns"], () => {
      const to = targets()[at] ?? "";
      return get(`http://127.0.0.1:${portOf(server)}/?to=${encodeURIComponent(to)}`, [
        `127.0.0.1:${portOf(server)}`,
        "localhost",
      ]);
    });
  }
  fails("a redirect without end", "egress_invalid", () => {
    const here = `http://127.0.0.1:${portOf(server)}/`;
    const loop = `${here}?to=${encodeURIComponent("?to=")}`;
    const round = createServer((_, response) => void response.writeHead(302, { location: "/" }).end());
    return new Promise((resolve, reject) => {
      round.listen(0, "127.0.0.1", () => {
        const host = `127.0.0.1:${portOf(round)}`;
        const egress = openEgress([`network:egress:${host}`], { private_allow: [host] });
        egress
          .fetch({ url: `http://${host}/${loop.length}`, ...limits, signal })
          .then(resolve, reject)
          .finally(() => round.close());
      });
    });
  });
  harmless("and the other server was never asked", async () => {
    const count = await new Promise<number>((resolve) => {
      other.getConnections((_, connections) => resolve(connections));
    });
    assert.equal(count, 0);
  });

  works("a granted host that the owner allows on this machine", async () => {
    assert.equal((await get(`http://127.0.0.1:${portOf(server)}/mine`, [`127.0.0.1:${portOf(server)}`])).status, 200);
    assert.ok(hits.includes("/mine"));
  });
  works("a redirect to the same host", async () => {
    const done = await get(`http://127.0.0.1:${portOf(server)}/?to=/landed`, [`127.0.0.1:${portOf(server)}`]);
    assert.equal(done.url, `http://127.0.0.1:${portOf(server)}/landed`);
  });
  works("public addresses, as far as the check", async () => {
    for (const address of ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "2001:4860:4860::8888"]) {
      const egress = openEgress(["network:egress:api.example"], {
        private_allow: [],
        lookup: async () => [{ address, family: address.includes(":") ? 6 : 4 }],
      });
      assert.deepEqual(await egress.resolve("https://api.example/x", { timeout_ms: 1_000, signal }), [address]);
    }
  });
});
