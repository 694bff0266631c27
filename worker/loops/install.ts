import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { expandHome, permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { InputValue, InstallConfig, RevokedPermission, UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallCommand, SignedOrder } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { open } from "@oa/shared/nostr/24051-install-config.ts";
import { open as openClaim } from "@oa/shared/nostr/24052-pairing-claim.ts";
import { open as openReport } from "@oa/shared/nostr/24055-worker-capabilities.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { pairingDecider } from "@oa/shared/pairing/decider.ts";
import { listPairings, pairingOf, pairingOfSecret } from "@oa/shared/pairing/views.ts";
import { countOpenRuns } from "@oa/shared/run/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import type { Clock } from "../adapters/clock.ts";
import type { Mailbox } from "../adapters/mailbox.ts";
import { type Compliance, openCompliance, refuseManifest } from "../engine/compliance.ts";
import { type Intake, type IntakeSource, perMinute } from "./intake.ts";
import { fetchUpgrade, keysTo, type OrderedUpgrade, type OrderSources, withRotations } from "./ordered-upgrade.ts";
import { diffInstalled, type NextRelease } from "./update-diff.ts";

export interface InstallLoopOptions extends OrderSources {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly intake: Intake;
  readonly workspace_id: string;
  readonly home: string;
  /** This worker's key pair. */
  readonly worker: string;
  readonly secret_key: Uint8Array;
  /** Null where no edge is configured. */
  readonly mailbox: Mailbox | null;
  /** Hears gift wraps to this worker from relays until the signal aborts; null where no relay is configured. */
  readonly listen: ((on_event: (event: VerifiedEvent) => void, signal: AbortSignal) => void) | null;
  readonly report: (error: unknown) => void;
  /** Judges what is ordered; strictly and by the rules alone where absent. */
  readonly compliance?: Pick<Compliance, "manifest">;
}

export interface InstallLoop {
  /**
   * The one door for signed configs, wherever they come from. Checks everything and records what follows; the same
   * config again changes nothing and gets the same answer. `upgrade` is null for anything but an order to install.
   * Refusals: signer_unknown (kept as intake.refused) and those of the install's rules, of `planOf` and policy_denied (kept as
   * install.refused, a flood of them only counted), and already_running for what is unattended (not kept). Faults: disk_full, database_locked.
   */
  readonly accept: (
    config: InstallConfig,
    signed: VerifiedEvent,
    upgrade: OrderedUpgrade | null,
    /** Where it came from, the command line where absent; `unattended`: the worker ordered it by itself. */
    by?: { readonly source?: IntakeSource; readonly unattended?: boolean },
  ) => Promise<Rejection | null>;
  /** Pulls configs from the mailbox and from relays until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** "later": it could not be decided now (no network, no disk) and is tried again; its sender hears nothing yet. */
type Answer = "answered" | "later";

export function openInstallLoop(options: InstallLoopOptions): InstallLoop {
  const { sql, clock, intake, mailbox, worker, report } = options;
  const accept = installDoor(options);

  /** Opens one gift wrap, fetches what it pins where it did not bring it along, and takes it through the door. */
  const take = async (raw: unknown, source: IntakeSource, signal: AbortSignal): Promise<Answer> => {
    const wrap = verifyEvent(raw, options.schnorr);
    if (isRejection(wrap)) return refused(source, wrap);
    const { schnorr, secret_key } = options;
    const opened = open(wrap, { secret_key, worker, schnorr, now_s: Math.floor(clock.now_ms() / 1_000) });
    if (isRejection(opened)) {
      return opened.code === "foreign_event" ? takeClaim(wrap, source) : refused(source, opened, wrap.id);
    }
    const { config, event } = opened;
    // Before anything is fetched for them: strangers must not make this worker talk to the network.
    if (pairingOf(sql, event.pubkey) === null) return refused(source, unknownSigner(event.pubkey), event.id);
    const pinned = opened.upgrade ?? (config.action === "install" ? await fetchUpgrade(config, options, signal) : null);
    const known = options.store.load(installDecider, config.install_id);
    const author = (known.active ?? known.pending)?.pins.author_pubkey;
    // Whoever paired may order; who took over from an author is between the keys and the owner.
    const upgrade =
      pinned === null || isRejection(pinned) ? pinned : await withRotations(pinned, author, options, signal);
    if (isRejection(upgrade)) {
      if (upgrade.code === "unreachable") return "later";
      return refused(source, upgrade, event.id);
    }
    await accept(config, event, upgrade, { source });
    return "answered";
  };
  /** A coordinator shows the secret that its owner read here; the owner still has to confirm its key. */
  const takeClaim = async (wrap: VerifiedEvent, source: IntakeSource): Promise<Answer> => {
    const claim = openClaim(wrap, { secret_key: options.secret_key, worker, schnorr: options.schnorr });
    // A gift wrap is for many uses: one that holds something else is not bad input.
    if (isRejection(claim))
      return claim.code === "foreign_event" ? takeReport(wrap, source) : refused(source, claim, wrap.id);
    const { pubkey, event_id } = claim;
    const now_ms = clock.now_ms();
    const secret_sha256 = sha256Hex(claim.secret);
    const wrong = reject("pairing_secret_wrong", `${pubkey} showed a pairing secret that was never made here`);
    const answer = await options.commit(() => {
      const pairing_id = pairingOfSecret(sql, secret_sha256);
      if (pairing_id === null) return wrong;
      const context = contextOf(options, pubkey, pairing_id, `claim/${event_id}`, now_ms);
      return options.store.handle(context, [
        task(pairingDecider, pairing_id, { type: "claim", secret_sha256, pubkey, now_ms }),
      ]);
    });
    return isRejection(answer) ? refused(source, answer, event_id) : "answered";
  };
  /** A paired worker tells what it has; it is kept, and grants it nothing. */
  const takeReport = async (wrap: VerifiedEvent, source: IntakeSource): Promise<Answer> => {
    const { secret_key, schnorr } = options;
    const now_ms = clock.now_ms();
    const opened = openReport(wrap, { secret_key, worker, schnorr, now_s: Math.floor(now_ms / 1_000) });
    if (isRejection(opened)) return opened.code === "foreign_event" ? "answered" : refused(source, opened, wrap.id);
    const { worker: pubkey, event_id: report_event_id, capabilities, reported_at } = opened;
    const pairing = pairingOf(sql, pubkey);
    if (pairing === null) return refused(source, unknownSigner(pubkey), report_event_id);
    const context = contextOf(options, pubkey, pairing.pairing_id, `report/${report_event_id}`, now_ms);
    const report = { type: "report", capabilities, reported_at, report_event_id, now_ms } as const;
    await options.commit(() => options.store.handle(context, [task(pairingDecider, pairing.pairing_id, report)]));
    // One that comes again, late or too often is simply not the latest.
    return "answered";
  };
  const refused = async (source: IntakeSource, refusal: Rejection, ref?: string): Promise<Answer> => {
    await intake.refuse(source, refusal, ref);
    return "answered";
  };
  /** A fault (no disk, no network) leaves it for later. */
  const attempt = async (raw: unknown, source: IntakeSource, signal: AbortSignal): Promise<Answer> => {
    try {
      return await take(raw, source, signal);
    } catch (error) {
      report(error);
      return "later";
    }
  };

  let told = "";
  const tellSigners = async (box: Mailbox, signal: AbortSignal): Promise<void> => {
    const paired = listPairings(sql, LIMITS.pairings).filter(({ status }) => status === "confirmed");
    const signers = [...new Set(paired.flatMap(({ pubkey }) => (pubkey === null ? [] : [pubkey])))].sort();
    if (signers.join() === told) return;
    await box.setSigners(signers.slice(0, LIMITS.mailbox_signers), signal);
    told = signers.join();
  };
  const pull = async (box: Mailbox, signal: AbortSignal): Promise<void> => {
    await tellSigners(box, signal);
    for (let after = 0; !signal.aborted; ) {
      const page = await box.list(after, signal);
      for (const { deposit_id, event } of page.installs) {
        if ((await attempt(event, "mailbox", signal)) === "answered") await box.acknowledge(deposit_id, signal);
      }
      if (page.next_after === null) return;
      after = page.next_after;
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let alarm = new AbortController();
    // By id, so that the same config from several relays waits once. What does not fit comes again with the next
    // connection, since relays keep it.
    const waiting = new Map<string, VerifiedEvent>();
    const hear = (event: VerifiedEvent): void => {
      if (waiting.size >= LIMITS.install_pending_configs) return;
      waiting.set(event.id, event);
      alarm.abort();
    };
    options.listen?.(hear, signal);
    let next_pull_ms = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      alarm = new AbortController();
      for (const [id, event] of [...waiting]) {
        if ((await attempt(event, "relay", signal)) === "answered") waiting.delete(id);
      }
      if (mailbox !== null && clock.now_ms() >= next_pull_ms) {
        await pull(mailbox, signal).catch((error: unknown) => (signal.aborted ? undefined : report(error)));
        next_pull_ms = clock.now_ms() + LIMITS.install_poll_ms;
      }
      await intake.flush();
      await clock.sleep(LIMITS.install_poll_ms, AbortSignal.any([signal, alarm.signal]));
    }
  };

  return { accept, run };
}

function installDoor(options: InstallLoopOptions): InstallLoop["accept"] {
  const { store, sql, clock, intake, compliance = openCompliance("strict") } = options;
  const admit = perMinute(clock, LIMITS.intake_events_per_minute);
  return async (config, signed, upgrade, { source = "cli", unattended = false } = {}) => {
    const now_ms = clock.now_ms();
    const { install_id } = config;
    // A model may be asked: before the transaction, and for those alone who may order anything.
    const paired = pairingOf(sql, signed.pubkey) !== null;
    const order = paired && config.action === "install" && upgrade !== null ? { ...config, ...upgrade.listing } : null;
    const denied = order && (await refuseManifest(compliance, order.manifest, order.inputs));
    const signed_by = { signer: signed.pubkey, revision: config.revision, config_event_id: signed.id };
    const context = contextOf(options, signed.pubkey, install_id, `config/${signed.id}`, now_ms);
    let flooded = false;
    const answer = await options.commit((): Rejection | null => {
      // What a run was planned from stays what its install has, approvals and all, until it has ended.
      if (unattended && countOpenRuns(sql, install_id) > 0) {
        return reject("already_running", `install ${install_id} has a run that has not ended`);
      }
      const pairing = pairingOf(sql, signed.pubkey);
      if (pairing === null) return unknownSigner(signed.pubkey);
      const facts: SignedOrder = {
        signed_by,
        recipient: config.worker,
        worker: options.worker,
        expires_at_ms: config.expires_at * 1_000,
        now_ms,
        ceiling: expandHome(pairing.ceiling, options.home),
      };
      const { active, pending, revoked } = store.load(installDecider, install_id);
      const { home, schnorr } = options;
      const author_keys = keysTo(upgrade, (active ?? pending)?.pins.author_pubkey, schnorr);
      const command = isRejection(author_keys)
        ? author_keys
        : commandOf(config, upgrade, facts, { home, denied, active, revoked, unattended, author_keys });
      const done = isRejection(command) ? command : store.handle(context, [task(installDecider, install_id, command)]);
      if (!isRejection(done)) {
        const [first] = done;
        // The same config came before and was refused: the same answer.
        return first?.event_type === "install.refused" ? refusalIn(first.data) : null;
      }
      flooded = !admit();
      if (flooded) return done;
      const { code } = done;
      const refuse: InstallCommand = { type: "refuse", signed_by, code, message: clip(done.message, 2_000) };
      store.handle(context, [task(installDecider, install_id, refuse)]);
      return done;
    });
    if (answer !== null && (flooded || answer.code === "signer_unknown"))
      await intake.refuse(source, answer, signed.id);
    return answer;
  };
}

/** What a coordinator's signed event leads to is done by its signer, once. */
function contextOf(
  { workspace_id }: InstallLoopOptions,
  signer: string,
  subject_id: string,
  idempotency_key: string,
  now_ms: number,
): EventContext {
  const about = { now_ms, correlation_id: subject_id, idempotency_key };
  return inWorkspace(workspace_id, { ...about, actor_type: "user", actor_id: signer });
}

function refusalIn(data: object): Rejection {
  const { code, message } = data as Pick<Rejection, "code" | "message">;
  return reject(code, message);
}

function unknownSigner(signer: string): Rejection {
  return reject("signer_unknown", `the key ${signer} is not paired with this worker`);
}

interface OrderSetting {
  readonly home: string;
  readonly denied: Rejection | null;
  readonly active: InstalledRelease | null;
  readonly author_keys: readonly string[] | undefined;
  readonly revoked: readonly RevokedPermission[];
  readonly unattended: boolean;
}

/** The config as a command to its install, with the hashes of what was really found beside those it names. */
function commandOf(
  config: InstallConfig,
  upgrade: OrderedUpgrade | null,
  facts: SignedOrder,
  { home, denied, active, revoked, unattended, author_keys }: OrderSetting,
): InstallCommand | Rejection {
  if (config.action !== "install") return { type: "change", action: config.action, ...facts };
  if (upgrade === null) return reject("not_found", `the events of ${config.listing} were not found`);
  const { listing, release } = upgrade;
  const manifest: UpgradeManifest =
    config.schedule === undefined ? listing.manifest : { ...listing.manifest, schedule: config.schedule };
  const { valid, errors } = validateManifest(manifest);
  if (!valid) return reject(errors[0]?.code ?? "schema_invalid", errors[0]?.message ?? "the manifest is not valid");
  const inputs = config.inputs as Readonly<Record<string, InputValue>>;
  const plan = planOf(listing.manifest, inputs, { home });
  if (isRejection(plan)) return plan;
  const { permissions, inputs: merged } = plan;
  if (denied !== null) return denied;
  const { schedule } = manifest;
  // What the owner took away stays so: asking for it again widens nothing.
  const kept = permissions.filter((permission) => !revoked.some((one) => one.permission === permission));
  const next = { manifest, author: listing.author, author_keys, permissions: kept, schedule, inputs: merged };
  return {
    type: "order",
    author_keys,
    unattended,
    widened: active === null ? null : widenedBy(active, next, config.completion_relays ?? []),
    pins: {
      upgrade_address: listing.address,
      upgrade_id: listing.manifest.id,
      upgrade_version: listing.manifest.version,
      title: listing.manifest.title,
      author_pubkey: listing.author,
      manifest_event_id: listing.event_id,
      release_event_id: release.event_id,
      released_at: release.created_at,
      permissions: plan.permissions,
      schedule: manifest.schedule,
      ...(config.completion_relays === undefined ? {} : { completion_relays: config.completion_relays }),
    },
    manifest: listing.manifest,
    inputs: config.inputs,
    named: { manifest_sha256: config.manifest_sha256, permission_hash: config.permission_hash },
    found: { manifest_sha256: listing.manifest_sha256, permission_hash: permissionHash(plan.permissions) },
    grant: plan.grant,
    ...facts,
  };
}

/** In sentences, what the owner has not agreed to yet; null where that cannot be said. */
function widenedBy(
  active: InstalledRelease,
  next: NextRelease,
  completion_relays: readonly string[],
): readonly string[] | null {
  const known = active.pins.completion_relays ?? [];
  const relays = completion_relays.filter((relay) => !known.includes(relay));
  const changes = diffInstalled(active, next)?.widened.map(({ sentence }) => sentence) ?? null;
  return changes && [...changes, ...relays.map((relay) => `It would post completion notes to ${relay}.`)];
}
