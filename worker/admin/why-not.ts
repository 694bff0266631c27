import type { WhyNot } from "@oa/shared/api/dry-run.ts";
import { parsePermission } from "@oa/shared/core/permission.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { isOlder } from "@oa/shared/core/semver.ts";
import type { ConstraintTrace, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { refuseTakenDown } from "@oa/shared/install/takedown.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { AupAssessment } from "@oa/shared/policy/aup/assess.ts";
import { bringsCode } from "@oa/shared/upgrade/code-steps.ts";
import { type Obstacle, obstaclesOf, type WorkerCapabilities } from "@oa/shared/upgrade/compatibility.ts";
import type { Plan } from "@oa/shared/upgrade/plan.ts";
import type { Vault } from "../adapters/vault.ts";

export interface WhyNotFacts {
  readonly manifest: UpgradeManifest;
  readonly address: string | null;
  /** The plan with the inputs that were given, or why there is none. */
  readonly plan: Plan | Rejection;
  readonly worker: WorkerCapabilities;
  /** The install of the same listing, if there is one. */
  readonly known: InstallView | null;
  /** Why what is installed of it could not be started as it is; null: it could, or nothing is. */
  readonly standing: Rejection | null;
  readonly private_allow: readonly string[];
  readonly code_packages: boolean;
  /** What the compliance gate says of the manifest with the inputs that were given. */
  readonly policy: AupAssessment;
  /** What its schedule asks for and no sensor of this machine can say. */
  readonly unmeasured: readonly ConstraintTrace[];
  /** Absent: nobody can say what is in it. */
  readonly vault?: Pick<Vault, "status" | "get">;
}

/** Every reason why an upgrade could not run here, with what would fix it. */
export function whyNot(facts: WhyNotFacts): WhyNot {
  const { manifest, address, plan, worker } = facts;
  const obstacles = [
    ...obstaclesOf(manifest, isRejection(plan) ? null : plan.steps, worker),
    ...(isRejection(plan) ? [planObstacle(plan)] : hostObstacles(plan, facts.private_allow)),
    ...(isRejection(plan) || facts.vault === undefined ? [] : secretObstacles(plan, facts.vault)),
    ...codeObstacles(facts),
    ...policyObstacles(facts),
    ...facts.unmeasured.map((constraint) => sensorObstacle(constraint, facts)),
    ...installObstacles(facts),
  ];
  return {
    address,
    title: manifest.title,
    version: manifest.version,
    verdict: verdictOf(obstacles),
    obstacles,
    worker,
  };
}

/** Nothing known against it is a yes only where nothing is unknown. */
export function verdictOf(obstacles: readonly Obstacle[]): WhyNot["verdict"] {
  return obstacles.some(({ certain }) => certain) ? "no" : obstacles.length > 0 ? "maybe" : "yes";
}

function obstacle(subject: Obstacle["subject"], needs: string, has: string, message: string, fix: string): Obstacle {
  return { subject, certain: true, needs, has, message, fix };
}

function planObstacle({ code, message, details }: Rejection): Obstacle {
  const missing = (details?.missing ?? []) as readonly string[];
  if (code === "input_missing") {
    const fix = `give ${missing.map((name) => `--input ${name}=…`).join(" ")}`;
    return obstacle("input", missing.join(", "), "no value", message, fix);
  }
  const fix = code.startsWith("input_") ? "give another value with --input" : "ask the author";
  return obstacle(code.startsWith("input_") ? "input" : "manifest", "a plan", "none", message, fix);
}

/** Names and addresses inside this network are reached only where the owner's settings name them with their port. */
function hostObstacles({ grant }: Plan, private_allow: readonly string[]): readonly Obstacle[] {
  return grant.flatMap((permission) => {
    const { kind, subject: host } = parsePermission(permission) ?? {};
    if (kind !== "network:egress" || host === undefined) return [];
    const name = host.replace(/:\d+$/, "");
    if (!/(?:^|\.)(?:localhost|local|internal|home\.arpa)$/.test(name)) return [];
    if (private_allow.some((allowed) => allowed === host || allowed.startsWith(`${host}:`))) return [];
    const message = `it calls ${host}, which is inside your own network, and your settings do not allow that`;
    return [
      obstacle("host", host, "not allowed", message, `add "${host}" with its port to private_allow in config.json`),
    ];
  });
}

/** A secret is in the vault and bound to the host; what a locked one holds is not known. */
function secretObstacles({ grant }: Plan, vault: Pick<Vault, "status" | "get">): readonly Obstacle[] {
  return grant.flatMap((permission) => {
    const { kind, subject = "" } = parsePermission(permission) ?? {};
    if (kind !== "secret:use") return [];
    const [name = "", host = ""] = subject.split("@");
    const hosts = vault.get(name)?.hosts;
    if (hosts?.includes(host)) return [];
    if (vault.status() === "locked") {
      const message = `it sends your secret ${name} to ${host}, and the vault is locked`;
      return [{ ...obstacle("secret", name, "unknown", message, "oa secrets unlock"), certain: false }];
    }
    const has = hosts === undefined ? "none" : `bound to ${hosts.join(", ")}`;
    const message = `it sends your secret ${name} to ${host}, and the vault's is ${hosts === undefined ? "not there" : has}`;
    return [obstacle("secret", name, has, message, `oa secrets set ${name} --host ${host}`)];
  });
}

/** A program that an upgrade brings runs where its owner allows it, in a sandbox. */
function codeObstacles({ manifest, worker, code_packages }: WhyNotFacts): readonly Obstacle[] {
  if (!bringsCode(manifest)) return [];
  const off = "it brings a program of its own, and those are off in your settings";
  const open = "it brings a program of its own, which runs only in a sandbox, and there is none here";
  return [
    ...(code_packages
      ? []
      : [obstacle("policy", "code_packages", "off", off, "set code_packages to true in config.json")]),
    ...(worker.sandbox !== null
      ? []
      : [obstacle("tool", "a sandbox", "none", open, "`oa doctor` says what is missing")]),
  ];
}

/** It runs when it is asked to; at night it would wait for what nobody can tell. */
function sensorObstacle(constraint: ConstraintTrace, { known, manifest }: WhyNotFacts): Obstacle {
  const { name, reason = "it was not measured" } = constraint;
  const message = `its schedule asks for ${name}, which this machine cannot tell (${reason}): what starts by itself would wait for it in vain`;
  const fix =
    known === null
      ? `oa install ${manifest.id} --on-unknown run`
      : `oa schedule set ${known.install_id} --on-unknown run, or --set ${name}=none`;
  return { ...obstacle("schedule", name, "unknown", message, fix), certain: false };
}

function policyObstacles({ policy: { verdict, reasons } }: WhyNotFacts): readonly Obstacle[] {
  if (verdict !== "deny") return [];
  return reasons.map(({ code, message, where }) => {
    const silent = code === "aup_unclassified";
    const needs = silent ? "the answer of your model" : "a manifest within the policy";
    const fix = silent
      ? "see that it runs, or take aup_classifier out of config.json"
      : "there is no way around this here";
    return obstacle("policy", needs, code, where === "" ? message : `${message} (${where})`, fix);
  });
}

function installObstacles({ known, manifest, address, standing }: WhyNotFacts): readonly Obstacle[] {
  if (known === null || address === null) return [];
  const { active, status, install_id } = known;
  const found: Obstacle[] = [...releaseObstacles(known, manifest)];
  const taken = status === "disabled" ? refuseTakenDown(known) : null;
  if (taken !== null) {
    const fix = `oa installs override ${install_id} --reason TEXT, or wait until the decision ends`;
    found.push(obstacle("install", "a moderator's leave, or yours", taken.code, taken.message, fix));
  } else if (status === "disabled" || status === "pending") {
    const fix = status === "disabled" ? "oa installs enable" : "oa installs approve";
    const message = status === "disabled" ? "it is installed and disabled" : "it waits for your approval";
    found.push(obstacle("install", "an enabled install", status, message, `${fix} ${install_id}`));
  }
  if (standing !== null && active?.upgrade_version === manifest.version) {
    const { needs, fix } = STANDING[standing.code] ?? { needs: "what was approved", fix: `oa install ${address}` };
    found.push(obstacle("install", needs, standing.code, standing.message, fix));
  }
  return found;
}

const LICENCE = { needs: "a licence", fix: "oa receipt add FILE" };
/** What ends that an install cannot be started, where it is not installing it again. */
const STANDING: Readonly<Partial<Record<ReasonCode, { readonly needs: string; readonly fix: string }>>> = {
  permission_revoked: { needs: "what was approved", fix: "give it back as said, or ask the author" },
  ...{ licence_missing: LICENCE, licence_expired: LICENCE, licence_used_up: LICENCE },
  licence_unproven: { needs: "a licence", fix: "oa receipt add FILE --online" },
  quota_exceeded: { needs: "room in its quotas", fix: "wait as said, or raise quotas in config.json" },
};

/** What stands against this version because of what runs, ran, or was chosen here. */
function releaseObstacles(known: InstallView, { version }: UpgradeManifest): readonly Obstacle[] {
  const { active, yanked, updates, set_aside, install_id } = known;
  const running = active?.upgrade_version ?? "";
  const found: Obstacle[] = [];
  if (yanked !== null && running === version) {
    const message = `its author took version ${version} back${yanked.reason === "" ? "" : `: ${yanked.reason}`}`;
    const fix = "install a later version, or oa rollback";
    found.push(obstacle("version", "a release that stands", "taken back", message, fix));
  }
  if (isOlder(version, running)) {
    const message = `version ${running} is installed, which is later than ${version}`;
    const kept = known.earlier.some(({ upgrade_version }) => upgrade_version === version);
    const fix = kept ? `oa rollback ${install_id} --to ${version}` : "keep what is installed";
    found.push(obstacle("version", version, running, message, fix));
  }
  if (updates.pinned === true && active !== null && running !== version) {
    const message = `it is pinned to version ${running}`;
    found.push(obstacle("version", version, running, message, `oa installs unpin ${install_id}`));
  }
  if (running !== version && set_aside.some(({ upgrade_version }) => upgrade_version === version)) {
    const message = `version ${version} was rolled back here, and is not taken unasked`;
    found.push({ ...obstacle("version", version, running, message, "oa install takes it again"), certain: false });
  }
  return found;
}
