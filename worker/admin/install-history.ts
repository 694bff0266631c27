import type { InstallHistoryEntry, InstallUse } from "@oa/shared/api/ports.ts";
import { durationText } from "@oa/shared/api/updates.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { expandHome, type Permission } from "@oa/shared/core/permission.ts";
import { assertNever, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { InstallEvent, InstallPins, InstallRelease, RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { nameOf } from "@oa/shared/install/release.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import { listRuns } from "@oa/shared/run/views.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { permissionUse, type UsingRun } from "@oa/shared/upgrade/use.ts";

export interface HistoryOptions {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly home: string;
}

/** Every consent to an install and what became of it, then its runs of late: who, when, and of which release. */
export function historyOf(id: string, { store, sql }: HistoryOptions): readonly InstallHistoryEntry[] | Rejection {
  const events = store.bySubject(id) as readonly Recorded<InstallEvent>[];
  if (events.length === 0) return reject("not_found", `there is no install ${id}`);
  const own = events.map(entryOf);
  const runs = listRuns(sql, { install_id: id, limit: LIMITS.install_history_runs }).flatMap(({ run_id }) => {
    const created = store.bySubject(run_id)[0] as Recorded<RunEvent> | undefined;
    return created?.event_type === "run.created" ? [runEntry(created)] : [];
  });
  return [...own, ...runs].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Which permissions the last runs of what is agreed to used, by what was recorded of their steps. */
export function useOf(id: string, { store, sql, home }: HistoryOptions): InstallUse | Rejection {
  const { active } = store.load(installDecider, id);
  if (active === null) return reject("not_found", `nothing runs as ${id}`);
  const { permission_hash, manifest_sha256 } = active.pins;
  const runs = listRuns(sql, { install_id: id, status: "succeeded", limit: LIMITS.unused_runs_looked_at })
    .filter((run) => run.manifest_sha256 === manifest_sha256)
    .map(({ run_id }) => store.bySubject(run_id) as readonly Recorded<RunEvent>[])
    .filter(([created]) => created?.event_type === "run.created" && created.data.permission_hash === permission_hash)
    .map(usingRun);
  const use = permissionUse(active.grant, runs, home);
  const asked = (grant: string): string => askedAs(active.pins.permissions, grant, home);
  const named = (permission: string) => ({ permission, sentence: sentenceOf(permission) });
  return {
    ...{ install_id: id, runs: use.runs, wanted_runs: LIMITS.unused_after_runs },
    offered: use.runs >= LIMITS.unused_after_runs && use.unused.length > 0,
    used: use.used.map((one) => ({ ...named(asked(one.permission)), runs: one.runs })),
    unused: use.unused.map((one) => named(asked(one))),
    revoked: (getInstall(sql, id)?.revoked ?? []).map(({ permission }) => named(permission)),
  };
}

function usingRun(recorded: readonly Recorded<RunEvent>[]): UsingRun {
  const events = apart(recorded);
  const results = new Map(
    events.flatMap((event) =>
      event.event_type === "step.succeeded" ? [[event.data.step_id, event.data.result] as const] : [],
    ),
  );
  const steps: { op: string; params: Readonly<Record<string, unknown>>; result: Readonly<Record<string, unknown>> }[] =
    [];
  for (const event of events) {
    if (event.event_type !== "step.started") continue;
    const { step_id, op, params } = event.data;
    // Its values were deleted: what it used can no longer be said.
    if (params === undefined) return null;
    steps.push({ op, params, result: results.get(step_id) ?? {} });
  }
  return steps;
}

/** The permission as consent showed it, which may name the home folder. */
function askedAs(permissions: readonly Permission[], granted: Permission, home: string): Permission {
  return permissions.find((permission) => expandHome([permission], home).includes(granted)) ?? granted;
}

function runEntry(event: Recorded<Extract<RunEvent, { event_type: "run.created" }>>): InstallHistoryEntry {
  const { upgrade_version, manifest_event_id, release_event_id, manifest_sha256, permission_hash, reason, trial } =
    event.data;
  const release =
    manifest_event_id === null || release_event_id === null || permission_hash === null
      ? null
      : { upgrade_version, manifest_event_id, release_event_id, manifest_sha256, permission_hash };
  const what = `A run of version ${upgrade_version} was started (${reason}${trial === true ? ", on trial" : ""}).`;
  return { ...commonOf(event), run_id: event.subject_id, release, what };
}

function commonOf({ event_id, occurred_at: at, event_type: type, actor_type, actor_id }: Recorded) {
  return { event_id, at, type, actor_type, actor_id };
}

function entryOf(event: Recorded<InstallEvent>): InstallHistoryEntry {
  const { release, run_id, what } = told(event);
  return { ...commonOf(event), release: release ?? null, run_id: run_id ?? null, what };
}

interface Told {
  readonly release?: InstallRelease | undefined;
  readonly run_id?: string | undefined;
  readonly what: string;
}

function told(event: InstallEvent): Told {
  switch (event.event_type) {
    case "install.requested": {
      const { pins, approval_reasons } = event.data;
      const waits = approval_reasons.length === 0 ? "" : `; it waits: ${approval_reasons.join("; ")}`;
      return {
        release: nameOf({ pins: pins as InstallPins }),
        what: `Version ${pins.upgrade_version} was fetched and verified${waits}.`,
      };
    }
    case "install.inspected": {
      const { release, shown_to, widened, known_for_ms } = event.data;
      const who = { owner: "The owner looked", signer: "Who signed it looked", rule: "The owner's rule looked" }[
        shown_to
      ];
      const age = known_for_ms === undefined ? "first seen then" : `known for ${durationText(known_for_ms)}`;
      const more = widened.length === 0 ? "" : ` It would do more: ${widened.join(" ")}`;
      return { release, what: `${who} at what version ${release.upgrade_version} may do (${age}).${more}` };
    }
    case "install.approved": {
      const { release, approved_by, staged, grant } = event.data;
      const by = { owner: "the owner", ceiling: "the signer's ceiling", auto_update: "the owner's rule" }[approved_by];
      const trial = staged === true ? ", on trial" : "";
      return { release, what: `${grant.length} permissions were approved by ${by}${trial}.` };
    }
    case "install.enabled":
      return { release: event.data.release, what: "It was enabled: it runs when it is due." };
    case "install.disabled":
      return { what: `It was disabled: ${event.data.reason}.` };
    case "install.removed":
      return { what: `It was removed: ${event.data.reason}.` };
    case "install.promoted":
      return {
        ...event.data,
        what: `Version ${event.data.release.upgrade_version} ran through on trial and runs from now on.`,
      };
    case "install.proved":
      return { ...event.data, what: `Version ${event.data.release.upgrade_version} ran through for the first time.` };
    case "install.rolled_back": {
      const { from, to, by, reason, run_id } = event.data;
      const who = by === "owner" ? "The owner went" : "It went";
      return {
        release: to,
        run_id,
        what: `${who} back from ${from.upgrade_version} to ${to.upgrade_version}: ${reason}.`,
      };
    }
    case "install.revocations_set": {
      const { revoked, release } = event.data;
      const taken = revoked.map(({ permission }) => permission).join(", ") || "nothing";
      return { release, what: `Taken away of what it asks for: ${taken}.` };
    }
    case "install.release_seen":
      return { what: `Version ${event.data.upgrade_version} was seen for the first time.` };
    case "install.yanked":
      return { what: `A release was taken back by its author: ${event.data.reason || "no reason was given"}.` };
    case "install.taken_down": {
      const { moderator, why, stopped } = event.data;
      const then = stopped ? "It stopped" : "It was not stopped by this";
      return { what: `A moderator you trust, ${moderator}, decided that it ${why}. ${then}.` };
    }
    case "install.takedown_lifted":
      return { what: `The moderator's decision holds no more (${event.data.by}).` };
    case "install.takedown_overridden":
      return { what: `Its owner runs it all the same: ${event.data.reason}.` };
    case "install.refused":
      return { what: `Refused: ${event.data.message} (${event.data.code}).` };
    case "install.updates_set":
      return { what: `Chosen for updates: ${JSON.stringify(event.data)}.` };
    case "install.schedule_set":
      return { what: `Chosen for its schedule: ${JSON.stringify(event.data.changes)}.` };
    case "install.caps_set":
      return { what: `Chosen as the most a run may use: ${JSON.stringify(event.data.caps)}.` };
    default:
      return assertNever(event);
  }
}
