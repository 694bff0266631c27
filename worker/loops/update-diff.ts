import { canonicalize } from "@oa/shared/core/json.ts";
import type { Permission } from "@oa/shared/core/permission.ts";
import type { UpgradeManifest, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import type { Change, UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { diffUpgrades } from "@oa/shared/upgrade/diff.ts";

/** What would run in the place of what does. */
export interface NextRelease {
  readonly manifest: UpgradeManifest;
  readonly author: string;
  readonly permissions: readonly Permission[];
  readonly schedule: UpgradeSchedule;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * What an owner would agree to anew, against what runs now with its inputs. Null where that cannot be said, since the
 * manifest that runs was deleted here.
 */
export function diffInstalled(active: InstalledRelease, next: NextRelease): UpgradeDiff | null {
  const { pins, manifest, inputs } = active;
  if (manifest === null) return null;
  const { permissions, schedule } = pins;
  const diff = diffUpgrades({ manifest, author: pins.author_pubkey, permissions, schedule }, next);
  return { ...diff, widened: [...diff.widened, ...changedInputs(inputs, next.inputs)] };
}

/** Another value is another order: it may change what is read and sent within the same permissions. */
function changedInputs(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly Change[] {
  return Object.keys(after)
    .filter((name) => Object.hasOwn(before, name) && canonicalize(before[name]) !== canonicalize(after[name]))
    .map((name) => {
      const [was, is] = [JSON.stringify(before[name]), JSON.stringify(after[name])];
      const sentence = `The input ${name} is set to ${is}, before ${was}.`;
      return { kind: "input", subject: name, before: was, after: is, sentence };
    });
}
