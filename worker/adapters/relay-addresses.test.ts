import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { WebSocketServer } from "ws";
import { relayAddresses } from "./relay-addresses.ts";
import { connectRelay } from "./relay-connection.ts";

const at = (address: string) => async () => [{ address, family: address.includes(":") ? 6 : 4 }];
const signal = AbortSignal.timeout(20_000);
const refuses = (code: string, action: Promise<unknown>) =>
  assert.rejects(action, (error: Fault) => error.code === code);

test("a relay of the owner's settings may be on their own network, exactly that one", async () => {
  const own = relayAddresses(["wss://relay.home/", "ws://127.0.0.1:7777"], [], { lookup: at("192.168.1.4") });
  assert.deepEqual(await own("wss://relay.home", signal), ["192.168.1.4"]);
  assert.deepEqual(await own("ws://127.0.0.1:7777", signal), ["127.0.0.1"]);
  await refuses("egress_private_address", own("wss://relay.home:8443", signal));
});

test("a relay that somebody else names is on the public internet or not asked at all", async () => {
  for (const address of ["127.0.0.1", "10.0.0.8", "169.254.169.254", "168.63.129.16", "fd00::1", "::ffff:10.0.0.1"]) {
    await refuses(
      "egress_private_address",
      relayAddresses([], [], { lookup: at(address) })("wss://evil.example", signal),
    );
  }
  for (const url of ["ws://127.0.0.1:22", "ws://[::1]/", "ws://2130706433/", "ws://0x7f.1/", "ws://0177.0.0.1/"]) {
    await refuses("egress_private_address", relayAddresses([], [])(url, signal));
  }
  const fine = relayAddresses([], [], { lookup: at("93.184.216.34") });
  assert.deepEqual(await fine("wss://relay.example/path", signal), ["93.184.216.34"]);
});

test("what is connected to is the address that was checked, whatever the name says", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const options = { signal, timeout_ms: 5_000 };
    // The name exists nowhere: only the checked address can have led there.
    const connection = await connectRelay(`ws://relay.invalid:${port}`, {
      ...options,
      addresses: async () => ["127.0.0.1"],
    });
    assert.equal(connection.isOpen(), true);
    connection.close("done");
    const closed = relayAddresses([], [], { lookup: at("127.0.0.1") });
    await refuses(
      "egress_private_address",
      connectRelay(`ws://relay.invalid:${port}`, { ...options, addresses: closed }),
    );
  } finally {
    server.close();
    for (const client of server.clients) client.terminate();
  }
});

test("a frame that is too large ends the connection before it is held", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) =>
    socket.on("error", () => {}).on("message", () => socket.send("x".repeat(8_000_000))),
  );
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const connection = await connectRelay(`ws://127.0.0.1:${port}`, { signal, timeout_ms: 5_000 });
    const reason = await new Promise((resolve) => {
      connection.request([{ kinds: [1] }], { event: () => {}, eose: () => {}, closed: resolve });
    });
    assert.equal(reason, "the connection was lost");
    assert.equal(connection.isOpen(), false);
  } finally {
    server.close();
    for (const client of server.clients) client.terminate();
  }
});
