import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openRecordingServer, type RecordingServer } from "../fakes/recording-server.ts";
import { document, down, killDaemons, oa, type Running, startOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-approve-"));
const data_dir = join(folder, "data");
const env = { HOME: folder, XDG_DATA_HOME: join(folder, "xdg") };
let server: RecordingServer;
let daemon: Running;
before(async () => {
  // What is read tells where to write: consent cannot know it.
  server = await openRecordingServer('{"where": "orders"}');
  mkdirSync(data_dir, { recursive: true });
  writeFileSync(join(data_dir, "config.json"), JSON.stringify({ private_allow: [server.host] }));
  daemon = await startOa(["up", "--data", data_dir, "--port", "0"], env);
});
after(async () => {
  await down(daemon);
  killDaemons();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const said = async (...args: readonly string[]) => {
  const answer = await oa([...args, "--data", data_dir, "--json"], env);
  return { code: answer.code, stderr: answer.stderr, value: document(answer) };
};
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let turn = 0; turn < 100; turn += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not come to that");
}
interface Waiting {
  readonly approval_id: string;
  readonly run_id: string;
  readonly summary: string;
}
const waiting = () =>
  until(async () => {
    const { value } = await said("approvals", "--status", "requested");
    return (value as { approvals: Waiting[] }).approvals[0];
  });
const runEnded = (run_id: string) =>
  until(async () => {
    const response = await fetch(`${daemon.url}/v1/runs/${run_id}`, {
      headers: { authorization: `Bearer ${readFileSync(daemon.token_path, "utf8").trim()}` },
    });
    const run = (await response.json()) as { status: string; code: string | null };
    return ["succeeded", "failed", "canceled"].includes(run.status) ? run : undefined;
  });
const start = async () => {
  const response = await fetch(`${daemon.url}/v1/runs`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${readFileSync(daemon.token_path, "utf8").trim()}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ install_id }),
  });
  assert.equal(response.status, 202, await response.text());
};
let install_id = "";

describe("the owner at the command line", () => {
  it("installs what will ask, and is told so before", async () => {
    const made = join(folder, "follow.json");
    await said("upgrade", "init", made, "--template", "release-watch", "--id", "me.follow", "--title", "Follow");
    const { inputs: _, triggers: __, ...manifest } = JSON.parse(readFileSync(made, "utf8"));
    const pipeline = [
      { id: "look", op: "http.request", url: `${server.url}/state` },
      {
        ...{ id: "tell", op: "http.request", method: "POST", url: "${steps.look.url}?to=${steps.look.json.where}" },
        body: { password: "hunter2-and-more", text: "hello" },
      },
    ];
    const permissions = { network: [server.host], tools: ["http.request"] };
    writeFileSync(made, JSON.stringify({ ...manifest, permissions, pipeline }));
    const { code, stderr } = await said("install", made, "--yes");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Step tell \(http\.request POST\) would write where only its run can say: it asks you then/);
    const { installs } = (await said("installs")).value as { installs: { install_id: string }[] };
    install_id = installs[0]?.install_id ?? "";
  });

  it("is asked, sees exactly what would be sent without its secrets, approves, and it is sent once", async () => {
    await start();
    const { approval_id, run_id, summary } = await waiting();
    assert.match(summary, /^Follow: Step tell \(http\.request POST\) would write to 127\.0\.0\.1:/);
    const shown = await oa(["approvals", "show", approval_id, "--data", data_dir], env);
    assert.match(shown.stdout, /\/state\?to=orders/);
    assert.match(shown.stdout, /external_write_requires_approval/);
    assert.ok(!shown.stdout.includes("hunter2"), shown.stdout);
    assert.equal(server.orders.size, 0);
    const { code, value } = await said("approvals", "approve", approval_id);
    assert.deepEqual([code, (value as { status: string }).status], [0, "approved"]);
    assert.equal((await runEnded(run_id)).status, "succeeded");
    assert.equal(server.orders.size, 1);
    const again = await said("approvals", "approve", approval_id);
    assert.equal(again.code, 1 + 2, "a decision is made once");
  });

  it("denies with a reason, and the run fails with it", async () => {
    await start();
    const { approval_id, run_id } = await waiting();
    await said("approvals", "deny", approval_id, "--reason", "not tonight");
    const { status, code } = await runEnded(run_id);
    assert.deepEqual([status, code], ["failed", "approval_denied"]);
    assert.equal(server.orders.size, 1);
  });

  it("switches everything off and on at once, puts the install in a sandbox, quarantines it and lifts that", async () => {
    const { value: on } = await said("kill-switch", "on", "--reason", "odd");
    assert.deepEqual(on, { on: true, forced: false, reason: "odd" });
    const explained = document(await oa(["policy", "explain", "follow", "--data", data_dir, "--json"], env)) as {
      steps: { decision: { verdict: string; reasons: { code: string }[] } }[];
    };
    assert.ok(explained.steps[1]?.decision.reasons.some(({ code }) => code === "kill_switch_active"));
    await said("kill-switch", "off");
    assert.deepEqual((await said("kill-switch", "status")).value, {
      ...{ on: false, forced: false, reason: "switched off by the owner" },
    });
    const zoned = (await said("policy", "zone", "follow", "sandbox")).value as { zone: string };
    assert.equal(zoned.zone, "sandbox");
    assert.equal((await said("policy", "zone", "follow", "nowhere")).code, 3);
    assert.equal(((await said("policy", "zone", "follow", "default")).value as { zone: string }).zone, "supervised");
    await said("policy", "quarantine", "follow", "--reason", "odd");
    const refused = await said("run", "follow");
    assert.equal((refused.value.error as { code: string }).code, "install_quarantined");
    const { value: install } = await said("installs", "follow");
    assert.equal((install as { quarantine: { reason: string } }).quarantine.reason, "odd");
    const [list, one] = [
      await oa(["installs", "--data", data_dir], env),
      await oa(["installs", "follow", "--data", data_dir], env),
    ];
    assert.match(list.stdout, /me\.follow .*enabled, quarantined/);
    assert.match(one.stdout, /QUARANTINED since .*nothing of it starts: odd\n.*oa policy lift install_/);
    assert.match((await oa(["why", "follow", "--data", data_dir], env)).stdout, /you quarantined it at .* \(odd\)/);
    const { value: lifted } = await said("policy", "lift", "follow");
    assert.equal((lifted as { quarantine: null }).quarantine, null);
  });

  it("hears of an approval that does not exist, and of a status that is none", async () => {
    assert.equal(((await said("approvals", "show", "appr_none")).value.error as { code: string }).code, "not_found");
    assert.equal((await said("approvals", "--status", "maybe")).code, 2);
  });
});
