import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Permission } from "@oa/shared/core/permission.ts";
import type {
  InputValue,
  InstallConfig,
  InstallStatus,
  PairingStatus,
  StatusRun,
  UpgradeSchedule,
} from "@oa/shared/generated/types.ts";
import type { OpenedStatus } from "@oa/shared/nostr/24056-worker-status.ts";
import type { Invitation } from "@oa/shared/pairing/invitation.ts";

/** How the coordinator's key is reached. Secrets are encrypted under a passphrase (NIP-49). */
export type KeptKey =
  | { readonly kind: "local"; readonly public_key: string; readonly ncryptsec: string }
  | { readonly kind: "extension"; readonly public_key: string }
  /** `ncryptsec`: the key that the signer knows this page by; `address`: bunker://, without its one-time secret. */
  | { readonly kind: "remote"; readonly public_key: string; readonly ncryptsec: string; readonly address: string };

/** A worker that this page paired with, or tries to. */
export interface KnownWorker {
  readonly public_key: string;
  readonly relays: readonly string[];
  readonly edge_url: string | null;
  /** sent: its secret was shown to it, and it has not answered. */
  readonly state: "sent" | PairingStatus["state"];
  /** Until when the secret is good, Unix seconds. */
  readonly until: number;
  /** What its owner calls this coordinator. */
  readonly label: string | null;
  /** Whether its owner lets it tell what becomes of orders. */
  readonly results: boolean;
  readonly ceiling: readonly Permission[];
  readonly seq: number;
}

/** Something this page ordered, with what its worker said of it. */
export interface KnownInstall {
  readonly install_id: string;
  readonly worker: string;
  readonly listing: string;
  readonly title: string;
  readonly version: string;
  readonly inputs: Readonly<Record<string, InputValue>>;
  /** Null: as the upgrade declares. */
  readonly schedule: UpgradeSchedule | null;
  /** What was agreed to. */
  readonly permissions: readonly Permission[];
  readonly order: KeptOrder;
  readonly status: InstallStatus | null;
  /** Unix seconds, by the worker's clock. */
  readonly status_at: number | null;
  /** Finished runs, latest first. */
  readonly runs: readonly StatusRun[];
}

/** The last order for an install. */
export interface KeptOrder {
  readonly action: InstallConfig["action"];
  readonly revision: number;
  readonly event_id: string;
  /** mailbox: no relay took it, so the answer may come there too. */
  readonly way: "relay" | "mailbox";
  /** Unix seconds. */
  readonly sent_at: number;
  readonly expires_at: number;
  /** Null: not answered yet. */
  readonly answer: { readonly code: string | null; readonly message: string | null } | null;
}

/** All that the page remembers. */
export interface Kept {
  readonly version: 1;
  readonly key: KeptKey | null;
  readonly workers: readonly KnownWorker[];
  readonly installs: readonly KnownInstall[];
  /** Ids of gift wraps that were read, so that a signer is not asked twice. */
  readonly seen: readonly string[];
}

export const NOTHING_KEPT: Kept = { version: 1, key: null, workers: [], installs: [], seen: [] };

/** After a worker's secret was shown to it. A worker that is known already is paired anew. */
export function withClaim(kept: Kept, { worker, relays, edge_url, expires_at }: Invitation): Kept {
  const claimed: KnownWorker = {
    ...{ public_key: worker, relays, edge_url, state: "sent", until: expires_at, label: null },
    ...{ results: false, ceiling: [], seq: 0 },
  };
  return { ...kept, workers: [claimed, ...kept.workers.filter(({ public_key }) => public_key !== worker)] };
}

/** After an order was sent. */
export function withOrder(kept: Kept, install: KnownInstall): Kept {
  const { install_id } = install;
  const before = kept.installs.find((one) => one.install_id === install_id);
  const after =
    before === undefined
      ? install
      : { ...install, status: before.status, status_at: before.status_at, runs: before.runs };
  return { ...kept, installs: [after, ...kept.installs.filter((one) => one.install_id !== install_id)] };
}

/** After a gift wrap was read, whatever was in it. */
export function withSeen(kept: Kept, wrap_id: string): Kept {
  return { ...kept, seen: [wrap_id, ...kept.seen.filter((id) => id !== wrap_id)].slice(0, LIMITS.coordinator_seen) };
}

/** The revision of the next order: above every one before, of this page and of others with the same key. */
export function nextRevision(kept: Kept, install_id: string, now_s: number): number {
  const before = kept.installs.find((one) => one.install_id === install_id)?.order.revision ?? 0;
  return Math.max(before + 1, now_s);
}

/** After a worker said where things stand. What is older than what is known, or of nobody known, changes nothing. */
export function withStatus(kept: Kept, { worker, status, said_at }: OpenedStatus): Kept {
  const from = kept.workers.find(({ public_key }) => public_key === worker);
  if (from === undefined) return kept;
  if (status.about === "pairing") {
    if (status.seq <= from.seq) return kept;
    const { state, label, results, ceiling, seq } = status;
    const told = { ...from, state, label, results, ceiling, seq };
    return { ...kept, workers: kept.workers.map((one) => (one === from ? told : one)) };
  }
  const of = kept.installs.find(({ install_id }) => install_id === status.install_id);
  if (of === undefined || of.worker !== worker) return kept;
  const told = withInstallStatus(of, status, said_at);
  return { ...kept, installs: kept.installs.map((one) => (one === of ? told : one)) };
}

function withInstallStatus(install: KnownInstall, status: InstallStatus, said_at: number): KnownInstall {
  const { run, answer } = status;
  const known = run === null || install.runs.some(({ run_id }) => run_id === run.run_id);
  const runs = known
    ? install.runs
    : [run, ...install.runs].sort((a, b) => (a.finished_at < b.finished_at ? 1 : -1)).slice(0, LIMITS.coordinator_runs);
  const order =
    answer?.config_event_id === install.order.event_id
      ? { ...install.order, answer: { code: answer.code, message: answer.message } }
      : install.order;
  const latest = install.status === null || status.seq >= install.status.seq;
  return { ...install, runs, order, ...(latest ? { status, status_at: said_at } : {}) };
}

const KEY = "oa.coordinator";

/** What the page remembers, in the browser's storage: this page's alone, and gone when its owner clears it. */
export interface Box {
  readonly read: () => Kept;
  /** Writes what `change` makes of what is there, and tells whoever listens. */
  readonly change: (change: (kept: Kept) => Kept) => Kept;
  readonly onChange: (told: () => void) => void;
}

export function openBox(storage: Pick<Storage, "getItem" | "setItem">): Box {
  const listeners: (() => void)[] = [];
  const read = (): Kept => {
    const text = storage.getItem(KEY);
    if (text === null) return NOTHING_KEPT;
    const kept = parsed(text);
    if (kept !== null) return kept;
    storage.setItem(`${KEY}.unreadable`, text); // it may hold the only copy of a key
    return NOTHING_KEPT;
  };
  return {
    read,
    change: (change) => {
      const kept = change(read());
      storage.setItem(KEY, JSON.stringify(kept));
      for (const told of listeners) told();
      return kept;
    },
    onChange: (told) => void listeners.push(told),
  };
}

/** Written by `change` alone, and by no other version. */
function parsed(text: string): Kept | null {
  try {
    const value: unknown = JSON.parse(text);
    const { version, workers, installs } = Object(value) as Partial<Kept>;
    return version === 1 && Array.isArray(workers) && Array.isArray(installs) ? (value as Kept) : null;
  } catch {
    return null; // said by its caller, which keeps the text
  }
}
