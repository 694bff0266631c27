import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { openCompliance, refuseManifest } from "./compliance.ts";
import type { EngineOptions } from "./options.ts";
import { type RunReason, releaseToRun } from "./release.ts";

/** What the compliance gate has against a release with its inputs; null: nothing. */
export interface JudgedRelease {
  readonly release: InstalledRelease;
  readonly denied: Rejection | null;
}

/** Asks the compliance gate about releases that are about to be run. */
export interface ReleaseJudge {
  /** About the one that a start would run now; null where there is none to run. */
  readonly ofStart: (
    install_id: string,
    start: { readonly reason: RunReason; readonly trial: boolean },
  ) => Promise<JudgedRelease | null>;
  /** `patient`: a model that has just given no answer is asked again. Refusals: policy_denied, classifier_unavailable. */
  readonly of: (release: InstalledRelease, options: { readonly patient: boolean }) => Promise<Rejection | null>;
}

/**
 * Opens the judge of starts: the rules, or how strictly they are taken, may be others than when a release was installed.
 * In one process neither changes, so each release is read once; only a model that gave no answer is asked again, by
 * what starts by itself not sooner than `LIMITS.aup_classifier_retry_ms` later.
 */
export function openReleaseJudge(
  options: Pick<EngineOptions, "store" | "clock" | "compliance"> & {
    readonly config: Pick<EngineOptions["config"], "aup">;
  },
): ReleaseJudge {
  const { store, clock, compliance = openCompliance(options.config.aup ?? "strict") } = options;
  const known = new WeakMap<InstalledRelease, Rejection | null>();
  let silence: { readonly refusal: Rejection; readonly until_ms: number } | null = null;

  const of: ReleaseJudge["of"] = async (release, { patient }) => {
    const { manifest, inputs } = release;
    const before = known.get(release);
    // A manifest that was deleted is refused when the run is planned.
    if (before !== undefined || manifest === null) return before ?? null;
    if (!patient && silence !== null && clock.now_ms() < silence.until_ms) return silence.refusal;
    const denied = await refuseManifest(compliance, manifest, inputs);
    if (denied?.code !== "classifier_unavailable") known.set(release, denied);
    else silence = { refusal: denied, until_ms: clock.now_ms() + LIMITS.aup_classifier_retry_ms };
    return denied;
  };
  return {
    of,
    ofStart: async (install_id, start) => {
      const chosen = releaseToRun(store.load(installDecider, install_id), install_id, start);
      if (isRejection(chosen)) return null;
      const { release } = chosen;
      return { release, denied: await of(release, { patient: start.reason === "manual" }) };
    },
  };
}

/** Why a release is not run: it is denied, or is another than the one that was judged a moment ago. Refusal: busy. */
export function refuseUnjudged(
  judged: JudgedRelease | null,
  { pins, inputs }: InstalledRelease,
  install_id: string,
): Rejection | null {
  const same =
    judged?.release.pins.manifest_sha256 === pins.manifest_sha256 &&
    JSON.stringify(judged.release.inputs) === JSON.stringify(inputs);
  if (judged !== null && same) return judged.denied;
  return reject("busy", `install ${install_id} was changed just now; start it again`);
}
