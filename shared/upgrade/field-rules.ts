import { nextWall, parseCron } from "../core/cron.ts";
import { LIMITS } from "../core/limits.ts";
import { hostOfUrl, isGrantableHost, unsafePath } from "../core/permission.ts";
import type { ReasonCode } from "../core/reasons.ts";
import { isRejection } from "../core/refusal.ts";
import { shown } from "../core/schema-sentence.ts";
import { checkTimeZone } from "../core/time-zone.ts";
import { parseTemplate } from "../core/wiring.ts";
import type { InputValue, UpgradeInput, UpgradeManifest, UpgradeSchedule } from "../generated/types.ts";
import { npubToHex } from "../nostr/npub.ts";
import { type ManifestError, place } from "./schema-errors.ts";
import type { Inputs } from "./step-rules.ts";

const problem = (path: string, code: ReasonCode, text: string): ManifestError => ({
  path,
  code,
  message: `${place(path)} ${text}`,
});

/** Keys are real ones: bech32 has a checksum that a pattern cannot state. */
export function checkNpub(npub: string, path: string): readonly ManifestError[] {
  return npubToHex(npub) === null
    ? [problem(path, "npub_invalid", `is not a public key: the checksum of ${shown(npub)} is wrong`)]
    : [];
}

/** Also used for the schedule that an install config brings. Refusals: those of cron and time zones, window_invalid. */
export function checkSchedule(schedule: UpgradeSchedule): readonly ManifestError[] {
  const errors: ManifestError[] = [];
  if (schedule.expression === undefined) {
    if (schedule.type === "cron") {
      errors.push(problem("/schedule/expression", "schedule_incomplete", "is missing: a cron schedule needs one"));
    }
  } else {
    const cron = parseCron(schedule.expression);
    if (isRejection(cron)) errors.push(problem("/schedule/expression", cron.code, `is wrong: ${cron.message}`));
    else if (nextWall(cron, 0) === null) {
      errors.push(problem("/schedule/expression", "cron_invalid", `never fires: ${shown(schedule.expression)}`));
    }
  }
  if (schedule.timezone !== undefined) {
    const unknown = checkTimeZone(schedule.timezone);
    if (unknown !== null) errors.push(problem("/schedule/timezone", unknown.code, `is wrong: ${unknown.message}`));
  }
  for (const end of ["start", "end"] as const) {
    const time = schedule.window?.[end];
    if (time !== undefined && !/^(?:[01]\d|2[0-3]):[0-5]\d$/.test(time)) {
      errors.push(
        problem(`/schedule/window/${end}`, "window_invalid", `must be a time such as 01:30, not ${shown(time)}`),
      );
    }
  }
  if (schedule.window !== undefined && schedule.window.start === schedule.window.end) {
    errors.push(problem("/schedule/window", "window_invalid", "is empty: it starts and ends at the same time"));
  }
  return errors;
}

/** A price that is one: paid models have an amount, free ones none, and shares sum to the whole. */
export function checkPricing(pricing: NonNullable<UpgradeManifest["pricing"]>): readonly ManifestError[] {
  const errors: ManifestError[] = [];
  const amount = pricing.amount_sats ?? 0;
  if (pricing.model === "free" && amount > 0) {
    errors.push(problem("/pricing/amount_sats", "price_invalid", `is ${amount}, but the model is free`));
  }
  if (pricing.model !== "free" && amount === 0) {
    errors.push(problem("/pricing/amount_sats", "price_invalid", `must be at least 1 for the model ${pricing.model}`));
  }
  if (pricing.model === "free" && pricing.trial_runs !== undefined) {
    errors.push(problem("/pricing/trial_runs", "price_invalid", `is ${pricing.trial_runs}, but the model is free`));
  }
  const shares = pricing.revenue_split ?? [];
  const sum = shares.reduce((total, share) => total + share.bps, 0);
  if (shares.length > 0 && sum !== 10_000) {
    errors.push(problem("/pricing/revenue_split", "revenue_split_invalid", `sums to ${sum} basis points, not 10000`));
  }
  for (const [index, { npub }] of shares.entries()) {
    const path = `/pricing/revenue_split/${index}/npub`;
    errors.push(...checkNpub(npub, path));
    if (shares.findIndex((share) => share.npub === npub) < index) {
      errors.push(problem(path, "revenue_split_invalid", "has two shares; give each key one"));
    }
  }
  if (pricing.coordinator !== undefined) errors.push(...checkNpub(pricing.coordinator, "/pricing/coordinator"));
  return errors;
}

/** Declared paths and hosts; both may name inputs. */
export function checkPermissions(
  permissions: NonNullable<UpgradeManifest["permissions"]>,
  inputs: Inputs,
): readonly ManifestError[] {
  const errors: ManifestError[] = [];
  for (const [index, entry] of (permissions.filesystem ?? []).entries()) {
    const isText = typeof entry === "string";
    const path = `/permissions/filesystem/${index}${isText ? "" : "/path"}`;
    errors.push(...checkTemplate(isText ? entry : entry.path, path, inputs, checkGlob));
  }
  for (const [index, host] of (permissions.network ?? []).entries()) {
    errors.push(...checkTemplate(host, `/permissions/network/${index}`, inputs, checkHost));
  }
  for (const [index, { host }] of (permissions.secrets ?? []).entries()) {
    const path = `/permissions/secrets/${index}/host`;
    errors.push(...checkTemplate(host, path, inputs, checkHost));
    if (host.includes("*")) errors.push(problem(path, "host_invalid", `must be one exact host, not ${shown(host)}`));
  }
  return errors;
}

function checkGlob(literal: string, leads: boolean, path: string): readonly ManifestError[] {
  const unsafe = unsafePath(leads ? `/${literal}` : literal);
  if (unsafe !== null) return [problem(path, "path_unsafe", `${unsafe}: ${shown(literal)}`)];
  // What a pattern covers takes time that grows fast with its wildcards, and nobody could judge such a pattern.
  const wildcards = literal.match(/\*+|[?[{]/g)?.length ?? 0;
  const most = LIMITS.permission_wildcards;
  return wildcards <= most
    ? []
    : [problem(path, "path_unsafe", `has ${wildcards} wildcards; at most ${most} are allowed`)];
}

function checkHost(literal: string, leads: boolean, path: string): readonly ManifestError[] {
  if (leads || isGrantableHost(literal.toLowerCase())) return [];
  const host = hostOfUrl(literal);
  const hint = host === null ? "" : `; write ${host}`;
  return [
    problem(path, "host_invalid", `must be a host such as example.com or *.example.com, not ${shown(literal)}${hint}`),
  ];
}

/** Watched paths are safe ones, and a schedule of type event has something to wait for. Paths may name inputs. */
export function checkTriggers(
  manifest: Pick<UpgradeManifest, "schedule" | "triggers">,
  inputs: Inputs,
): readonly ManifestError[] {
  const triggers = manifest.triggers ?? [];
  if (manifest.schedule.type === "event" && triggers.length === 0) {
    return [problem("/triggers", "schedule_incomplete", "is missing: a schedule of type event needs at least one")];
  }
  return triggers.flatMap((trigger, index) =>
    trigger.type === "file_change" ? checkTemplate(trigger.glob, `/triggers/${index}/glob`, inputs, checkGlob) : [],
  );
}

/** Checks the template's references, then its text with a letter for each reference. */
function checkTemplate(
  text: string,
  path: string,
  inputs: Inputs,
  check: (literal: string, leads: boolean, path: string) => readonly ManifestError[],
): readonly ManifestError[] {
  const parts = parseTemplate(text);
  if (isRejection(parts)) return [problem(path, parts.code, parts.message)];
  for (const part of parts) {
    if (typeof part === "string") continue;
    if (part.root !== "inputs") return [problem(path, "reference_unknown", "may refer to inputs only")];
    if (!Object.hasOwn(inputs, part.name)) {
      return [problem(path, "reference_unknown", `names an input, ${part.name}, that the manifest does not declare`)];
    }
  }
  const literal = parts.map((part) => (typeof part === "string" ? part : "x")).join("");
  return check(literal, typeof parts[0] !== "string", path);
}

/** What an input must look like; null where the value does. */
export function misfitOf(input: UpgradeInput, value: InputValue): string | null {
  switch (input.type) {
    case "string":
      return typeof value === "string" ? null : "must be text";
    case "path": {
      if (typeof value !== "string") return "must be a path";
      const unsafe = unsafePath(value);
      return unsafe === null ? null : `must be a path that is safe, but it ${unsafe}`;
    }
    case "integer":
      return Number.isSafeInteger(value) ? null : "must be a whole number";
    case "number":
      return typeof value === "number" ? null : "must be a number";
    case "boolean":
      return typeof value === "boolean" ? null : "must be true or false";
    case "string_list":
      return Array.isArray(value) ? null : "must be a list of texts";
  }
}

/** Defaults are of their inputs' types. */
export function checkInputs(inputs: Inputs): readonly ManifestError[] {
  return Object.entries(inputs).flatMap(([name, input]) => {
    if (input?.default === undefined) return [];
    const misfit = misfitOf(input, input.default);
    const code = misfit?.startsWith("must be a path that") === true ? "path_unsafe" : "input_invalid";
    return misfit === null ? [] : [problem(`/inputs/${name}/default`, code, `${misfit}, not ${shown(input.default)}`)];
  });
}
