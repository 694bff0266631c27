import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { ownEvent, ownSite, refuseOwn } from "./own-publish.ts";

const context = { kill_switch: false, aup: "strict", now_ms: 1_766_000_000_000 } as const;
const site = ownSite("https://edge.example:8443/", "command/site");

test("what the owner asks to be published is published, an event and a site", () => {
  assert.equal(refuseOwn(ownEvent(30054, "owner/rate"), context), null);
  assert.ok(!isRejection(site));
  assert.equal(site.target, "network:egress:edge.example:8443");
  assert.equal(refuseOwn(site, context), null);
});

test("the kill switch stops it, whoever asked", () => {
  assert.ok(!isRejection(site));
  for (const write of [ownEvent(1985, "setting/attest_runs"), site]) {
    assert.equal(refuseOwn(write, { ...context, kill_switch: true })?.code, "kill_switch_active");
  }
});

test("what is no event and no site is nothing to publish", () => {
  const wrong = { ...ownEvent(1, "owner/rate"), target: "filesystem:read:/etc/**" };
  assert.notEqual(refuseOwn(wrong, context), null);
  for (const url of ["edge.example", "", "https://"]) {
    assert.ok(isRejection(ownSite(url, "command/site")), url);
  }
});
