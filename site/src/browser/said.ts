import { declaredSentences } from "@oa/shared/api/consent.ts";
import { parseCron } from "@oa/shared/core/cron.ts";
import { cronInWords, zoneInWords } from "@oa/shared/core/cron-words.ts";
import { normalizePermissions } from "@oa/shared/core/permission.ts";
import { priceInWords } from "@oa/shared/core/price-words.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { conditionsInWords } from "@oa/shared/core/schedule-conditions.ts";
import type { UpgradeManifest, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";

/**
 * What a listing's page says of its manifest, word for word. The page is written with it, and the check in the browser
 * compares the page with it, so that nothing signed can be left out, changed or put in unnoticed.
 */
export interface Said {
  readonly title: readonly string[];
  readonly summary: readonly string[];
  readonly version: readonly string[];
  readonly author: readonly string[];
  readonly price: readonly string[];
  readonly schedule: readonly string[];
  readonly expression: readonly string[];
  readonly conditions: readonly string[];
  readonly triggers: readonly string[];
  readonly permissions: readonly string[];
  readonly declares: readonly string[];
  readonly steps: readonly string[];
  readonly choices: readonly string[];
}

export function saidOf(manifest: UpgradeManifest): Said {
  const { schedule, pricing, pipeline } = manifest;
  const { words, expression } = scheduleInWords(schedule);
  return {
    title: [manifest.title],
    summary: [manifest.summary ?? ""],
    version: [manifest.version],
    author: [manifest.author.npub],
    price: [priceInWords(pricing)],
    schedule: [words],
    expression: expression === null ? [] : [expression],
    conditions: heldBackBy(schedule),
    triggers: triggersInWords(manifest),
    permissions: normalizePermissions(manifest.permissions).map((permission) => withChoices(sentenceOf(permission))),
    declares: declaredSentences(manifest),
    steps: pipeline.map((step) => `${step.op} ${withChoices(stepInWords(step))}`.trim()),
    choices: choicesInWords(manifest),
  };
}

/** What whoever installs it chooses. */
function choicesInWords({ inputs = {} }: UpgradeManifest): readonly string[] {
  return Object.entries(inputs).map(([name, input]) => {
    if (input === undefined) return name;
    const given = input.default;
    const text = Array.isArray(given) ? given.join(", ") : String(given ?? "");
    const otherwise = given === undefined ? "" : ` Unless you choose: ${text === "" ? "nothing" : text}.`;
    return `${name}: ${input.description ?? `a ${input.type.replaceAll("_", " ")}`}${otherwise}`;
  });
}

/** When it runs by itself, in words that follow `it runs`, and as cron has it. */
export function scheduleInWords(schedule: UpgradeSchedule): {
  readonly words: string;
  readonly expression: string | null;
} {
  if (schedule.type === "manual") return { words: "when its owner asks", expression: null };
  if (schedule.type === "event") return { words: "when something it watches changes", expression: null };
  const { expression = "", timezone, window } = schedule;
  const cron = parseCron(expression);
  const said = isRejection(cron) ? null : cronInWords(cron, timezone ?? null);
  const words = said ?? `on its own schedule, ${zoneInWords(timezone ?? null)}`;
  const between = window === undefined ? "" : `, only between ${window.start} and ${window.end}`;
  return { words: `${words}${between}`, expression: timezone === undefined ? expression : `${expression} ${timezone}` };
}

/** What must be so for a run to start by itself. */
function heldBackBy(schedule: UpgradeSchedule): readonly string[] {
  const words = conditionsInWords(schedule);
  return words === null ? [] : [`only while ${words}`];
}

/** What else starts it. */
function triggersInWords({ triggers = [] }: UpgradeManifest): readonly string[] {
  return triggers.map((trigger) =>
    trigger.type === "file_change"
      ? `when a file that matches ${withChoices(trigger.glob)} changes`
      : `when a Nostr event of kind ${trigger.kinds.join(" or ")} arrives`,
  );
}

/** What one step works on, from its most telling parameter. */
function stepInWords(step: Readonly<Record<string, unknown>>): string {
  for (const name of ["repo", "url", "path", "index", "dest", "model", "content", "query"]) {
    const value = step[name];
    if (typeof value === "string" && value !== "") return value.length > 120 ? `${value.slice(0, 119)}…` : value;
  }
  return "";
}

/** References of a manifest as its future owner understands them. */
function withChoices(text: string): string {
  return text
    .replace(/\$\{inputs\.([A-Za-z0-9_-]+)\}/g, "“$1” (your choice)")
    .replace(/\$\{steps\.([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_.-]+)?\}/g, "what the step “$1” gave")
    .replace(/\$\{install\.state\}/g, "its own folder")
    .replace(/\$\{run\.id\}/g, "the run’s id")
    .replace(/\$\{secrets\.([A-Za-z0-9_-]+)\}/g, "your secret “$1”");
}
