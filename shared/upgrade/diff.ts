import { type Permission, parsePermission, permits } from "../core/permission.ts";
import { priceInWords } from "../core/price-words.ts";
import { isRejection } from "../core/refusal.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { type Change, type Direction, type Found, found, same, type UpgradeDiff } from "./change.ts";
import { diffPermissions, sentenceOf } from "./consent.ts";
import { diffSteps } from "./diff-steps.ts";
import { diffTiming } from "./diff-timing.ts";
import type { UpgradeSide } from "./side.ts";

/**
 * What changes for an owner between two versions. Widening is whatever the owner did not agree to: a permission not
 * covered before, a higher price or another way to pay, another author key, an older version, more frequent starts, a
 * start the window or a constraint used to prevent, a new trigger, another write outside, data that flows out anew, a
 * new flag of acceptable use, longer retention, more telemetry, an input that only the owner can give.
 */
export function diffUpgrades(before: UpgradeSide, after: UpgradeSide): UpgradeDiff {
  const found: readonly Found[] = [
    ...diffIdentity(before, after),
    ...diffGranted(before.permissions, after.permissions),
    ...diffSteps(before.manifest, after.manifest),
    ...diffTiming(before, after),
    ...diffPrice(before.manifest, after.manifest),
    ...diffInputs(before.manifest, after.manifest),
    ...diffPolicy(before.manifest, after.manifest),
    ...diffRest(before.manifest, after.manifest),
  ];
  const of = (direction: Direction): readonly Change[] =>
    found.flatMap(([found_direction, change]) => (found_direction === direction ? [change] : []));
  return { widened: of("widened"), narrowed: of("narrowed"), changed: of("changed") };
}

function diffIdentity(before: UpgradeSide, after: UpgradeSide): readonly Found[] {
  const changes: Found[] = [];
  if (before.author !== after.author) {
    const sentence = `It is by another author: key ${after.author}, no longer ${before.author}.`;
    changes.push(found("widened", "author", "key", [before.author, after.author], sentence));
  }
  if (before.manifest.id !== after.manifest.id) {
    const ids = [before.manifest.id, after.manifest.id] as const;
    changes.push(found("widened", "author", "id", ids, `It is another upgrade: ${ids[1]}, no longer ${ids[0]}.`));
  }
  const versions = [before.manifest.version, after.manifest.version] as const;
  const [old, now] = versions.map(parseSemver);
  if (versions[0] !== versions[1] && old !== undefined && now !== undefined) {
    const older = !isRejection(old) && !isRejection(now) && compareSemver(now, old) < 0;
    const sentence = `Version ${versions[1]} ${older ? "is OLDER than" : "follows"} ${versions[0]}.`;
    changes.push(found(older ? "widened" : "changed", "version", "version", versions, sentence));
  }
  return changes;
}

function diffGranted(before: readonly Permission[], after: readonly Permission[]): readonly Found[] {
  const { widened, narrowed } = diffPermissions(before, after);
  const entry = (direction: Direction, permission: Permission, others: readonly Permission[]): Found => {
    const { kind, subject } = parsePermission(permission) ?? { kind: "process:spawn", subject: permission };
    // What it takes the place of: those of the other side that lie inside it.
    const inside = others.filter((other) => permits([permission], other) && other !== permission);
    const act = `${sentenceOf(permission).charAt(0).toLowerCase()}${sentenceOf(permission).slice(1, -1)}`;
    const only = inside.length === 0 ? "" : `, ${direction === "widened" ? "before" : "now"} only ${subjects(inside)}`;
    const sentence = `It may ${direction === "widened" ? "now" : "no longer"} ${act}${only}.`;
    const pair =
      direction === "widened" ? [inside.join(", ") || null, permission] : [permission, inside.join(", ") || null];
    return found(direction, kind, subject, [pair[0], pair[1]], sentence);
  };
  return [
    ...widened.map((permission) => entry("widened", permission, before)),
    ...narrowed.map((permission) => entry("narrowed", permission, after)),
  ];
}

function subjects(permissions: readonly Permission[]): string {
  return permissions.map((permission) => parsePermission(permission)?.subject ?? permission).join(", ");
}

function diffPrice(before: UpgradeManifest, after: UpgradeManifest): readonly Found[] {
  const [old, now] = [priceOf(before), priceOf(after)];
  const changes: Found[] = [];
  if (old.text !== now.text) {
    const comparable = old.model === now.model || old.sats === 0 || now.sats === 0;
    const direction = !comparable || now.sats > old.sats ? "widened" : "narrowed";
    changes.push(found(direction, "price", "price", [old.text, now.text], `It costs ${now.text}, before ${old.text}.`));
  }
  const [tried, tries] = [before.pricing?.trial_runs ?? 0, after.pricing?.trial_runs ?? 0];
  if (tried !== tries) {
    const sentence = `Its first ${tries} runs need no licence, before its first ${tried}.`;
    changes.push(found(tries < tried ? "widened" : "narrowed", "price", "trial_runs", [tried, tries], sentence));
  }
  for (const field of ["revenue_split", "coordinator"] as const) {
    const [was, is] = [before.pricing?.[field], after.pricing?.[field]];
    if (same(was, is)) continue;
    const sentence =
      field === "coordinator" ? "Another key may sign licences." : "What is paid is shared out differently.";
    changes.push(found("changed", "price", field, [was, is], sentence));
  }
  return changes;
}

function priceOf({ pricing }: UpgradeManifest): {
  readonly model: string;
  readonly sats: number;
  readonly text: string;
} {
  const sats = pricing === undefined || pricing.model === "free" ? 0 : (pricing.amount_sats ?? 0);
  if (sats === 0) return { model: "free", sats, text: "nothing" };
  const { model } = pricing ?? { model: "free" };
  return { model, sats, text: priceInWords({ model, amount_sats: sats }) };
}

function diffInputs(before: UpgradeManifest, after: UpgradeManifest): readonly Found[] {
  const [old, now] = [before.inputs ?? {}, after.inputs ?? {}];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().flatMap((name): readonly Found[] => {
    const was = Object.hasOwn(old, name) ? old[name] : undefined;
    const is = Object.hasOwn(now, name) ? now[name] : undefined;
    if (same(was, is)) return [];
    const needed = is !== undefined && is.default === undefined && (was === undefined || was.type !== is.type);
    const [direction, sentence] =
      is === undefined
        ? (["narrowed", `It no longer asks for the input ${name}.`] as const)
        : needed
          ? (["widened", `It needs a value for the input ${name} that only you can give.`] as const)
          : was === undefined
            ? (["changed", `It has a new input ${name}, ${JSON.stringify(is.default)} if you set none.`] as const)
            : (["changed", `The input ${name} changed: ${inputText(was)} is now ${inputText(is)}.`] as const);
    return [found(direction, "input", name, [was, is], sentence)];
  });
}

function inputText({ type, default: value }: NonNullable<UpgradeManifest["inputs"]>[string] & object): string {
  return value === undefined ? `a ${type} you give` : `${type} ${JSON.stringify(value)}`;
}

const TELEMETRY = ["none", "basic", "full"];

function diffPolicy(before: UpgradeManifest, after: UpgradeManifest): readonly Found[] {
  const changes: Found[] = [];
  const flags = (manifest: UpgradeManifest): readonly string[] => [...(manifest.policy?.aup_flags ?? [])].sort();
  const [old, now] = [flags(before), flags(after)];
  // A flag that says what the upgrade does not do is a promise; any other one says what it does.
  const flagged = (flag: string, gained: boolean): Found => {
    const direction = flag.startsWith("no_") === gained ? "narrowed" : "widened";
    const sentence = `It ${gained ? "now carries" : "no longer carries"} the policy flag ${flag}.`;
    return found(direction, "policy", flag, gained ? [null, flag] : [flag, null], sentence);
  };
  for (const flag of now) if (!old.includes(flag)) changes.push(flagged(flag, true));
  for (const flag of old) if (!now.includes(flag)) changes.push(flagged(flag, false));
  const days = (manifest: UpgradeManifest): number | undefined => manifest.policy?.data_retention_days;
  if (days(before) !== days(after)) {
    const text = (value: number | undefined): string => (value === undefined ? "any time" : `${value} days`);
    const longer = (days(after) ?? Number.POSITIVE_INFINITY) > (days(before) ?? Number.POSITIVE_INFINITY);
    const sentence = `It says it keeps data for ${text(days(after))}, before ${text(days(before))}.`;
    const pair = [days(before), days(after)] as const;
    changes.push(found(longer ? "widened" : "narrowed", "policy", "data_retention_days", pair, sentence));
  }
  const after_failures = (manifest: UpgradeManifest): number | undefined => manifest.policy?.rollback_after_failures;
  if (after_failures(before) !== after_failures(after)) {
    const pair = [after_failures(before), after_failures(after)] as const;
    const text = (value: number | undefined): string =>
      value === undefined ? "the worker's number of" : String(value);
    const sentence = `It is rolled back after ${text(pair[1])} failures in a row, before ${text(pair[0])}.`;
    changes.push(found("changed", "policy", "rollback_after_failures", pair, sentence));
  }
  const telemetry = (manifest: UpgradeManifest): number =>
    Math.max(0, TELEMETRY.indexOf(manifest.policy?.telemetry_level ?? "none"));
  if (telemetry(before) !== telemetry(after)) {
    const pair = [TELEMETRY[telemetry(before)], TELEMETRY[telemetry(after)]] as const;
    const direction = telemetry(after) > telemetry(before) ? "widened" : "narrowed";
    changes.push(
      found(direction, "policy", "telemetry_level", pair, `Its telemetry is ${pair[1]}, before ${pair[0]}.`),
    );
  }
  return changes;
}

/** What changes nothing that an owner agrees to, but may matter to one. */
function diffRest(before: UpgradeManifest, after: UpgradeManifest): readonly Found[] {
  const parts = [
    ["requirement", "platforms", before.capabilities.platforms, after.capabilities.platforms],
    ["requirement", "backends", before.capabilities.backends, after.capabilities.backends],
    ["requirement", "requires", before.capabilities.requires, after.capabilities.requires],
    ["text", "title", before.title, after.title],
    ["text", "summary", before.summary, after.summary],
    ["text", "license", before.license, after.license],
    ["text", "homepage", before.homepage, after.homepage],
    ["text", "author's name", before.author.name, after.author.name],
    ["text", "author's contact", before.author.contact, after.author.contact],
    ["text", "categories", before.categories, after.categories],
    ["text", "tags", before.tags, after.tags],
    ["text", "artifacts", before.artifacts, after.artifacts],
  ] as const;
  return parts.flatMap(([kind, subject, was, is]) => {
    if (same(was, is)) return [];
    const shown = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
    return [found("changed", kind, subject, [was, is], `Its ${subject} changed: ${shown(was)} is now ${shown(is)}.`)];
  });
}
