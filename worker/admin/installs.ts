import { declaredSentences, whenSentence } from "@oa/shared/api/consent.ts";
import type { ConsentView, ControlPorts, ShownInstall } from "@oa/shared/api/ports.ts";
import { ageSentence } from "@oa/shared/api/updates.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { newId } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { priceInWords } from "@oa/shared/core/price-words.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { checkChanges, mergedChanges, ownSchedule } from "@oa/shared/core/schedule-changes.ts";
import type {
  ControlInstallPreview,
  ControlInstallRequest,
  InstallOrder,
  ScheduleChanges,
} from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { withoutRevoked } from "@oa/shared/install/state.ts";
import { getInstall, type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { toEvent as configTo } from "@oa/shared/nostr/24051-install-config.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type AupAssessment, refuseDenied } from "@oa/shared/policy/aup/assess.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { getQuarantine } from "@oa/shared/policy/views.ts";
import type { UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { refuseCode, sandboxSentence } from "@oa/shared/upgrade/code-steps.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { type Plan, planOf } from "@oa/shared/upgrade/plan.ts";
import { externalWrites } from "@oa/shared/upgrade/step-action.ts";
import type { OwnStates } from "../adapters/own-states.ts";
import { diffInstalled } from "../loops/update-diff.ts";
import type { Decide } from "./decide.ts";
import { historyOf, useOf } from "./install-history.ts";
import { inputsFor } from "./install-inputs.ts";
import { statesOf } from "./install-states.ts";
import { complianceOf, type LookAheadOptions, matrixHere, planHere, whyNotHere } from "./look-ahead.ts";
import { installNamed, sourceNamed } from "./naming.ts";
import { knownFor_ms, ownerCommand, updateChoices } from "./owner-commands.ts";
import { successionOf } from "./succession.ts";
import { type FoundUpgrade, findUpgrade, refuseChannel } from "./upgrade-source.ts";
import { channelOf } from "./upgrades.ts";

export interface InstallsOptions extends LookAheadOptions {
  readonly decide: Decide;
  readonly states: Pick<OwnStates, "size">;
  /** This worker's public key. */
  readonly worker: string;
  /** The owner's own key: paired with this worker, with a ceiling that grants nothing by itself. */
  readonly owner_key: Uint8Array;
  /** The same door that orders from the mailbox and from relays come through. */
  readonly accept: (
    order: InstallOrder,
    signed: VerifiedEvent,
    found: FoundUpgrade,
    by?: { readonly unattended?: boolean },
  ) => Promise<Rejection | null>;
}

/** Installs: what there is, consent to more, and the owner's changes. */
export function installsPort(options: InstallsOptions): ControlPorts["installs"] {
  const { sql, decide } = options;
  const shown = (install: InstallView): ShownInstall => ({
    ...install,
    quarantine: getQuarantine(sql, conductSubject(install.install_id)),
  });
  const get = (id: string): ShownInstall | Rejection => {
    const install = installNamed(id, sql);
    return isRejection(install) ? install : shown(install);
  };
  return {
    list: () => listInstalls(sql, { limit: LIMITS.api_page }).map(shown),
    get,
    history: (id) => historyOf(id, options),
    use: (id) => useOf(id, options),
    states: (id) => statesOf(id, options),
    diff: (id) => pendingDiff(id, options),
    plan: (request, signal) => planHere(request, options, signal),
    whyNot: (request, signal) => whyNotHere(request, options, signal),
    matrix: (request, signal) => matrixHere(request, options, signal),
    preview: async (request, signal) => {
      const offer = await offerOf(request, options, signal);
      if (isRejection(offer)) return offer;
      const { manifest } = offer.found.listing;
      const policy = await complianceOf(options).manifest(manifest, offer.plan.inputs, signal);
      const stopped_by = await stoppedBy(request.source, offer, options, signal);
      const view = { ...consentView(offer, policy, options), stopped_by };
      return refuseDenied(view.policy) ?? view;
    },
    request: async (request, signal) => {
      const install = await order(request, options, signal);
      return isRejection(install) ? install : shown(install);
    },
    change: async (id, action, given) => {
      const install = get(id);
      if (isRejection(install)) return install;
      const { install_id } = install;
      const { home, now_ms } = options;
      const diff = action === "inspect" ? pendingDiff(install_id, options) : null;
      const widened = diff === null || isRejection(diff) ? [] : diff.widened.map(({ sentence }) => sentence);
      const command = ownerCommand(install, action, given, { home, now_ms: now_ms(), widened });
      if (isRejection(command)) return command;
      const done = await decide(installDecider, install_id, command);
      return isRejection(done) ? done : get(install_id);
    },
  };
}

export interface Offer {
  readonly found: FoundUpgrade;
  readonly plan: Plan;
  /** What the owner chose for its schedule, before and now. */
  readonly schedule_changes: ScheduleChanges | null;
  /** The install of the same listing, if there is one. */
  readonly known: InstallView | null;
}

/** What would be installed, held against what is. Refusals: those of `findUpgrade` and `planOf`, channel_not_followed. */
export async function offerOf(
  request: Pick<ControlInstallPreview, "source" | "inputs" | "inputs_text" | "cwd" | "channel" | "schedule">,
  options: InstallsOptions,
  signal: AbortSignal,
): Promise<Offer | Rejection> {
  const source = await sourceNamed(request.source, options, signal, { installed: false });
  if (isRejection(source)) return source;
  const channel = request.channel ?? channelOf(source, options.sql);
  const signed = await findUpgrade(source, options, signal, channel);
  if (isRejection(signed)) return signed;
  const succession = await successionOf(signed.listing, options, signal);
  if (isRejection(succession)) return succession;
  const { known, rotations } = succession;
  const found = { ...signed, rotations };
  const { manifest } = found.listing;
  const unfollowed = refuseChannel(source, channel, signed);
  if (unfollowed !== null) return unfollowed;
  const off = refuseCode(manifest, options.config);
  if (off !== null) return off;
  const plan = planOf(manifest, inputsFor(manifest, request, known, options.store), options);
  if (isRejection(plan)) return plan;
  const before = known?.schedule_changes ?? null;
  const schedule_changes = request.schedule === undefined ? before : mergedChanges(before, request.schedule);
  const refused = request.schedule === undefined ? null : checkChanges(manifest.schedule, request.schedule);
  return refused ?? { found, plan, known, schedule_changes };
}

/** What the update that waits would change. Refusal: not_found, where nothing runs or nothing waits. */
function pendingDiff(id: string, { store }: InstallsOptions): UpgradeDiff | Rejection {
  const { active, pending } = store.load(installDecider, id);
  if (active === null || pending === null || pending.manifest === null) {
    return reject("not_found", `no update of ${id} waits for approval`);
  }
  const { permissions, schedule, author_pubkey: author } = pending.pins;
  const next = { manifest: pending.manifest, author, permissions, schedule, inputs: pending.inputs };
  return diffInstalled(active, next) ?? reject("not_found", `the manifest that runs as ${id} was deleted here`);
}

/** What it would have, without what the owner took away before. */
function keptOf({ permissions }: Plan, known: InstallView | null): Plan["permissions"] {
  const taken = known?.revoked.map(({ permission }) => permission) ?? [];
  return permissions.filter((permission) => !taken.includes(permission));
}

function updateOf({ found, plan, known }: Offer, store: EventStore): ConsentView["update"] {
  const active = known === null ? null : store.load(installDecider, known.install_id).active;
  if (known === null || active === null) return null;
  const { manifest, author } = found.listing;
  const { inputs } = plan;
  const permissions = keptOf(plan, known);
  const { schedule } = manifest;
  const before = active.pins.author_pubkey;
  // Found for this install, so the one named the other: how, the order checks again.
  const author_keys = before === author ? undefined : [before, author];
  return {
    install_id: known.install_id,
    version: active.pins.upgrade_version,
    manifest_sha256: active.pins.manifest_sha256,
    auto_update: known.auto_update,
    diff: diffInstalled(active, { manifest, author, author_keys, permissions, schedule, inputs }),
  };
}

/** What the owner's own setting says of a listing that was looked up by other moderators; it is what runs go by. */
async function stoppedBy(
  source: ControlInstallPreview["source"],
  { found }: Offer,
  { lookUp }: InstallsOptions,
  signal: AbortSignal,
): Promise<string | null> {
  if (!("address" in source) || source.moderators === undefined) return null;
  const { author, manifest } = found.listing;
  const own = await lookUp({ author, slug: manifest.id, relays: [] }, signal);
  const hidden = isRejection(own) && (own.code === "listing_taken_down" || own.code === "listing_held");
  return hidden ? own.message : null;
}

function consentView(
  offer: Offer,
  policy: AupAssessment,
  { store, now_ms, home, sandbox }: InstallsOptions,
): Omit<ConsentView, "stopped_by"> {
  const { found, plan, schedule_changes } = offer;
  const { listing } = found;
  const { manifest } = listing;
  return {
    address: listing.address,
    title: manifest.title,
    summary: manifest.summary ?? null,
    version: manifest.version,
    author_pubkey: listing.author,
    author_name: manifest.author.name ?? null,
    schedule: whenSentence(ownSchedule(manifest.schedule, schedule_changes), plan.triggers),
    schedule_declared: schedule_changes === null ? null : whenSentence(manifest.schedule, plan.triggers),
    price: priceInWords(manifest.pricing),
    declares: declaredSentences(manifest),
    manifest_sha256: listing.manifest_sha256,
    permission_hash: permissionHash(plan.permissions),
    permissions: keptOf(plan, offer.known).map((permission) => ({ permission, sentence: sentenceOf(permission) })),
    revoked: (offer.known?.revoked ?? []).map(({ permission }) => ({ permission, sentence: sentenceOf(permission) })),
    age: ageSentence(
      offer.known === null ? null : knownFor_ms(offer.known, found.release.event_id, now_ms()),
      found.release.created_at,
    ),
    inputs: plan.inputs,
    sandbox: sandboxSentence(manifest, sandbox),
    policy,
    writes: externalWrites(
      plan.steps.map(({ id: step_id, op, params }) => ({ step_id, op, params })),
      { manifest_sha256: listing.manifest_sha256, home },
    ),
    update: updateOf(offer, store),
  };
}

/**
 * The owner's consent becomes a signed order of the same form as a coordinator's, taken through the same checks, and
 * then approved: what asked for approval is what was just shown.
 */
async function order(
  request: ControlInstallRequest,
  options: InstallsOptions,
  signal: AbortSignal,
): Promise<InstallView | Rejection> {
  const offer = await offerOf({ ...request, inputs: request.inputs }, options, signal);
  if (isRejection(offer)) return offer;
  const { found, plan } = offer;
  const permission_hash = permissionHash(plan.permissions);
  if (request.accepted.manifest_sha256 !== found.listing.manifest_sha256) {
    return reject("manifest_hash_mismatch", "the listing has changed since it was shown; look at it again");
  }
  if (request.accepted.permission_hash !== permission_hash) {
    return reject("permission_hash_mismatch", "what it may do has changed since it was shown; look at it again");
  }
  const signed = signedOrder(offer, options, permission_hash);
  if (isRejection(signed)) return signed;
  const { install_id } = signed.config;
  const refused = await options.accept(signed.config, signed.event, found);
  if (refused !== null) return refused;
  const { pending } = getInstall(options.sql, install_id) ?? { pending: null };
  const commands: readonly InstallCommand[] = [
    // Before it runs: what it declares must not make it due first.
    ...(request.schedule === undefined ? [] : [{ type: "set_schedule", changes: request.schedule } as const]),
    ...(pending === null ? [] : consented(offer, request, options, pending.permission_hash, plan.grant)),
    updateChoices(request),
  ];
  for (const command of commands) {
    const done = await options.decide(installDecider, install_id, command);
    if (isRejection(done)) return done;
  }
  return getInstall(options.sql, install_id) ?? reject("internal", "the install was not recorded");
}

/** What was shown was looked at, and is agreed to, without what the owner took away before. */
function consented(
  offer: Offer,
  { staged, enable }: ControlInstallRequest,
  { store, now_ms }: InstallsOptions,
  permission_hash: string,
  grant: Plan["grant"],
): readonly InstallCommand[] {
  const { known, found } = offer;
  const widened = updateOf(offer, store)?.diff?.widened.map(({ sentence }) => sentence.slice(0, 1_000)) ?? [];
  const known_for_ms = known === null ? null : knownFor_ms(known, found.release.event_id, now_ms());
  const age = known_for_ms === null ? {} : { known_for_ms };
  return [
    { type: "inspect", permission_hash, widened, ...age },
    {
      ...{ type: "approve", permission_hash, grant: withoutRevoked(grant, known?.revoked ?? []) },
      ...(staged === undefined ? {} : { staged }),
      ...(enable === undefined ? {} : { enable }),
    },
  ];
}

/** The order of the owner's own key for an offer, signed. */
export function signedOrder(
  offer: Offer,
  options: InstallsOptions,
  permission_hash: string,
): { readonly config: InstallOrder; readonly event: VerifiedEvent } | Rejection {
  const config = orderOf(offer, options, permission_hash);
  const event = verifyEvent(signEvent(configTo(config), options.owner_key, options.random(32)), options.schnorr);
  return isRejection(event) ? event : { config, event };
}

/** A listing that is installed is updated under its id, with the next revision. */
function orderOf({ found, plan, known }: Offer, options: InstallsOptions, permission_hash: string): InstallOrder {
  const { listing, release } = found;
  const { now_ms, random, worker } = options;
  const signer = publicKeyOf(options.owner_key);
  const issued_at = Math.floor(now_ms() / 1000);
  return {
    config_version: 1,
    action: "install",
    worker,
    signer,
    install_id: known?.install_id ?? newId("install", now_ms(), random),
    // Above any earlier one of this signer, even where the clock was set back.
    revision: Math.max(
      now_ms(),
      (known?.active?.signed_by.revision ?? 0) + 1,
      (known?.pending?.signed_by.revision ?? 0) + 1,
    ),
    issued_at,
    expires_at: issued_at + LIMITS.owner_order_s,
    listing: listing.address,
    manifest_event_id: listing.event_id,
    release_event_id: release.event_id,
    manifest_sha256: listing.manifest_sha256,
    permission_hash,
    inputs: plan.inputs as InstallOrder["inputs"],
  };
}
