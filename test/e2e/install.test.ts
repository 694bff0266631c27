import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permissionHash } from "@oa/shared/core/permission.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallConfig, InstallOrder, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { getInstall, installProjection } from "@oa/shared/install/views.ts";
import { intakeProjection, listIntake } from "@oa/shared/intake/views.ts";
import { seal, toEvent } from "@oa/shared/nostr/24051-install-config.ts";
import { toEvent as claimEvent } from "@oa/shared/nostr/24052-pairing-claim.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { type PairingCommand, pairingDecider } from "@oa/shared/pairing/decider.ts";
import { listPairings, pairingProjection } from "@oa/shared/pairing/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import type { Publication } from "@oa/shared/upgrade/publication.ts";
import type { Mailbox } from "@oa/worker/adapters/mailbox.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { type InstallLoopOptions, openInstallLoop } from "@oa/worker/loops/install.ts";
import { openIntake } from "@oa/worker/loops/intake.ts";
import { contextOf, fakeClock, random, settled, WORKSPACE } from "../fakes/runs.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";

const [SIGNER, WORKER, STRANGER] = [key(2), key(3), key(4)];
const worker = publicKeyOf(WORKER);
const HOME = "/home/owner";
const INSTALL = `install_${"0".repeat(26)}`;

describe("signed install configs", () => {
  const clock = fakeClock();
  let database = openSqlite(":memory:");
  let store = openEventStore(database, [], random);
  let stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let loop: ReturnType<typeof openInstallLoop>;
  let hear: (event: VerifiedEvent) => void = () => assert.fail("nobody listens");
  let reports: unknown[] = [];
  let box: Map<string, NostrEvent> = new Map();
  let signers: readonly string[] = [];
  let network: (address: object) => readonly unknown[] | Rejection = () => [];
  let looked_up = 0;

  const mailbox: Mailbox = {
    list: async () => ({
      installs: [...box].map(([deposit_id, event], seq) => ({
        ...{ seq: seq + 1, deposit_id, event, signer: publicKeyOf(SIGNER), received_at: "2026-01-01T00:00:00Z" },
      })) as never,
      next_after: null,
    }),
    deposit: async () => assert.fail("nothing is sent from here"),
    acknowledge: async (deposit_id) => void box.delete(deposit_id),
    setSigners: async (list) => {
      signers = list;
    },
  };
  beforeEach(() => {
    database = openSqlite(":memory:");
    store = openEventStore(database, [installProjection, pairingProjection, intakeProjection], random);
    [box, reports, looked_up, network] = [new Map(), [], 0, () => []];
    const report = (error: unknown): void => void reports.push(error);
    const common = { store, clock, commit: database.commit, workspace_id: WORKSPACE, worker, report };
    const options: InstallLoopOptions = {
      ...common,
      ...{ sql: database, schnorr: pureSchnorr, home: HOME, secret_key: WORKER, mailbox, intake: openIntake(common) },
      listen: (on_event) => {
        hear = on_event;
      },
      lookUp: async (address) => {
        looked_up += 1;
        return network(address);
      },
    };
    loop = openInstallLoop(options);
    stop = new AbortController();
    pair(SIGNER, ["network:egress:api.example", "tool:invoke:http.request"]);
    running = loop.run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
    assert.deepEqual(store.verify().first_bad, null, "the audit chain verifies");
    const tables = ["proj_installs", "proj_pairings", "proj_intake"];
    const live = tables.map((table) => database.all(`SELECT * FROM ${table}`));
    store.rebuild();
    assert.deepEqual(
      tables.map((table) => database.all(`SELECT * FROM ${table}`)),
      live,
      "read models rebuild to what they were",
    );
    database.close();
  });

  function pair(secret_key: Uint8Array, ceiling: readonly Permission[]): void {
    const pubkey = publicKeyOf(secret_key);
    const command = { type: "pair", pubkey, already_paired: false, ceiling, label: "phone", now_ms: 0 } as const;
    const done = store.handle(contextOf(clock.now_ms()), [task(pairingDecider, `pair_${pubkey}`, command)]);
    assert.ok(!isRejection(done));
  }
  function orderOf(
    manifest: UpgradeManifest,
    published: Publication,
    change: Partial<InstallOrder> = {},
  ): InstallOrder {
    const plan = planOf(manifest, {}, { home: HOME });
    assert.ok(!isRejection(plan), JSON.stringify(plan));
    const now_s = Math.floor(clock.now_ms() / 1_000);
    return {
      ...{ config_version: 1, action: "install", worker, signer: publicKeyOf(SIGNER), install_id: INSTALL },
      ...{ revision: 1, issued_at: now_s, expires_at: now_s + 600, listing: published.address },
      manifest_event_id: published.manifest_event.id,
      release_event_id: published.release_event.id,
      manifest_sha256: published.manifest_sha256,
      permission_hash: permissionHash(plan.permissions),
      inputs: {},
      ...change,
    } as InstallOrder;
  }
  const wrap = (config: InstallConfig, by = SIGNER, to = worker): NostrEvent => {
    const created_at = Math.floor(clock.now_ms() / 1_000);
    const options = { one_time_key: key(7), nonce: random(32), aux_random: random(32), created_at };
    const sealed = seal(signEvent(toEvent(config), by, random(32)), to, options);
    assert.ok(!isRejection(sealed));
    return sealed;
  };
  const embedded = (published: Publication) =>
    ({ manifest_event: published.manifest_event, release_event: published.release_event }) as Partial<InstallOrder>;
  const deliver = async (event: NostrEvent): Promise<void> => {
    box.set(event.id, event);
    await clock.pass(LIMITS.install_poll_ms);
    await settled();
  };
  const logged = (type: string) => [...store.after(0)].map(({ event }) => event).filter((e) => e.event_type === type);
  const codes = (type: string) => logged(type).map(({ data }) => (data as { readonly code: string }).code);

  it("install what they pin, from the mailbox, and are acknowledged", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    await deliver(wrap(orderOf(manifest, published, embedded(published))));
    const install = getInstall(database, INSTALL);
    assert.equal(install?.status, "enabled");
    assert.equal(install?.active?.manifest_event_id, published.manifest_event.id);
    assert.deepEqual(install?.grant, ["network:egress:api.example", "tool:invoke:http.request"]);
    assert.equal(box.size, 0);
    assert.equal(looked_up, 0, "what came along is not fetched");
    assert.deepEqual(signers, [publicKeyOf(SIGNER)], "the mailbox was told who is paired");
  });

  it("fetch what they pin by id where it did not come along, and wait while the network is away", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    network = () => reject("unreachable", "no relay answers");
    await deliver(wrap(orderOf(manifest, published)));
    assert.equal(getInstall(database, INSTALL), null);
    assert.equal(box.size, 1, "it stays in the mailbox");
    const newer = publish({ ...manifest, version: "2.0.0" });
    network = () => [newer.manifest_event, { junk: true }, published.release_event, published.manifest_event];
    await clock.pass(LIMITS.install_poll_ms);
    assert.equal(getInstall(database, INSTALL)?.active?.upgrade_version, "1.0.0");
    assert.equal(box.size, 0);
  });

  it("come from relays too, and count once however often they come", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const event = wrap(orderOf(manifest, published, embedded(published)));
    hear(event as VerifiedEvent);
    hear(event as VerifiedEvent);
    await settled();
    await deliver(event);
    assert.equal(logged("install.requested").length, 1);
    assert.equal(codes("install.refused").length, 0);
  });

  it("enable, disable and remove, each with a higher revision", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const order = orderOf(manifest, published, embedded(published));
    await deliver(wrap(order));
    const change = (action: "enable" | "disable" | "remove", revision: number): InstallConfig => {
      const { config_version, signer, install_id, issued_at, expires_at } = order;
      return { config_version, action, worker, signer, install_id, revision, issued_at, expires_at };
    };
    await deliver(wrap(change("disable", 2)));
    assert.equal(getInstall(database, INSTALL)?.status, "disabled");
    await deliver(wrap(change("enable", 3)));
    assert.equal(getInstall(database, INSTALL)?.status, "enabled");
    await deliver(wrap(change("disable", 3)));
    assert.deepEqual(codes("install.refused"), ["config_stale"]);
    await deliver(wrap(change("remove", 4)));
    assert.equal(getInstall(database, INSTALL)?.status, "removed");
    await deliver(wrap({ ...order, revision: 4 }));
    assert.deepEqual(codes("install.refused"), ["config_stale", "config_stale"]);
  });

  it("by a key that is not paired are refused before anything is fetched for them", async () => {
    const manifest = manifestBy(AUTHOR);
    const order = orderOf(manifest, publish(manifest), { signer: publicKeyOf(STRANGER) });
    await deliver(wrap(order, STRANGER));
    assert.deepEqual(codes("intake.refused"), ["signer_unknown"]);
    assert.deepEqual([looked_up, box.size], [0, 0], "and answered once");
  });

  it("by a key whose pairing was removed are refused from then on", async () => {
    const id = `pair_${publicKeyOf(SIGNER)}`;
    store.handle(contextOf(clock.now_ms()), [task(pairingDecider, id, { type: "remove", reason: "lost" })]);
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    await deliver(wrap(orderOf(manifest, published, embedded(published))));
    assert.deepEqual(codes("intake.refused"), ["signer_unknown"]);
    assert.deepEqual(signers, []);
  });

  it("that were forged, altered or meant for another worker are refused with one record each", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const order = orderOf(manifest, published, embedded(published));
    await deliver({ ...wrap(order), sig: "0".repeat(128) });
    await deliver({ ...wrap(order), created_at: 1 });
    await deliver(wrap(order, SIGNER, publicKeyOf(STRANGER)));
    await deliver(wrap({ ...order, worker: publicKeyOf(STRANGER) }));
    await deliver(wrap(order, STRANGER));
    await deliver(wrap({ ...order, expires_at: order.issued_at + 1, issued_at: order.issued_at - 100 }));
    await deliver({ ...wrap(order), id: "nonsense" });
    assert.equal(getInstall(database, INSTALL), null);
    assert.equal(box.size <= 1, true);
    assert.ok(codes("intake.refused").length >= 6, codes("intake.refused").join());
    assert.ok(codes("intake.refused").includes("wrong_recipient"));
    assert.ok(codes("intake.refused").includes("signature_invalid"));
    assert.ok(codes("intake.refused").includes("config_signer"));
  });

  it("for another manifest or other permissions than were approved are refused", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const order = orderOf(manifest, published, embedded(published));
    await deliver(wrap({ ...order, manifest_sha256: "f".repeat(64) }));
    assert.deepEqual(codes("intake.refused"), ["manifest_hash_mismatch"]);
    await deliver(wrap({ ...order, permission_hash: "f".repeat(64) }));
    assert.deepEqual(codes("install.refused"), ["permission_hash_mismatch"]);
    assert.equal(getInstall(database, INSTALL), null);
  });

  it("never move an install to another author", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    await deliver(wrap(orderOf(manifest, published, embedded(published))));
    const theirs = manifestBy(STRANGER);
    const stolen = publish(theirs, STRANGER);
    await deliver(wrap(orderOf(theirs, stolen, { ...embedded(stolen), revision: 2 })));
    assert.deepEqual(codes("install.refused"), ["author_changed"]);
    assert.equal(getInstall(database, INSTALL)?.active?.author_pubkey, publicKeyOf(AUTHOR));
  });

  it("with a schedule that cannot be kept or inputs that do not fit are refused with the reason", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const order = orderOf(manifest, published, embedded(published));
    await deliver(wrap({ ...order, schedule: { type: "cron", expression: "61 * * * *" } }));
    await deliver(wrap({ ...order, inputs: { color: "red" }, revision: 2 }));
    assert.equal(codes("install.refused").length, 2);
    assert.equal(codes("install.refused")[1], "input_unknown");
  });

  it("above the ceiling wait for the owner and run nothing", async () => {
    const wide = manifestBy(AUTHOR, {
      permissions: { network: ["api.example"], tools: ["http.request"], process: true },
    });
    const published = publish(wide);
    await deliver(wrap(orderOf(wide, published, embedded(published))));
    const install = getInstall(database, INSTALL);
    assert.equal(install?.status, "pending");
    assert.deepEqual(install?.approval_reasons, ["process:spawn always needs the owner's approval"]);
    assert.equal(install?.active, null);
  });

  it("get the same answer when they come again after a refusal", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const config = orderOf(manifest, published, { ...embedded(published), permission_hash: "f".repeat(64) });
    const event = wrap(config);
    await deliver(event);
    await deliver(event);
    assert.deepEqual(codes("install.refused"), ["permission_hash_mismatch"]);
  });

  it("meet a flood of bad input with a bounded number of records and a count of the rest", async () => {
    const junk = { kind: 1059, tags: [["p", worker]], content: "junk" };
    for (let created_at = 1; created_at <= 100; created_at += 1) {
      hear(signEvent({ ...junk, created_at }, STRANGER, random(32)) as VerifiedEvent);
    }
    for (let round = 0; round < 10; round += 1) await settled();
    assert.equal(logged("intake.refused").length, LIMITS.intake_events_per_minute);
    await clock.pass(60_000 + LIMITS.install_poll_ms);
    const last = logged("intake.refused").at(-1)?.data as { readonly suppressed: number; readonly code: string };
    assert.equal(last.suppressed, 100 - LIMITS.intake_events_per_minute);
    assert.equal(last.code, "rate_limited");
    const counts = listIntake(database).map(({ code, count }) => [code, count]);
    assert.deepEqual(counts, [
      ["rate_limited", 100 - LIMITS.intake_events_per_minute],
      ["config_unreadable", LIMITS.intake_events_per_minute],
    ]);
  });

  const claimBy = (secret_key: Uint8Array, secret: string): VerifiedEvent => {
    const created_at = Math.floor(clock.now_ms() / 1_000);
    const inner = signEvent(claimEvent({ worker, secret }, { created_at }), secret_key, random(32));
    const sealed = seal(inner, worker, { one_time_key: key(8), nonce: random(32), aux_random: random(32), created_at });
    assert.ok(!isRejection(sealed));
    return sealed as VerifiedEvent;
  };
  const SECRET = "correct-horse-battery";

  it("can be sent by a coordinator that showed the one-time secret, once the owner confirmed its key", async () => {
    const offer: PairingCommand = {
      ...{ type: "offer" as const, secret_sha256: sha256Hex(SECRET), expires_at_ms: clock.now_ms() + 600_000 },
      ...{ ceiling: ["network:egress:api.example", "tool:invoke:http.request"], label: "tablet" },
    };
    store.handle(contextOf(clock.now_ms()), [task(pairingDecider, "pair_1", offer)]);
    const claim = claimBy(STRANGER, SECRET);
    hear(claim);
    await settled();
    const claimed = listPairings(database, 10).find(({ pairing_id }) => pairing_id === "pair_1");
    assert.equal(claimed?.status, "claimed");
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const order = orderOf(manifest, published, { ...embedded(published), signer: publicKeyOf(STRANGER) });
    await deliver(wrap(order, STRANGER));
    assert.deepEqual(codes("intake.refused"), ["signer_unknown"], "a claim alone earns nothing");
    const confirm = { type: "confirm", pubkey: publicKeyOf(STRANGER), already_paired: false } as const;
    store.handle(contextOf(clock.now_ms()), [task(pairingDecider, "pair_1", confirm)]);
    await deliver(wrap({ ...order, revision: 2 }, STRANGER));
    assert.equal(getInstall(database, INSTALL)?.status, "enabled");
    hear(claim);
    await settled();
    assert.equal(codes("intake.refused").length, 1, "the same claim again is no news");
    hear(claimBy(key(6), SECRET));
    await settled();
    assert.equal(codes("intake.refused").at(-1), "pairing_used");
  });

  it("cannot be earned with a secret that was never made, or has expired", async () => {
    hear(claimBy(STRANGER, "never-made-at-all-123"));
    await settled();
    const offer: PairingCommand = {
      ...{ type: "offer" as const, secret_sha256: sha256Hex(SECRET), expires_at_ms: clock.now_ms() },
      ...{ ceiling: [], label: "tablet" },
    };
    store.handle(contextOf(clock.now_ms()), [task(pairingDecider, "pair_1", offer)]);
    hear(claimBy(STRANGER, SECRET));
    await settled();
    assert.deepEqual(codes("intake.refused"), ["pairing_secret_wrong", "pairing_expired"]);
    assert.ok(!JSON.stringify([...store.after(0)]).includes(SECRET), "no secret is ever in the log");
  });

  it("stay in the mailbox while they cannot be written down", async () => {
    const manifest = manifestBy(AUTHOR);
    const published = publish(manifest);
    const { commit } = database;
    const full = new Fault("disk_full", "the disk is full", { retryable: true });
    let broken = true;
    const failing: typeof commit = (body) => (broken ? Promise.reject(full) : commit(body));
    stop.abort();
    await running;
    const report = (error: unknown): void => void reports.push(error);
    const common = { store, clock, commit: failing, workspace_id: WORKSPACE, worker, report };
    const again = openInstallLoop({
      ...common,
      ...{ sql: database, schnorr: pureSchnorr, home: HOME, secret_key: WORKER, mailbox, intake: openIntake(common) },
      ...{ listen: null, lookUp: async () => [] },
    });
    stop = new AbortController();
    running = again.run(stop.signal);
    await deliver(wrap(orderOf(manifest, published, embedded(published))));
    assert.equal(box.size, 1);
    assert.ok(reports.some((error) => error instanceof Fault && error.code === "disk_full"));
    broken = false;
    await clock.pass(LIMITS.install_poll_ms);
    assert.equal(getInstall(database, INSTALL)?.status, "enabled");
    assert.equal(box.size, 0);
  });
});
