import assert from "node:assert/strict";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallConfig, InstallOrder, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, type InstallView, installProjection } from "@oa/shared/install/views.ts";
import { intakeProjection } from "@oa/shared/intake/views.ts";
import { seal, toEvent } from "@oa/shared/nostr/24051-install-config.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { pairingDecider } from "@oa/shared/pairing/decider.ts";
import { pairingProjection } from "@oa/shared/pairing/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import type { Publication } from "@oa/shared/upgrade/publication.ts";
import type { Mailbox } from "@oa/worker/adapters/mailbox.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { type InstallLoopOptions, openInstallLoop } from "@oa/worker/loops/install.ts";
import { openIntake } from "@oa/worker/loops/intake.ts";
import { contextOf, fakeClock, random, settled, WORKSPACE } from "../fakes/runs.ts";
import { key } from "../fakes/signed-upgrade.ts";

export const [COORDINATOR, WORKER, STRANGER] = [key(2), key(3), key(4)];
export const WORKER_KEY = publicKeyOf(WORKER);
const HOME = "/home/owner";
export const INSTALL = `install_${"0".repeat(26)}`;

/** A worker's door for install configs: its mailbox. Everything that comes out of it is decided by the real rules. */
export interface InstallWorld {
  readonly clock: ReturnType<typeof fakeClock>;
  /** An order for exactly what was published, as an honest coordinator would write it. */
  readonly orderOf: (manifest: UpgradeManifest, published: Publication, change?: object) => InstallOrder;
  readonly wrap: (config: InstallConfig, by?: Uint8Array, to?: string) => NostrEvent;
  /** Puts it into the mailbox; gives the refusal that was kept, or null. */
  readonly deliver: (event: NostrEvent) => Promise<object | null>;
  readonly send: (config: InstallConfig, by?: Uint8Array, to?: string) => Promise<object | null>;
  /** What the network would give, were it asked. */
  readonly offer: (events: readonly unknown[]) => void;
  readonly install: (id?: string) => InstallView | null;
  /** The owner's own decision. */
  readonly owner: (command: Parameters<typeof installDecider.decide>[1], id?: string) => object | null;
  readonly close: () => Promise<void>;
}

/** Opens one, with a coordinator paired up to a ceiling. */
export function openInstallWorld(
  ceiling: readonly Permission[] = ["network:egress:api.example", "tool:invoke:http.request"],
  /** What relays tell of authors' keys. */
  keyStatements?: NonNullable<InstallLoopOptions["keyStatements"]>,
): InstallWorld {
  const clock = fakeClock();
  const database = openSqlite(":memory:");
  const store = openEventStore(database, [installProjection, pairingProjection, intakeProjection], random);
  const box = new Map<string, NostrEvent>();
  let offered: readonly unknown[] = [];
  const report = (error: unknown): void => assert.fail(String(error));
  const mailbox = {
    list: async () => ({
      installs: [...box].map(([deposit_id, event], seq) => ({
        ...{ seq: seq + 1, deposit_id, event, signer: publicKeyOf(COORDINATOR), received_at: "2026-01-01T00:00:00Z" },
      })),
      next_after: null,
    }),
    acknowledge: async (deposit_id: string) => void box.delete(deposit_id),
    setSigners: async () => {},
    deposit: async () => {},
  } as unknown as Mailbox;
  const common = { store, clock, commit: database.commit, workspace_id: WORKSPACE, worker: WORKER_KEY, report };
  const loop = openInstallLoop({
    ...common,
    ...{ sql: database, schnorr: pureSchnorr, home: HOME, secret_key: WORKER, mailbox, intake: openIntake(common) },
    listen: null,
    lookUp: async () => offered,
    ...(keyStatements === undefined ? {} : { keyStatements }),
  });
  const pubkey = publicKeyOf(COORDINATOR);
  const pair = { type: "pair", pubkey, already_paired: false, ceiling, label: "phone", now_ms: 0 } as const;
  assert.ok(!isRejection(store.handle(contextOf(clock.now_ms()), [task(pairingDecider, `pair_${pubkey}`, pair)])));
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const refusals = () =>
    [...store.after(0)]
      .map(({ event }) => event)
      .filter(({ event_type }) => /^(install|intake)\.refused$/.test(event_type));
  const deliver: InstallWorld["deliver"] = async (event) => {
    const before = refusals().length;
    box.set(event.id, event);
    await clock.pass(LIMITS.install_poll_ms);
    await settled();
    box.delete(event.id);
    const refusal = refusals()[before]?.data as { code: string; message: string } | undefined;
    return refusal === undefined ? null : { rejected: true, code: refusal.code, message: refusal.message };
  };
  const wrap: InstallWorld["wrap"] = (config, by = COORDINATOR, to = WORKER_KEY) => {
    const created_at = Math.floor(clock.now_ms() / 1_000);
    const options = { one_time_key: key(7), nonce: random(32), aux_random: random(32), created_at };
    const sealed = seal(signEvent(toEvent(config), by, random(32)), to, options);
    assert.ok(!isRejection(sealed), JSON.stringify(sealed));
    return sealed;
  };
  return {
    clock,
    orderOf: (manifest, published, change = {}) => {
      const plan = planOf(manifest, {}, { home: HOME });
      assert.ok(!isRejection(plan), JSON.stringify(plan));
      const now_s = Math.floor(clock.now_ms() / 1_000);
      return {
        ...{ config_version: 1, action: "install", worker: WORKER_KEY, signer: pubkey, install_id: INSTALL },
        ...{ revision: 1, issued_at: now_s, expires_at: now_s + 600, listing: published.address },
        manifest_event_id: published.manifest_event.id,
        release_event_id: published.release_event.id,
        manifest_sha256: published.manifest_sha256,
        permission_hash: permissionHash(plan.permissions),
        inputs: {},
        manifest_event: published.manifest_event,
        release_event: published.release_event,
        ...change,
      } as unknown as InstallOrder;
    },
    wrap,
    deliver,
    send: (config, by, to) => deliver(wrap(config, by, to)),
    offer: (events) => {
      offered = events;
    },
    install: (id = INSTALL) => getInstall(database, id),
    owner: (command, id = INSTALL) => {
      const done = store.handle(contextOf(clock.now_ms(), id), [task(installDecider, id, command)]);
      return isRejection(done) ? done : null;
    },
    close: async () => {
      stop.abort();
      await running;
      assert.deepEqual(store.verify().first_bad, null, "the audit chain verifies");
      database.close();
    },
  };
}

/** Runs a body in a world of its own. */
export async function inWorld<T>(
  body: (world: InstallWorld) => Promise<T>,
  ceiling?: readonly Permission[],
): Promise<T> {
  const world = openInstallWorld(ceiling);
  try {
    return await body(world);
  } finally {
    await world.close();
  }
}
