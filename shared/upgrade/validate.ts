import type { Json } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { expandHome, leastPermissions, type Permission, permits } from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import { findSecrets } from "../core/secrets.ts";
import { templatesOf } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { checkCodeSteps } from "./code-steps.ts";
import { declaredPermissions } from "./declared.ts";
import { checkInputs, checkNpub, checkPermissions, checkPricing, checkSchedule, checkTriggers } from "./field-rules.ts";
import { describeSchemaErrors, isWithin, type ManifestError, place } from "./schema-errors.ts";
import { checkPipeline } from "./step-rules.ts";
import { plannedTriggers } from "./triggers.ts";

export interface ManifestReport {
  readonly valid: boolean;
  readonly errors: readonly ManifestError[];
  /** The least set the pipeline needs, inputs at their defaults; an input without one stays as `${inputs.<name>}`. */
  readonly permissions: readonly Permission[];
  /** Declared, but not needed by anything in the pipeline. */
  readonly over_ask: readonly Permission[];
  /** Needed, but not declared: consent shows these all the same. */
  readonly under_ask: readonly Permission[];
  readonly manifest: UpgradeManifest | null;
}

/**
 * Everything there is to say about a manifest without running it. `value` comes from `parseStrict`. Each error has the
 * JSON Pointer of its place, a code of `core/reasons.ts` and a sentence. Where the schema fails, the rules that need
 * the failed part are left out.
 */
export function validateManifest(value: unknown): ManifestReport {
  const errors: ManifestError[] = [];
  const size = JSON.stringify(value)?.length ?? 0;
  if (size > LIMITS.manifest_chars) {
    const message = `the manifest has ${size} characters; at most ${LIMITS.manifest_chars} are allowed`;
    return invalid([{ path: "", code: "too_large", message }]);
  }
  if (!validators.isUpgradeManifest(value)) {
    const found = validators.isUpgradeManifest.errors ?? [];
    errors.push(...describeSchemaErrors(found, value));
    // Not all are told of, so that no part can be taken for sound.
    if (found.length > LIMITS.manifest_errors) return invalid(errors);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid(errors);

  // Each rule runs only where the schema found its part to be as typed.
  const manifest = value as UpgradeManifest;
  const sound = (...parts: readonly (keyof UpgradeManifest)[]): boolean =>
    parts.every((part) => !errors.some(({ path }) => isWithin(path, `/${part}`)));
  const schemaErrors = [...errors];
  const soundInSchema = (...parts: readonly (keyof UpgradeManifest)[]): boolean =>
    parts.every((part) => !schemaErrors.some(({ path }) => isWithin(path, `/${part}`)));

  errors.push(...checkNoSecrets(manifest));
  const inputs = manifest.inputs ?? {};
  if (soundInSchema("author")) errors.push(...checkNpub(manifest.author.npub, "/author/npub"));
  if (soundInSchema("schedule")) errors.push(...checkSchedule(manifest.schedule));
  if (soundInSchema("schedule", "triggers", "inputs")) errors.push(...checkTriggers(manifest, inputs));
  if (manifest.pricing !== undefined && soundInSchema("pricing")) errors.push(...checkPricing(manifest.pricing));
  if (soundInSchema("inputs")) errors.push(...checkInputs(inputs));
  if (manifest.permissions !== undefined && soundInSchema("permissions", "inputs")) {
    errors.push(...checkPermissions(manifest.permissions, inputs));
  }
  if (soundInSchema("pipeline", "artifacts")) errors.push(...checkCodeSteps(manifest));
  let permissions: readonly Permission[] = [];
  if (soundInSchema("pipeline", "inputs")) {
    const found = checkPipeline(manifest.pipeline, inputs, sound("inputs") ? defaultsOf(manifest) : {});
    errors.push(...found.errors);
    permissions = leastPermissions(found.permissions);
  }
  if (errors.length > 0) return { ...invalid(errors), permissions };
  const declared = declaredPermissions(manifest, defaultsOf(manifest));
  const watched = checkWatched(manifest, [...declared, ...permissions]);
  if (watched.errors.length > 0) return { ...invalid(watched.errors), permissions };
  const uses = [...permissions, ...watched.reads];
  return {
    valid: true,
    errors: [],
    permissions,
    over_ask: declared.filter((ask) => !uses.some((need) => permits([ask], need))),
    under_ask: permissions.filter((need) => !permits(declared, need)),
    manifest,
  };
}

/** A manifest is public: a key in it would be everybody's. */
function checkNoSecrets(manifest: UpgradeManifest): readonly ManifestError[] {
  return [...templatesOf(manifest)].flatMap(({ pointer, text }) => {
    const [found] = findSecrets(text);
    if (found === undefined) return [];
    const message = `${place(pointer)} holds ${found.name}: declare a secret instead, as \${secrets.<name>}`;
    return [{ path: pointer, code: "secret_leak" as const, message }];
  });
}

/** What triggers read, and what is wrong with them, with inputs at their defaults; the home folder is not known yet. */
function checkWatched(
  manifest: UpgradeManifest,
  permissions: readonly Permission[],
): { readonly reads: readonly Permission[]; readonly errors: readonly ManifestError[] } {
  const home = "/~";
  const planned = plannedTriggers(manifest, defaultsOf(manifest), { home, grant: expandHome(permissions, home) });
  const reads: Permission[] = [];
  const errors: ManifestError[] = [];
  for (const trigger of planned) {
    if (isRejection(trigger)) {
      const path = String(trigger.details?.path ?? "/triggers");
      errors.push({ path, code: trigger.code, message: `${place(path)}: ${trigger.message}` });
    } else if (trigger?.type === "file_change") reads.push(`filesystem:read:${trigger.glob.replace(/^\/~/, "~")}`);
  }
  return { reads, errors };
}

function invalid(errors: readonly ManifestError[]): ManifestReport {
  return { valid: false, errors, permissions: [], over_ask: [], under_ask: [], manifest: null };
}

/** The inputs that have a default, at it. */
export function defaultsOf(manifest: UpgradeManifest): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(manifest.inputs ?? {}).flatMap(([name, input]) =>
      input?.default === undefined ? [] : [[name, input.default] as const],
    ),
  );
}
