import { LIMITS } from "./limits.ts";
import { isRejection, type Rejection, reject } from "./refusal.ts";

/** A version by SemVer 2.0.0. Numbers stay text: the specification sets no bound on them. */
export interface SemVer {
  readonly major: string;
  readonly minor: string;
  readonly patch: string;
  readonly prerelease: readonly string[];
  readonly build: readonly string[];
}

const NUMBER = "0|[1-9][0-9]*";
const PRERELEASE = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const PATTERN = new RegExp(
  `^(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})` +
    `(?:-(${PRERELEASE}(?:\\.${PRERELEASE})*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?$`,
);

/** Parses a SemVer 2.0.0 version. Refusal: `version_invalid`. */
export function parseSemver(text: string): SemVer | Rejection {
  const match = text.length <= LIMITS.semver_chars ? PATTERN.exec(text) : null;
  if (match === null) {
    return reject("version_invalid", `${JSON.stringify(text.slice(0, 80))} is not a SemVer 2.0.0 version like 1.2.3`);
  }
  const [, major = "", minor = "", patch = "", prerelease, build] = match;
  return { major, minor, patch, prerelease: prerelease?.split(".") ?? [], build: build?.split(".") ?? [] };
}

/** Precedence by SemVer 2.0.0 §11: negative, zero or positive. Build metadata does not count. */
export function compareSemver(a: SemVer, b: SemVer): number {
  const core = compareNumbers(a.major, b.major) || compareNumbers(a.minor, b.minor) || compareNumbers(a.patch, b.patch);
  if (core !== 0) return core;
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (const [index, left] of a.prerelease.entries()) {
    const right = b.prerelease[index];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

/** By SemVer precedence; a version that cannot be compared is not called older. */
export function isOlder(next: string, now: string): boolean {
  const [a, b] = [parseSemver(next), parseSemver(now)];
  return !isRejection(a) && !isRejection(b) && compareSemver(a, b) < 0;
}

function compareIdentifiers(a: string, b: string): number {
  const a_numeric = /^[0-9]+$/.test(a);
  const b_numeric = /^[0-9]+$/.test(b);
  if (a_numeric !== b_numeric) return a_numeric ? -1 : 1;
  return a_numeric ? compareNumbers(a, b) : compareText(a, b);
}

/** Digits without leading zeros: the longer number is the larger. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
