import { durationText, type UpdateLook, type UpdateState, type UpdateView } from "@oa/shared/api/updates.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { isOlder } from "@oa/shared/core/semver.ts";
import type { InstallReleaseSeen } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { ageWanted_ms, firstSeen_ms, quarantine } from "@oa/shared/install/quarantine.ts";
import { rollbackAfter } from "@oa/shared/install/release-rules.ts";
import { isSetAside, lastGood } from "@oa/shared/install/releases.ts";
import { getInstall, type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { follows, type Release } from "@oa/shared/nostr/30052-release.ts";
import { refuseManifest } from "../engine/compliance.ts";
import type { Looking } from "../loops/release-watch.ts";
import { type InstallsOptions, offerOf, signedOrder } from "./installs.ts";
import { complianceOf } from "./look-ahead.ts";

/**
 * Looks for a newer release of an install. One that is old enough for its owner, widens nothing and was not rolled back
 * is taken, on trial, where the owner chose so; everything else is only told. Never takes anything older.
 */
export async function lookForUpdate(
  install: InstallView,
  options: InstallsOptions,
  looking: Looking,
  signal: AbortSignal,
): Promise<UpdateLook> {
  const { active, channel, install_id } = install;
  if (active === null) return told("refused", "nothing of it runs yet", `oa installs approve ${install_id}`);
  const source = { address: active.upgrade_address };
  const offer = await offerOf({ source, channel }, options, signal);
  if (isRejection(offer)) {
    return offer.code === "channel_not_followed"
      ? told("current", offer.message, null)
      : told("refused", `${offer.message} (${offer.code})`, null);
  }
  const { release, listing } = offer.found;
  const now_ms = options.now_ms();
  const older = await refuseOlder(install, release, looking);
  if (older !== null) return older;
  if (!isOlder(active.upgrade_version, release.version)) return asCurrent(install, release);
  await looking.record(install_id, sightingOf(install, release, now_ms));
  const seen = getInstall(options.sql, install_id)?.seen.find((one) => one.release_event_id === release.event_id);
  const offered = offeredOf(release, install, seen, now_ms);
  const standing = whyNotTaken(install, release) ?? whyTooYoung(install, release, seen, { now_ms, looking });
  if (standing !== null) return { ...standing, offered };
  const signed = signedOrder(offer, options, permissionHash(offer.plan.permissions));
  if (isRejection(signed)) return { ...told("refused", signed.message, null), offered };
  const inputs = offer.plan.inputs;
  const refused =
    (await refuseManifest(complianceOf(options), listing.manifest, inputs)) ??
    (await options.accept(signed.config, signed.event, offer.found, { unattended: true }));
  if (refused?.code === "already_running") {
    const message = `version ${release.version} is taken at the first look after the run that is under way`;
    return { ...told("after_run", message, null), offered };
  }
  if (refused !== null) return { ...told("refused", `${refused.message} (${refused.code})`, null), offered };
  return { ...becameOf(getInstall(options.sql, install_id), release), offered };
}

/** What a release that was seen is remembered as. */
export function sightingOf(
  install: InstallView,
  release: Pick<Release, "event_id" | "manifest_sha256" | "version" | "channel" | "created_at">,
  now_ms: number,
): InstallCommand {
  const { event_id: release_event_id, manifest_sha256, version: upgrade_version, channel, created_at } = release;
  return {
    ...{ type: "see_release", release_event_id, manifest_sha256, upgrade_version, channel, released_at: created_at },
    seen_at_ms: firstSeen_ms(now_ms, Date.parse(install.updated_at), created_at),
  };
}

function told(state: UpdateState, message: string, fix: string | null): UpdateLook {
  return { state, message, fix, offered: null };
}

/** An older release offered as the latest is somebody holding back what is newer, and is kept as such. */
async function refuseOlder(install: InstallView, release: Release, looking: Looking): Promise<UpdateLook | null> {
  const { active } = install;
  if (active === null || !isOlder(release.version, active.upgrade_version)) return null;
  const rolled_back = isSetAside(install, idsOf(release));
  const message = `version ${release.version} is offered as the latest of ${active.upgrade_id}, and ${active.upgrade_version} runs`;
  if (!rolled_back) await looking.notice(reject("release_downgrade", `${message}: it is not taken`), release.event_id);
  return told("downgrade", message, "nothing is taken; if the author withdrew the later one, oa rollback");
}

function idsOf({ event_id: release_event_id, manifest_sha256 }: Release) {
  return { release_event_id, manifest_sha256 };
}

/** Nothing newer is offered; that something newer was seen before is worth a word. */
function asCurrent(
  { active, seen, channel, taken_back }: InstallView,
  { version, manifest_sha256 }: Release,
): UpdateLook {
  const running = active?.upgrade_version ?? version;
  if (version === running && manifest_sha256 !== active?.manifest_sha256) {
    const message = `version ${running} runs, and its author shows another manifest under the same version now: it is not taken unasked`;
    return told("current", message, `oa install ${active?.upgrade_address ?? ""} shows what is different`);
  }
  const newer = seen.find(
    (one) =>
      isOlder(running, one.upgrade_version) &&
      follows(channel, one.channel) &&
      !taken_back.includes(one.release_event_id),
  );
  if (newer === undefined) return told("current", `version ${running} is the latest of channel ${channel}`, null);
  const since = new Date(newer.seen_at_ms).toISOString();
  const message = `version ${newer.upgrade_version} was seen on ${since} and is offered no longer: its author took it back, or it is held back from you`;
  return told("held_back", message, "add another relay, or ask the author");
}

/** What stands against taking it unasked, whatever its age. */
function whyNotTaken(install: InstallView, release: Release): UpdateLook | null {
  const { active, updates, candidate, pending, denied_release_event_id, auto_update, install_id, yanked } = install;
  const { version, event_id } = release;
  const take = `oa install ${active?.upgrade_address ?? ""}`;
  if (candidate?.release_event_id === event_id) {
    return told("on_trial", `version ${version} runs at the next start, on trial`, `oa rollback ${install_id}`);
  }
  if (updates.pinned === true) {
    return told(
      "pinned",
      `version ${version} is there, and it is pinned to ${active?.upgrade_version}`,
      `oa installs unpin ${install_id}`,
    );
  }
  if (pending?.release_event_id === event_id) {
    return told("waiting", `version ${version} waits for your approval`, `oa installs approve ${install_id}`);
  }
  if (denied_release_event_id === event_id) {
    return told("denied", `you denied version ${version}`, `${take} looks at it again`);
  }
  if (isSetAside(install, idsOf(release))) {
    return told("rolled_back", `version ${version} was rolled back here`, `${take} takes it again`);
  }
  if (auto_update === "ask") {
    const stopped = yanked === null ? "" : "; what ran was taken back by its author";
    return told("available", `version ${version} is there${stopped}`, `${take} looks at it and takes it`);
  }
  return null;
}

/** Not even a release that ends a yank is taken early: whoever can take one back can publish the next. */
function whyTooYoung(
  { updates, active, yanked }: InstallView,
  { version, event_id }: Release,
  seen: InstallReleaseSeen["data"] | undefined,
  { now_ms, looking }: { readonly now_ms: number; readonly looking: Looking },
): UpdateLook | null {
  const wanted_ms = ageWanted_ms(updates);
  const { over, age_ms, until_ms } = quarantine(seen, wanted_ms, now_ms);
  const fix = `oa install ${active?.upgrade_address ?? ""} takes it now, if you trust it`;
  const stopped = yanked === null ? "" : "; what ran was taken back, and nothing runs meanwhile";
  if (!over) {
    const message = `version ${version} has been known here for ${durationText(age_ms)} and is taken after ${durationText(wanted_ms)}, on ${new Date(until_ms).toISOString()}${stopped}`;
    return told("quarantined", message, fix);
  }
  if (wanted_ms > 0 && !looking.believesClock(event_id)) {
    const message = `version ${version} is old enough by a clock that was just started or set; it is looked at again first${stopped}`;
    return told("quarantined", message, fix);
  }
  return null;
}

function offeredOf(
  { version, channel, event_id }: Release,
  { updates }: InstallView,
  seen: InstallReleaseSeen["data"] | undefined,
  now_ms: number,
): UpdateLook["offered"] {
  const { until_ms } = quarantine(seen, ageWanted_ms(updates), now_ms);
  return {
    ...{ version, channel, release_event_id: event_id },
    first_seen_at: seen === undefined ? null : new Date(seen.seen_at_ms).toISOString(),
    old_enough_at: new Date(until_ms).toISOString(),
  };
}

function becameOf(install: InstallView | null, release: Release): UpdateLook {
  const { version, event_id } = release;
  if (install === null) return told("refused", "the install is gone", null);
  if (install.active?.release_event_id === event_id) return told("taken", `version ${version} runs now`, null);
  return whyNotTaken(install, release) ?? told("refused", "it was not taken", null);
}

/** Every install with its updates, as last looked at. */
export function updateViews(
  { sql, store }: Pick<InstallsOptions, "sql" | "store">,
  looks: ReadonlyMap<string, { readonly at_ms: number; readonly look: UpdateLook }>,
): readonly UpdateView[] {
  return listInstalls(sql, { limit: LIMITS.api_page }).flatMap((install): readonly UpdateView[] => {
    const { install_id, active, updates, rolled_back, status, auto_update, channel } = install;
    if (active === null) return [];
    const last = looks.get(install_id);
    const state = store.load(installDecider, install_id);
    const { upgrade_id, title, upgrade_version: version } = active;
    return [
      {
        ...{ install_id, upgrade_id, title, version, status, auto_update, channel },
        pinned: updates.pinned ?? false,
        min_age_h: updates.min_age_h ?? LIMITS.release_age_h,
        rollback_after: rollbackAfter(state),
        back_to: lastGood(state)?.pins.upgrade_version ?? null,
        trial: updates.trial ?? true,
        earlier: install.earlier.map(({ upgrade_version, proved }) => ({ version: upgrade_version, proved })),
        rolled_back: rolled_back && {
          ...{ from: rolled_back.from.upgrade_version, to: rolled_back.to.upgrade_version },
          ...{ by: rolled_back.by, reason: rolled_back.reason, at: rolled_back.at },
        },
        looked_at: last === undefined ? null : new Date(last.at_ms).toISOString(),
        look: last?.look ?? null,
      },
    ];
  });
}
