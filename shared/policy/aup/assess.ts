import { LIMITS } from "../../core/limits.ts";
import { type Rejection, reject } from "../../core/refusal.ts";
import type { UpgradeManifest } from "../../generated/types.ts";
import { AUP_CATEGORIES } from "./categories.ts";
import type { AupCategoryName, AupSeverity } from "./category.ts";
import { type PlacedText, textsOfManifest } from "./manifest-texts.ts";
import { openScanner } from "./scan.ts";

/**
 * How strictly breaches are taken. `strict` (the default): any breach denies. `balanced`: high severity denies, the rest
 * is allowed and shown. `permissive`: high severity denies, the rest is allowed.
 */
export type AupMode = "strict" | "balanced" | "permissive";
export type AupVerdict = "allow" | "flag" | "deny";

/** One breach. `code` is stable: `aup_` and the category. */
export interface AupReason {
  readonly code: `aup_${AupCategoryName}` | "aup_too_many" | "aup_unclassified";
  /** `<category>/<rule>`, or `model/<name>` for a classifier's. */
  readonly rule: string;
  readonly category: AupCategoryName | null;
  readonly severity: AupSeverity;
  readonly message: string;
  /** JSON Pointer of the text in what was read. */
  readonly where: string;
}

export interface AupAssessment {
  readonly verdict: AupVerdict;
  /** Every breach, also those that the mode lets pass. */
  readonly reasons: readonly AupReason[];
}

const scanner = openScanner(AUP_CATEGORIES);
const STRICTNESS: Readonly<Record<AupVerdict, number>> = { allow: 0, flag: 1, deny: 2 };

/** What a manifest is for, read from everything in it that people or models read; `inputs` are an install's own. */
export function assessManifest(
  manifest: UpgradeManifest,
  options: { readonly mode: AupMode; readonly inputs?: Readonly<Record<string, unknown>> },
): AupAssessment {
  return assessTexts(textsOfManifest(manifest, options.inputs ?? {}), options.mode);
}

/**
 * What is denied as a refusal with all its reasons; null for what is not. Refusals: policy_denied, classifier_unavailable
 * where nothing but the silence of the owner's model denies it.
 */
export function refuseDenied({ verdict, reasons }: AupAssessment): Rejection | null {
  if (verdict !== "deny") return null;
  const silence = reasons.find(({ code }) => code === "aup_unclassified");
  // It is not asked about what the rules deny, so where it is silent nothing else denied.
  if (silence !== undefined) return reject("classifier_unavailable", silence.message, { reasons });
  const said = reasons.map(({ message, where }) => `${message} (${where})`);
  const more = said.length > 3 ? ` and ${said.length - 3} more` : "";
  return reject("policy_denied", `the policy denies this: ${said.slice(0, 3).join("; ")}${more}`, { reasons });
}

/** Reads texts by every rule; more breaches than can be listed deny in any mode. */
export function assessTexts(texts: readonly PlacedText[], mode: AupMode): AupAssessment {
  const reasons: AupReason[] = [];
  for (const { where, text } of texts) {
    for (const { category, rule, severity, excerpt } of scanner.scan(text)) {
      const message = `this ${rule.says}, which is not allowed: ${JSON.stringify(excerpt)}`;
      const code = `aup_${category.name}` as const;
      reasons.push({ code, rule: `${category.name}/${rule.name}`, category: category.name, severity, message, where });
      if (reasons.length < LIMITS.policy_reasons) continue;
      const more = "there are more breaches than can be listed";
      reasons.push({ code: "aup_too_many", rule: "limit", category: null, severity: "high", message: more, where });
      return { verdict: "deny", reasons };
    }
  }
  return { verdict: verdictOf(reasons, mode), reasons };
}

function verdictOf(reasons: readonly AupReason[], mode: AupMode): AupVerdict {
  if (reasons.length === 0) return "allow";
  if (mode === "strict" || reasons.some(({ severity }) => severity === "high")) return "deny";
  return mode === "balanced" ? "flag" : "allow";
}

/** What a model found. It is never asked to allow anything. */
export interface AupFinding {
  readonly category: AupCategoryName;
  readonly severity: AupSeverity;
  readonly explanation: string;
  readonly where: string;
}

/** A model's findings as reasons, which name it. */
export function foundBy(model: string, findings: readonly AupFinding[]): readonly AupReason[] {
  return findings.slice(0, LIMITS.policy_reasons).map(({ category, severity, explanation, where }) => {
    return { code: `aup_${category}`, rule: `model/${model}`, category, severity, message: explanation, where };
  });
}

/** That a model which was to read it too gave no answer: what nobody could judge is denied, however strictly others are. */
export function unheard(model: string, why: string): readonly AupReason[] {
  const message = `the model ${model}, which aup_classifier in config.json sets beside the rules, gave no answer (${why}): see that it runs, or take aup_classifier out`;
  const rule = `model/${model}`;
  return [{ code: "aup_unclassified", rule, category: null, severity: "high", message, where: "" }];
}

/**
 * The one place where what the rules say and what a model found come together: findings make it stricter, never milder.
 */
export function withFound(assessment: AupAssessment, found: readonly AupReason[], mode: AupMode): AupAssessment {
  if (found.length === 0) return assessment;
  const stricter = verdictOf(found, mode);
  const verdict = STRICTNESS[stricter] > STRICTNESS[assessment.verdict] ? stricter : assessment.verdict;
  return { verdict, reasons: [...assessment.reasons, ...found] };
}
