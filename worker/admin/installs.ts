import { resolve } from "node:path";
import { priceSentence, whenSentence } from "@oa/shared/api/consent.ts";
import type { ConsentView, ControlPorts } from "@oa/shared/api/ports.ts";
import { newId } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { expandHome, permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type {
  ControlInstallPreview,
  ControlInstallRequest,
  InputValue,
  InstallOrder,
  UpgradeInput,
  UpgradeManifest,
} from "@oa/shared/generated/types.ts";
import { type InstallCommand, installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { toEvent as configTo } from "@oa/shared/nostr/24051-install-config.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { type Plan, planOf } from "@oa/shared/upgrade/plan.ts";
import type { Decide } from "./decide.ts";
import { type FoundUpgrade, findUpgrade, type UpgradeSourceOptions } from "./upgrade-source.ts";

export interface InstallsOptions extends UpgradeSourceOptions {
  readonly sql: Sql;
  readonly decide: Decide;
  readonly home: string;
  /** This worker's public key. */
  readonly worker: string;
  /** The owner's own key: paired with this worker, with a ceiling that grants nothing by itself. */
  readonly owner_key: Uint8Array;
  /** The same door that orders from the mailbox and from relays come through. */
  readonly accept: (order: InstallOrder, signed: VerifiedEvent, found: FoundUpgrade) => Promise<Rejection | null>;
}

/** Installs: what there is, consent to more, and the owner's changes. */
export function installsPort(options: InstallsOptions): ControlPorts["installs"] {
  const { sql, decide } = options;
  const get = (id: string): InstallView | Rejection =>
    getInstall(sql, id) ?? reject("not_found", `there is no install ${id}`);
  return {
    list: () => listInstalls(sql, { limit: LIMITS.api_page }),
    get,
    preview: async (request, signal) => {
      const offer = await offerOf(request, options, signal);
      return isRejection(offer) ? offer : consentView(offer);
    },
    request: (request, signal) => order(request, options, signal),
    change: async (id, action, { reason = "decided by the owner", permission_hash }) => {
      const install = get(id);
      if (isRejection(install)) return install;
      const command = ownerCommand(install, action, reason, permission_hash, options.home);
      if (isRejection(command)) return command;
      const done = await decide(installDecider, id, command);
      return isRejection(done) ? done : get(id);
    },
  };
}

function ownerCommand(
  install: InstallView,
  action: "approve" | "deny" | "enable" | "disable" | "remove",
  reason: string,
  permission_hash: string | undefined,
  home: string,
): InstallCommand | Rejection {
  switch (action) {
    case "approve":
      if (permission_hash === undefined) return reject("usage", "name the permission_hash that the owner was shown");
      return { type: "approve", permission_hash, grant: expandHome(install.pending?.permissions ?? [], home) };
    case "enable":
      return { type: "enable" };
    default:
      return { type: action, reason };
  }
}

interface Offer {
  readonly found: FoundUpgrade;
  readonly plan: Plan;
}

async function offerOf(
  request: Pick<ControlInstallPreview, "source" | "inputs" | "inputs_text" | "cwd">,
  options: InstallsOptions,
  signal: AbortSignal,
): Promise<Offer | Rejection> {
  const found = await findUpgrade(request.source, options, signal);
  if (isRejection(found)) return found;
  const { manifest } = found.listing;
  const typed = typedInputs(manifest, request.inputs_text ?? {}, request.cwd);
  const plan = planOf(manifest, { ...(request.inputs as Readonly<Record<string, InputValue>>), ...typed }, options);
  return isRejection(plan) ? plan : { found, plan };
}

/** Text of a command line as the values the manifest declares; what does not fit stays text, for `planOf` to refuse. */
function typedInputs(
  manifest: UpgradeManifest,
  texts: NonNullable<ControlInstallPreview["inputs_text"]>,
  cwd: string | undefined,
): Readonly<Record<string, InputValue>> {
  const typed: Record<string, InputValue> = {};
  for (const [name, values = []] of Object.entries(texts)) {
    const input = Object.hasOwn(manifest.inputs ?? {}, name) ? manifest.inputs?.[name] : undefined;
    typed[name] = typedInput(input?.type ?? "string", [...values], cwd);
  }
  return typed;
}

function typedInput(type: UpgradeInput["type"], values: string[], cwd: string | undefined): InputValue {
  const text = values[0] ?? "";
  if (type === "string_list") return values;
  if (values.length > 1) return values; // one value was asked for: refused by its type
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type === "integer" || type === "number") return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (type === "path" && cwd !== undefined && !text.startsWith("~")) return resolve(cwd, text);
  return text;
}

function consentView({ found, plan }: Offer): ConsentView {
  const { listing } = found;
  const { manifest } = listing;
  return {
    address: listing.address,
    title: manifest.title,
    summary: manifest.summary ?? null,
    version: manifest.version,
    author_pubkey: listing.author,
    author_name: manifest.author.name ?? null,
    schedule: whenSentence(manifest.schedule, plan.triggers),
    price: priceSentence(manifest.pricing),
    manifest_sha256: listing.manifest_sha256,
    permission_hash: permissionHash(plan.permissions),
    permissions: plan.permissions.map((permission) => ({ permission, sentence: sentenceOf(permission) })),
    inputs: plan.inputs,
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
  const config = orderOf(offer, options, permission_hash);
  const signed = verifyEvent(signEvent(configTo(config), options.owner_key, options.random(32)), options.schnorr);
  if (isRejection(signed)) return signed;
  const refused = await options.accept(config, signed, found);
  if (refused !== null) return refused;
  const install = getInstall(options.sql, config.install_id);
  if (install?.pending != null) {
    const command = { type: "approve", permission_hash, grant: plan.grant } as const;
    const approved = await options.decide(installDecider, config.install_id, command);
    if (isRejection(approved)) return approved;
  }
  return getInstall(options.sql, config.install_id) ?? reject("internal", "the install was not recorded");
}

/** A listing that is installed is updated under its id, with the next revision. */
function orderOf({ found, plan }: Offer, options: InstallsOptions, permission_hash: string): InstallOrder {
  const { listing, release } = found;
  const { sql, now_ms, random, worker } = options;
  const signer = publicKeyOf(options.owner_key);
  const known = listInstalls(sql, { limit: LIMITS.api_page }).find(
    ({ active, pending }) => (active ?? pending)?.upgrade_address === listing.address,
  );
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
