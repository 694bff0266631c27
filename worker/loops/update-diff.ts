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
  /** The keys from the author's that runs to this one, where the former named the latter. */
  readonly author_keys?: readonly string[] | undefined;
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
  const widened = diff.widened.map((change) =>
    isHandover(change, next) ? handover(change, pins.author_pubkey) : change,
  );
  return { ...diff, widened: [...widened, ...changedInputs(inputs, next.inputs)] };
}

function isHandover({ kind, subject }: Change, { author, author_keys = [] }: NextRelease): boolean {
  return kind === "author" && subject === "key" && author_keys.at(-1) === author;
}

/** Still more than was agreed to: a stolen key can name a successor too. */
function handover(change: Change, before: string): Change {
  const sentence = `It is signed by another key, ${String(change.after)}, which the author's key until now, ${before}, named as its successor. If you did not hear of this from the author, the old key may have been stolen.`;
  return { ...change, sentence };
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
