import { resolve } from "node:path";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ControlInstallPreview, InputValue, UpgradeInput, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { type InstallView, installsHolding } from "@oa/shared/install/views.ts";
import { misfitOf } from "@oa/shared/upgrade/field-rules.ts";

/** What the owner gave before, gives now and typed, as far as the manifest takes it. */
export function inputsFor(
  manifest: UpgradeManifest,
  request: Pick<ControlInstallPreview, "inputs" | "inputs_text" | "cwd">,
  known: InstallView | null,
  store: EventStore,
): Readonly<Record<string, InputValue>> {
  return {
    ...keptInputs(manifest, known, store),
    ...(request.inputs as Readonly<Record<string, InputValue>>),
    ...typedInputs(manifest, request.inputs_text ?? {}, request.cwd),
  };
}

/** Text of a command line as the values the manifest declares; what does not fit stays text, for `planOf` to refuse. */
export function typedInputs(
  manifest: UpgradeManifest,
  texts: NonNullable<ControlInstallPreview["inputs_text"]>,
  cwd: string | undefined,
): Readonly<Record<string, InputValue>> {
  const typed: Record<string, InputValue> = {};
  for (const [name, values = []] of Object.entries(texts)) {
    const input = Object.hasOwn(manifest.inputs ?? {}, name) ? manifest.inputs?.[name] : undefined;
    typed[name] = typedInput(input?.type ?? "string", [...values], cwd);
  }
  return typed;
}

function typedInput(type: UpgradeInput["type"], values: string[], cwd: string | undefined): InputValue {
  const text = values[0] ?? "";
  if (type === "string_list") return values;
  if (values.length > 1) return values; // one value was asked for: refused by its type
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type === "integer" || type === "number") return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (type === "path" && cwd !== undefined && !text.startsWith("~")) return resolve(cwd, text);
  return text;
}

/** The install of a listing, if there is one. */
export function installOf(address: string, sql: Sql): InstallView | null {
  return (
    installsHolding(sql, address).find(({ active, pending }) => (active ?? pending)?.upgrade_address === address) ??
    null
  );
}

/** An update goes on with the values the owner gave, as far as it still takes them. */
function keptInputs(
  manifest: UpgradeManifest,
  known: InstallView | null,
  store: EventStore,
): Readonly<Record<string, InputValue>> {
  const active = known === null ? null : store.load(installDecider, known.install_id).active;
  const kept = Object.entries((active?.inputs ?? {}) as Readonly<Record<string, InputValue>>).filter(
    ([name, value]) => {
      const input = Object.hasOwn(manifest.inputs ?? {}, name) ? manifest.inputs?.[name] : undefined;
      return input !== undefined && misfitOf(input, value) === null;
    },
  );
  return Object.fromEntries(kept);
}
