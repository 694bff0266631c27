import type { Json } from "../core/json.ts";
import { escapeGlob, expandHome, normalizePath, type Permission, permits, unsafePath } from "../core/permission.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { shown } from "../core/schema-sentence.ts";
import { parseTemplate } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { parseFilter } from "../nostr/filter.ts";

/** What an install waits for, inputs and home folder filled in. */
export type PlannedTrigger =
  | { readonly type: "file_change"; readonly glob: string }
  | { readonly type: "nostr_event"; readonly filter: Readonly<Record<string, unknown>> };

/** One trigger of a manifest: what it waits for, why it cannot, or null while it hangs on an input that is not known. */
export function plannedTriggers(
  manifest: Pick<UpgradeManifest, "triggers">,
  inputs: Readonly<Record<string, Json>>,
  options: { readonly home: string; readonly grant: readonly Permission[] },
): readonly (PlannedTrigger | Rejection | null)[] {
  return (manifest.triggers ?? []).map((trigger, index) => {
    if (trigger.type === "file_change") {
      const glob = filledIn(trigger.glob, inputs);
      return glob === null || isRejection(glob) ? glob : watchedGlob(glob, `/triggers/${index}/glob`, options);
    }
    const filter = { kinds: trigger.kinds, ...trigger.filter };
    const checked = parseFilter(filter);
    if (!isRejection(checked)) return { type: "nostr_event", filter };
    return reject(checked.code, checked.message, { path: `/triggers/${index}/filter` });
  });
}

/** Only what the upgrade may read may be watched. Refusals: path_unsafe, trigger_not_granted. */
function watchedGlob(
  text: string,
  path: string,
  options: { readonly home: string; readonly grant: readonly Permission[] },
): PlannedTrigger | Rejection {
  const unsafe = unsafePath(text);
  if (unsafe !== null) return reject("path_unsafe", `the watched path ${unsafe}: ${shown(text)}`, { path });
  const needed = `filesystem:read:${normalizePath(text)}`;
  const [expanded = needed] = expandHome([needed], options.home);
  if (!permits(options.grant, expanded)) {
    const message = `the watched path ${shown(text)} is outside what the upgrade may read; declare it under permissions`;
    return reject("trigger_not_granted", message, { path });
  }
  return { type: "file_change", glob: expanded.slice("filesystem:read:".length) };
}

function filledIn(glob: string, inputs: Readonly<Record<string, Json>>): string | Rejection | null {
  const parts = parseTemplate(glob);
  if (isRejection(parts)) return parts;
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") text += part;
    else {
      const value = part.root === "inputs" && Object.hasOwn(inputs, part.name) ? inputs[part.name] : undefined;
      if (value === undefined) return null;
      text += escapeGlob(String(value));
    }
  }
  return text;
}
