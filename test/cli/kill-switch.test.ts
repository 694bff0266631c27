import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { openFakeRelay } from "../fakes/relay.ts";
import { document, down, killDaemons, oa, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-kill-switch-"));
const relay = await openFakeRelay();
after(async () => {
  killDaemons();
  await relay.close();
  rmSync(folder, { recursive: true, force: true });
});
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
const action = join(folder, "action.json");
writeFileSync(
  action,
  JSON.stringify({
    action: { action_type: "api.call.mutating", host: "hooks.example.com", method: "POST" },
    context: { approvals: [{ approval_id: "a", scope: "once", method: "POST" }] },
  }),
);

/** The kill switch as whoever asks at this data folder finds it. */
function at(data_dir: string) {
  const run = async (...args: readonly string[]) => {
    const said = await oa([...args, "--json"], { OA_DATA: data_dir, HOME: folder });
    return { code: said.code, said: document(said) as { error?: { code: string }; verdict?: string } };
  };
  const to = ["--relay", relay.url] as const;
  return {
    set: (on: "on" | "off") => run("kill-switch", on),
    check: async () => (await run("policy", "check", action)).said.verdict,
    writes: async () =>
      Promise.all(
        [
          run("upgrade", "publish", example, "--author-from-key", ...to),
          run("upgrade", "yank", "me.watch@1.0.0", ...to),
          run("key", "revoke", "--yes", ...to),
        ].map(async (asked) => (await asked).said.error?.code ?? "sent"),
      ),
    publish: async () => (await run("upgrade", "publish", example, "--author-from-key", ...to)).code,
  };
}
const STOPPED = ["kill_switch_active", "kill_switch_active", "kill_switch_active"];
const published = () => relay.frames.filter(([type]) => type === "EVENT").length;

describe("the kill switch, switched at one command and asked for by others", () => {
  it("stops what authors publish and what policy check allows, while a daemon runs", { timeout: 120_000 }, async () => {
    const data_dir = join(folder, "daemon");
    const { set, check, writes, publish } = at(data_dir);
    const daemon = await startOa(["up", "--data", data_dir, "--port", "0"], { HOME: folder });
    assert.equal(await check(), "allow");
    await set("on");
    assert.equal(await check(), "deny");
    assert.deepEqual(await writes(), STOPPED);
    assert.equal(published(), 0);
    await set("off");
    assert.equal(await check(), "allow");
    assert.equal(await publish(), 0);
    assert.ok(published() > 0);
    await down(daemon);
  });

  it("stops them as well where no daemon runs: the log says so", { timeout: 120_000 }, async () => {
    const { set, check, publish } = at(join(folder, "none"));
    await set("on");
    const before = published();
    assert.equal(await check(), "deny");
    assert.equal(await publish(), 3);
    assert.equal(published(), before);
    await set("off");
    assert.equal(await check(), "allow");
  });
});
