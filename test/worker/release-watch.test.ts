import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, type InstallView } from "@oa/shared/install/views.ts";
import { toRevocation } from "@oa/shared/nostr/03164-key-rotation.ts";
import { toEvent as releaseTo } from "@oa/shared/nostr/30052-release.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { toEvents } from "@oa/shared/nostr/yank.ts";
import { sightingOf } from "@oa/worker/admin/updates.ts";
import { openReleaseWatch } from "@oa/worker/loops/release-watch.ts";
import { contextOf, fakeClock, manifestOf, openRunWorld, orderCommand, settled, WORKSPACE } from "../fakes/runs.ts";

const clock = fakeClock();
const manifest = manifestOf([{ op: "fs.read", id: "read", path: "/data/a.txt" }]);
/** How far the clock was set away from time that nobody can set. */
let set_ms = 0;
let end = async (): Promise<void> => {};
afterEach(() => end());

function open() {
  const world = openRunWorld({ ops: {}, clock });
  const install_id = world.install(manifest);
  const heard: {
    authors: readonly string[];
    on_event: (event: VerifiedEvent) => Promise<void>;
    signal: AbortSignal;
  }[] = [];
  const updated: InstallView[] = [];
  const believed: boolean[] = [];
  const reports: unknown[] = [];
  const watch = openReleaseWatch({
    ...{ store: world.store, sql: world.database, commit: world.database.commit, workspace_id: WORKSPACE },
    clock: { ...clock, monotonic_ms: () => clock.now_ms() - set_ms },
    sighting: sightingOf,
    notice: async () => {},
    worker: "a".repeat(64),
    listen: (authors, on_event, signal) => heard.push({ authors, on_event, signal }),
    look: async (install, looking) => {
      updated.push(install);
      believed.push(looking.believesClock("f".repeat(64)));
      return { state: "current", message: "it is the latest", fix: null, offered: null };
    },
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
  return { world, install_id, heard, updated, believed, watch, view };
}
const author = (view: InstallView): string => view.active?.author_pubkey ?? "";

/** As a relay pool gives it: verified before. */
function yankOf(view: InstallView, by = author(view)): VerifiedEvent {
  const release = { author: by, slug: manifest.id, version: manifest.version, event_id: "b".repeat(64) };
  const [label] = toEvents(release, { created_at: Math.floor(clock.now_ms() / 1000), reason: "leaks" });
  return { ...label, id: "e".repeat(64), pubkey: by, sig: "" } as unknown as VerifiedEvent;
}

test("a release that its author takes back starts nothing any more, and the owner is told why", async () => {
  const { world, install_id, heard, view } = open();
  await settled();
  assert.deepEqual(heard[0]?.authors, [author(view())]);
  await heard[0]?.on_event(yankOf(view()));
  assert.equal(view().status, "yanked");
  assert.equal(view().yanked?.reason, "leaks");
  const started = await world.engine.start(install_id, "schedule", { due_ms: clock.now_ms() });
  assert.ok(isRejection(started) && started.code === "release_yanked", JSON.stringify(started));
  await heard[0]?.on_event(yankOf(view()));
  assert.equal(world.store.bySubject(install_id).filter(({ event_type }) => event_type === "install.yanked").length, 1);
});

test("what somebody else says about it changes nothing", async () => {
  const { heard, view } = open();
  await settled();
  await heard[0]?.on_event(yankOf(view(), "9".repeat(64)));
  assert.equal(view().status, "enabled");
});

test("after a handover the old key is still heard: what it signed and is kept to go back to stops with it", async () => {
  const { world, install_id, heard, view, watch } = open();
  await settled();
  const old = author(view());
  const next = "7".repeat(64);
  const decide = (command: InstallCommand) => {
    const done = world.store.handle(contextOf(clock.now_ms()), [task(installDecider, install_id, command)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  const pins = { author_pubkey: next, release_event_id: "c".repeat(64) };
  const command = { pins, revision: 2, author_keys: [old, next] };
  decide(orderCommand({ ...manifest, version: "1.1.0" }, clock.now_ms(), command));
  const { permission_hash = "", permissions = [] } = view().pending ?? {};
  decide({ type: "inspect", permission_hash, widened: [] });
  decide({ type: "approve", permission_hash, grant: permissions });
  watch.refresh();
  await settled();
  assert.deepEqual(heard.at(-1)?.authors, [next, old].sort());
  assert.deepEqual([author(view()), view().earlier[0]?.author_pubkey], [next, old]);
  const revocation = { ...toRevocation({ created_at: 1, reason: "stolen" }), id: "9".repeat(64), pubkey: old, sig: "" };
  await heard.at(-1)?.on_event(revocation as unknown as VerifiedEvent);
  assert.equal(view().status, "enabled", "what the new key signed goes on");
  assert.deepEqual(view().taken_back, [view().earlier[0]?.release_event_id]);
  const back = world.store.handle(contextOf(clock.now_ms()), [
    task(installDecider, install_id, { type: "roll_back", to: null, reason: "no" }),
  ]);
  assert.ok(isRejection(back), JSON.stringify(back));
});

test("updates are looked for at the start, now and then, and soon after a release, however many there are", async () => {
  const { heard, updated, view, watch, install_id } = open();
  await settled();
  assert.equal(updated.length, 1);
  assert.equal(watch.looks.get(install_id)?.look.state, "current");
  const release = { ...yankOf(view()), kind: 30052, tags: [] } as unknown as VerifiedEvent;
  await clock.pass(LIMITS.release_check_ms);
  assert.equal(updated.length, 2);
  for (let count = 0; count < 100; count += 1) await heard[0]?.on_event(release);
  await clock.pass(LIMITS.release_check_ms_min);
  assert.equal(updated.length, 3);
  watch.refresh();
  await clock.pass(LIMITS.release_check_ms_min);
  assert.equal(updated.length, 3);
  await watch.check(new AbortController().signal);
  assert.equal(updated.length, 4);
});

test("a later release that is heard of is remembered with the time of this worker, and only from its author", async () => {
  const { heard, view } = open();
  await settled();
  const later = { ...manifest, version: "2.0.0" };
  const pinned = {
    ...{ author: author(view()), manifest_event_id: "c".repeat(64), manifest_sha256: "d".repeat(64) },
    ...{ notes: "", channel: "main" as const, created_at: 1 },
  } as const;
  const event = { ...releaseTo(later, pinned), id: "9".repeat(64), pubkey: author(view()), sig: "" };
  await heard[0]?.on_event({ ...event, pubkey: "8".repeat(64) } as unknown as VerifiedEvent);
  assert.deepEqual(view().seen, []);
  await heard[0]?.on_event(event as unknown as VerifiedEvent);
  assert.deepEqual(
    view().seen.map(({ upgrade_version, seen_at_ms }) => [upgrade_version, seen_at_ms]),
    [["2.0.0", clock.now_ms()]],
  );
});

test("the clock is believed at the second look, and anew only after it was set or the machine slept", async () => {
  const { believed, watch } = open();
  const look = async (): Promise<boolean | undefined> => {
    await watch.check(new AbortController().signal);
    return believed.at(-1);
  };
  await settled();
  await clock.pass(LIMITS.release_check_ms_min);
  assert.deepEqual([believed[0], await look()], [false, true]);
  set_ms += 365 * DAY_MS;
  await clock.pass(LIMITS.release_check_ms_min);
  assert.equal(await look(), false);
  await clock.pass(LIMITS.release_check_ms_min);
  assert.equal(await look(), true);
});

test("permissions that are no longer those approved start nothing until they are approved again", async () => {
  const { world, install_id, view } = open();
  const { active } = view();
  assert.ok(active !== null);
  const state = world.store.load(installDecider, install_id);
  const { signed_by, manifest_sha256, permission_hash: _, ...pins } = active;
  const hashes = { manifest_sha256, permission_hash: "0".repeat(64) };
  const drifted = world.store.handle(contextOf(clock.now_ms()), [
    task(installDecider, install_id, {
      ...{ type: "order", pins, manifest, inputs: {}, named: hashes, found: hashes, grant: state.active?.grant ?? [] },
      ...{ ceiling: state.active?.grant ?? [], recipient: "w", worker: "w", now_ms: 1, expires_at_ms: 2 },
      signed_by: { ...signed_by, revision: signed_by.revision + 1 },
    }),
  ]);
  assert.ok(!isRejection(drifted), JSON.stringify(drifted));
  const started = await world.engine.start(install_id, "manual");
  assert.ok(isRejection(started) && started.code === "permission_hash_mismatch", JSON.stringify(started));
});
