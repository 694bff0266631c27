import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import { getInstall, type InstallView } from "@oa/shared/install/views.ts";
import { toEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as kindMutes } from "@oa/shared/nostr/30007-kind-mutes.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { openModerationWatch } from "@oa/worker/loops/moderation-watch.ts";
import { fakeClock, manifestOf, openRunWorld, settled, WORKSPACE } from "../fakes/runs.ts";

const clock = fakeClock();
const manifest = manifestOf([{ op: "fs.read", id: "read", path: "/data/a.txt" }]);
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [operator, curator, stranger] = [key(21), key(22), key(23)];
const now_s = (): number => Math.floor(clock.now_ms() / 1000);
let end = async (): Promise<void> => {};
afterEach(() => end());

function sign(template: EventTemplate, by: Uint8Array): VerifiedEvent {
  const event = verifyEvent(signEvent(template, by, key(9)), pureSchnorr);
  assert.ok(!isRejection(event));
  return event;
}

function open(change: { readonly stops?: boolean; readonly chosen?: readonly string[] | null } = {}) {
  const world = openRunWorld({ ops: {}, clock });
  const install_id = world.install(manifest);
  const heard: { filters: readonly WireFilter[]; on_event: (event: VerifiedEvent) => Promise<void> }[] = [];
  const canceled: string[] = [];
  const reports: unknown[] = [];
  const watch = openModerationWatch({
    ...{ store: world.store, sql: world.database, commit: world.database.commit, workspace_id: WORKSPACE, clock },
    worker: "a".repeat(64),
    chosen: async () => (change.chosen === undefined ? [publicKeyOf(operator)] : change.chosen),
    stops: change.stops ?? true,
    listen: (filters, on_event) => heard.push({ filters, on_event }),
    cancelRuns: async (id) => void canceled.push(id),
    report: (error) => reports.push(error),
  });
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  end = async () => {
    stop.abort();
    await running;
    assert.deepEqual(reports, []);
    assert.equal(world.store.verify().ok, true);
    world.close();
  };
  const view = (): InstallView => getInstall(world.database, install_id) as InstallView;
  const hear = async (event: VerifiedEvent): Promise<void> => {
    await heard.at(-1)?.on_event(event);
    await settled();
  };
  const types = () => world.store.bySubject(install_id).map(({ event_type }) => event_type);
  return { world, install_id, heard, canceled, view, hear, types };
}

type Said = Omit<ModerationDecision, "event_id" | "created_at" | "moderator">;
function decision(view: InstallView, change: Partial<Said> = {}, by = operator): VerifiedEvent {
  const said: Said = {
    ...{ action: "take_down", target: { kind: "listing", value: view.active?.upgrade_address ?? "" } },
    ...{ reason: "malware", status: null, blast_radius: null, evidence_sha256: "ab".repeat(32), expires_at: null },
    ...{ answers: null, appeal: "possible", note: "" },
    ...change,
  };
  return sign(toEvent(said, { created_at: now_s() }), by);
}
const reversal = (view: InstallView, of: VerifiedEvent, by = operator): VerifiedEvent =>
  decision(view, { action: "restore", reason: null, evidence_sha256: null, answers: of.id }, by);
const curators = (created_at = now_s(), ...keys: readonly Uint8Array[]): VerifiedEvent => {
  const people = keys.map((one) => ({ pubkey: publicKeyOf(one), name: "", roles: ["take_down", "hold"] as const }));
  return sign(peopleEvent({ list: "curators", people }, { created_at }), operator);
};

test("what a trusted moderator takes down stops, its runs end, and the owner is told who and why", async () => {
  const { world, install_id, canceled, view, hear, types } = open();
  await settled();
  await hear(decision(view()));
  assert.equal(view().status, "disabled");
  assert.match(view().takedown?.why ?? "", /harms the machine it runs on \(malware\)/);
  assert.equal(view().takedown?.moderator, publicKeyOf(operator));
  assert.deepEqual(canceled, [install_id]);
  assert.deepEqual(types().slice(-2), ["install.taken_down", "install.disabled"]);
  const started = await world.engine.start(install_id, "schedule", { due_ms: clock.now_ms() });
  assert.ok(isRejection(started), JSON.stringify(started));
  assert.equal(started.code, "listing_taken_down", "not as if the owner had disabled it");
  assert.match(started.message, /oa installs override/);
});

test("where the owner chose to be told only, nothing stops", async () => {
  const { canceled, view, hear } = open({ stops: false });
  await settled();
  await hear(decision(view()));
  assert.equal(view().status, "enabled");
  assert.equal(view().takedown?.stopped, false);
  assert.deepEqual(canceled, []);
});

test("a restoration lets it run again, and a second hearing of either changes nothing", async () => {
  const { view, hear, types } = open();
  await settled();
  const down = decision(view());
  await hear(down);
  const back = reversal(view(), down);
  await hear(back);
  assert.equal(view().status, "enabled");
  assert.equal(view().takedown, null);
  const count = types().length;
  for (const event of [down, back]) await hear(event);
  assert.equal(types().length, count);
});

test("nobody whom the owner did not choose stops or restores anything", async () => {
  const { view, hear, types } = open();
  await settled();
  const count = types().length;
  await hear(decision(view(), {}, stranger));
  assert.equal(types().length, count);
  const down = decision(view());
  await hear(down);
  await hear(reversal(view(), down, stranger));
  assert.equal(view().status, "disabled");
});

test("whom the operator's signed list names decides too, and is listened to; taken off it, no more", async () => {
  const { heard, view, hear } = open();
  await settled();
  const asked = () => JSON.stringify(heard.at(-1)?.filters);
  assert.ok(!asked().includes(publicKeyOf(curator)));
  await hear(curators(now_s(), curator));
  assert.ok(asked().includes(publicKeyOf(curator)));
  await hear(decision(view(), {}, curator));
  assert.equal(view().status, "disabled");
  await hear(curators(now_s() + 1, stranger));
  assert.equal(view().status, "enabled");
});

test("a hold ends by itself", async () => {
  const { view, hear } = open();
  await settled();
  await hear(decision(view(), { action: "hold", evidence_sha256: null, expires_at: now_s() + 60 }));
  assert.equal(view().status, "disabled");
  await clock.pass(61_000);
  await settled();
  assert.equal(view().status, "enabled");
});

test("a blocklist of a chosen key stops its authors' upgrades, until it names them no more", async () => {
  const { view, hear } = open();
  await settled();
  const author = view().active?.author_pubkey ?? "";
  await hear(sign(kindMutes([author], { created_at: now_s() }), operator));
  assert.equal(view().status, "disabled");
  await hear(sign(kindMutes([], { created_at: now_s() + 1 }), operator));
  assert.equal(view().status, "enabled");
});

test("silence lifts nothing: after a restart it stays stopped until something says otherwise", async () => {
  const { world, install_id, view, hear } = open();
  await settled();
  await hear(decision(view()));
  const again = openModerationWatch({
    ...{ store: world.store, sql: world.database, commit: world.database.commit, workspace_id: WORKSPACE, clock },
    ...{ worker: "a".repeat(64), stops: true, listen: () => {}, cancelRuns: async () => {}, report: () => {} },
    chosen: async () => null, // the edge does not answer
  });
  const stop = new AbortController();
  const running = again.run(stop.signal);
  await settled();
  assert.equal(getInstall(world.database, install_id)?.status, "disabled");
  stop.abort();
  await running;
});

test("an owner who chooses nobody is stopped by nobody", async () => {
  const { heard, view } = open({ chosen: [] });
  await settled();
  assert.deepEqual(heard, []);
  assert.equal(view().status, "enabled");
});
