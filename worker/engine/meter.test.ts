import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { systemClock } from "../adapters/clock.ts";
import { openEgress } from "../adapters/egress.ts";
import { metered } from "./meter.ts";
import type { Effects } from "./perform.ts";

const server = createServer((request, response) => {
  if (request.url === "/unsaid") response.write("z".repeat(3_000));
  else response.setHeader("content-length", 6_000).write("z".repeat(3_000));
  response.end("z".repeat(3_000));
});
let url = "";
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

/** A meter over the real network, with so much left of the day. */
function meterWith(egress_bytes: number) {
  const host = new URL(url).host;
  const egress = openEgress([`network:egress:${host}`], { private_allow: [host] });
  // Only the network is used here.
  const { effects, usage } = metered({ egress } as unknown as Effects, { egress_bytes }, systemClock);
  const request = { method: "GET", headers: {}, timeout_ms: 10_000, signal: new AbortController().signal };
  const get = (path: string, max_bytes: number) => effects.egress.fetch({ ...request, url: url + path, max_bytes });
  return { get, used: () => usage()?.egress_bytes ?? 0 };
}
const faults = (code: string, action: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });

describe("what a step may still bring from the network today", () => {
  it("is used by what it brings", async () => {
    const { get, used } = meterWith(10_000);
    assert.equal((await get("/", 9_000)).body.length, 6_000);
    assert.equal(used(), 6_000 + url.length + 1);
  });

  it("ends a request that goes over it, and says that it was the quota", async () => {
    for (const path of ["/", "/unsaid"]) {
      await faults("quota_exceeded", meterWith(5_000).get(path, 9_000), /egress_bytes_per_day leaves \d{4} bytes/);
    }
  });

  it("is used by answers, too, that are not taken: nobody brings more than it by failing", async () => {
    const { get, used } = meterWith(10_000);
    await faults("egress_too_large", get("/unsaid", 100), /more than 100 bytes/);
    assert.ok(used() > 100 + url.length, String(used()));
    await faults("egress_too_large", get("/", 100), /more than 100 bytes/);
    let tries = 0;
    for (; used() < 10_000 && tries < 1_000; tries += 1) await get("/unsaid", 100).catch(() => undefined);
    await faults("quota_exceeded", get("/unsaid", 100), /nothing is left today of egress_bytes_per_day/);
  });
});
