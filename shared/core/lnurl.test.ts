import assert from "node:assert/strict";
import { test } from "node:test";
import { bech32 } from "@scure/base";
import { payServer } from "./lnurl.ts";
import { isRejection } from "./refusal.ts";

const encoded = (address: string): string =>
  bech32.encode("lnurl", bech32.toWords(new TextEncoder().encode(address)), 2_000);
const LUD01 =
  "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS";

test("LUD-16: a lightning address names a host and a name", () => {
  assert.deepEqual(payServer("kim@pay.example"), { host: "pay.example", path: "/.well-known/lnurlp/kim" });
  assert.deepEqual(payServer("kim@127.0.0.1:8080"), { host: "127.0.0.1:8080", path: "/.well-known/lnurlp/kim" });
});

test("LUD-01: an lnurl holds an https address, in either case", () => {
  const path = "/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df";
  for (const given of [LUD01, LUD01.toLowerCase()]) {
    assert.deepEqual(payServer(given), { host: "service.com", path });
  }
  assert.deepEqual(payServer(encoded("https://pay.example:8443/p/kim?x=1#part")), {
    ...{ host: "pay.example:8443", path: "/p/kim?x=1" },
  });
});

test("whatever is neither is refused", () => {
  for (const given of [
    ...["", "kim", "kim@", "@pay.example", "Kim@pay.example", "kim@pay.example/x", "kim@a b", "lnurl1", "lnurl1qqqq"],
    ...[
      LUD01.replace("8", "9"),
      `${LUD01}A`,
      `l${LUD01.slice(1)}`,
      encoded("not an address"),
      "lnurl1".padEnd(3_000, "q"),
    ],
    ...["http://pay.example/p", "https://kim:pw@pay.example/p", "file:///etc/passwd"].map(encoded),
  ]) {
    const found = payServer(given);
    assert.ok(isRejection(found) && found.code === "usage", given.slice(0, 60));
  }
});
