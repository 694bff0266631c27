import type { WhyNot } from "@oa/shared/api/dry-run.ts";
import { parsePermission } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type AupMode, assessManifest } from "@oa/shared/policy/aup/assess.ts";
import { bringsCode } from "@oa/shared/upgrade/code-steps.ts";
import { type Obstacle, obstaclesOf, type WorkerCapabilities } from "@oa/shared/upgrade/compatibility.ts";
import type { Plan } from "@oa/shared/upgrade/plan.ts";

export interface WhyNotFacts {
  readonly manifest: UpgradeManifest;
  readonly address: string | null;
  /** The plan with the inputs that were given, or why there is none. */
  readonly plan: Plan | Rejection;
  readonly worker: WorkerCapabilities;
  /** The install of the same listing, if there is one. */
  readonly known: InstallView | null;
  readonly private_allow: readonly string[];
  readonly code_packages: boolean;
  readonly aup: AupMode;
}

/** Every reason why an upgrade could not run here, with what would fix it. */
export function whyNot(facts: WhyNotFacts): WhyNot {
  const { manifest, address, plan, worker } = facts;
  const obstacles = [
    ...obstaclesOf(manifest, isRejection(plan) ? null : plan.steps, worker),
    ...(isRejection(plan) ? [planObstacle(plan)] : hostObstacles(plan, facts.private_allow)),
    ...codeObstacles(facts),
    ...policyObstacles(facts),
    ...installObstacles(facts),
  ];
  const verdict = obstacles.some(({ certain }) => certain) ? "no" : obstacles.length > 0 ? "maybe" : "yes";
  return { address, title: manifest.title, version: manifest.version, verdict, obstacles, worker };
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

function policyObstacles({ manifest, plan, aup }: WhyNotFacts): readonly Obstacle[] {
  const inputs = isRejection(plan) ? {} : plan.inputs;
  const { verdict, reasons } = assessManifest(manifest, { mode: aup, inputs });
  if (verdict !== "deny") return [];
  return reasons.map(({ code, message, where }) =>
    obstacle(
      "policy",
      "a manifest within the policy",
      code,
      `${message} (${where})`,
      "there is no way around this here",
    ),
  );
}

function installObstacles({ known, manifest, address }: WhyNotFacts): readonly Obstacle[] {
  if (known === null || address === null) return [];
  const { active, yanked, status } = known;
  const found: Obstacle[] = [];
  if (yanked !== null && active?.upgrade_version === manifest.version) {
    const message = `its author took version ${manifest.version} back${yanked.reason === "" ? "" : `: ${yanked.reason}`}`;
    found.push(obstacle("version", "a release that stands", "taken back", message, "install a later version"));
  }
  const [installed, offered] = [active?.upgrade_version ?? "", manifest.version].map(parseSemver);
  if (installed !== undefined && offered !== undefined && !isRejection(installed) && !isRejection(offered)) {
    if (compareSemver(offered, installed) < 0) {
      const message = `version ${active?.upgrade_version} is installed, which is later than ${manifest.version}`;
      found.push(
        obstacle("version", manifest.version, active?.upgrade_version ?? "", message, "keep what is installed"),
      );
    }
  }
  if (status === "disabled" || status === "pending") {
    const fix = status === "disabled" ? "oa installs enable" : "oa installs approve";
    const message = status === "disabled" ? "it is installed and disabled" : "it waits for your approval";
    found.push(obstacle("install", "an enabled install", status, message, `${fix} ${known.install_id}`));
  }
  return found;
}
