import { chmod } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { SEALED_FIELDS } from "@oa/shared/generated/sealed.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import { type MonotonicClock, systemClock } from "../adapters/clock.ts";
import { type Key, loadOrCreateKey } from "../adapters/keys.ts";
import { type Log, openLog } from "../adapters/log.ts";
import { nativeSha256, openRandom } from "../adapters/random.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import type { Secrecy } from "../adapters/secrecy.ts";
import { serviceStderr } from "../adapters/service-log.ts";
import { SERVICE_LOG } from "../adapters/service-text.ts";
import { openSqlite, type SqliteDatabase } from "../adapters/sqlite.ts";
import type { Vault } from "../adapters/vault.ts";
import { type EventFeed, openEventFeed } from "../admin/event-feed.ts";
import type { Config } from "../config.ts";
import { PROJECTIONS } from "./projections.ts";
import { openSecrets } from "./secrets.ts";

/** Everything that happens on one worker is ordered in one stream. */
export const WORKSPACE = "local";

/** With these the log can neither be read nor written: going on would be pretending. */
const BROKEN: ReadonlySet<string> = new Set(["database_damaged", "database_io", "database_read_only"]);

/** What everything else of a worker stands on: its keys, its database and event log, its own log, time and chance. */
export interface Ground {
  readonly config: Config;
  readonly home: string;
  readonly time_zone: string;
  readonly clock: MonotonicClock;
  readonly random: RandomBytes;
  readonly schnorr: SchnorrVerify;
  /** The worker's. */
  readonly own: Key;
  readonly owner: Key;
  readonly capability: Key;
  readonly database: SqliteDatabase;
  readonly feed: EventFeed;
  readonly vault: Vault;
  readonly secrecy: Secrecy;
  readonly log: Log;
  /** Told of what went wrong inside. */
  readonly report: (error: unknown) => void;
  /** Resolves when nothing can be done any more. */
  readonly broken: Promise<Fault>;
  /** What the owner does, as its events say. */
  readonly asOwner: (correlation_id: string) => EventContext;
}

/** Opens what a worker stands on. `token` never enters its log. */
export async function openGround(config: Config, token?: string): Promise<Ground> {
  const { data_dir } = config;
  const [clock, random] = [systemClock, openRandom()];
  const schnorr = await loadSchnorr();
  const [own, owner, capability] = await Promise.all([
    loadOrCreateKey(data_dir, "worker"),
    loadOrCreateKey(data_dir, "owner"),
    loadOrCreateKey(data_dir, "capability"),
  ]);
  const file = join(data_dir, "worker.sqlite");
  const database = openSqlite(file);
  await chmod(file, 0o600); // its journal takes the same mode
  const secrets = [own, owner, capability].map(hexOf).concat(token ?? []);
  const { vault, secrecy, trouble } = await openSecrets(config, secrets);
  const log = openLog({
    ...{ file_bytes: Math.floor(config.log_bytes / LIMITS.log_files), folder: join(data_dir, "logs") },
    ...{ level: config.log_level, redact: secrecy.redact, now_ms: clock.now_ms },
    stderr: serviceStderr(join(data_dir, SERVICE_LOG)),
  });
  const broken = Promise.withResolvers<Fault>();
  const report = (error: unknown): void => {
    log.error(error);
    if (error instanceof Fault && BROKEN.has(error.code)) broken.resolve(error);
  };
  trouble.forEach(report);
  const feed = openEventFeed(
    openEventStore(database, PROJECTIONS, random, SEALED_FIELDS, nativeSha256),
    `workspace/${WORKSPACE}`,
  );
  return {
    ...{ config, clock, random, schnorr, own, owner, capability, database, feed, vault, secrecy, log, report },
    home: homedir(),
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    broken: broken.promise,
    asOwner: (correlation_id) =>
      inWorkspace(WORKSPACE, { now_ms: clock.now_ms(), actor_type: "user", actor_id: "owner", correlation_id }),
  };
}

export function hexOf({ secret_key }: Key): string {
  return Buffer.from(secret_key).toString("hex");
}
