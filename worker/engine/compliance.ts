import { judge as judgeByRules, type PolicySettings, textsOfRequest } from "@oa/shared/api/policy.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, type Rejection } from "@oa/shared/core/refusal.ts";
import type { PolicyEvaluation, UpgradeManifest } from "@oa/shared/generated/types.ts";
import {
  type AupAssessment,
  type AupMode,
  type AupReason,
  assessTexts,
  foundBy,
  refuseDenied,
  unheard,
  withFound,
} from "@oa/shared/policy/aup/assess.ts";
import { type PlacedText, textsOfManifest } from "@oa/shared/policy/aup/manifest-texts.ts";
import type { PolicyDecision } from "@oa/shared/policy/evaluate.ts";
import type { KeptAnswers } from "../adapters/kept-answers.ts";
import type { TextClassifier } from "../backends/aup-classifier.ts";
import type { Attempt, Effects } from "./perform.ts";

/** The compliance gate: the rules, and a model beside them where the owner chose one. */
export interface Compliance {
  /** Texts that are new each time: the model is asked each time. */
  readonly texts: (texts: readonly PlacedText[], signal: AbortSignal) => Promise<AupAssessment>;
  /** What a manifest is for, with an install's own inputs. The model's answer is kept. */
  readonly manifest: (
    manifest: UpgradeManifest,
    inputs: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ) => Promise<AupAssessment>;
  /** What the model alone has against texts that the rules let pass, for whoever asks the rules as well. It is kept. */
  readonly found: (texts: readonly PlacedText[], signal: AbortSignal) => Promise<readonly AupReason[]>;
}

/**
 * Opens the gate. A model is not asked about what the rules deny already, nor again about what it has answered before.
 * One that gives no answer denies, and `report` is told.
 */
export function openCompliance(
  mode: AupMode,
  classifier: TextClassifier | null = null,
  report: (error: unknown) => void = () => {},
  answers: KeptAnswers | null = null,
): Compliance {
  const ask = async (
    texts: readonly PlacedText[],
    signal: AbortSignal,
    kept: KeptAnswers | null,
  ): Promise<readonly AupReason[]> => {
    if (classifier === null || texts.length === 0) return [];
    const { id, name } = classifier;
    const key = kept === null ? "" : keyOf(id, texts);
    const known = kept?.get(key) ?? null;
    if (known !== null) return foundBy(name, known);
    try {
      const findings = await classifier.classify(texts, signal);
      kept?.keep(key, findings);
      return foundBy(name, findings);
    } catch (error) {
      if (signal.aborted && signal.reason instanceof Fault) throw signal.reason; // what it was for is canceled
      report(error);
      return unheard(name, error instanceof Fault ? error.message : "it failed");
    }
  };
  const read = async (
    texts: readonly PlacedText[],
    signal: AbortSignal,
    kept: KeptAnswers | null,
  ): Promise<AupAssessment> => {
    const byRules = assessTexts(texts, mode);
    return byRules.verdict === "deny" ? byRules : withFound(byRules, await ask(texts, signal, kept), mode);
  };
  return {
    texts: (texts, signal) => read(texts, signal, null),
    manifest: (manifest, inputs, signal) => read(textsOfManifest(manifest, inputs), signal, answers),
    found: async (texts, signal) => (assessTexts(texts, mode).verdict === "deny" ? [] : ask(texts, signal, answers)),
  };
}

/** The same for the same texts in any order: a manifest's fields have none. */
function keyOf(id: string, texts: readonly PlacedText[]): string {
  return sha256Hex(canonicalize([id, ...texts.map(({ where, text }) => `${where}\n${text}`).sort()]));
}

/**
 * What the gate has against publishing, installing or starting a manifest, within the time a model may take. Refusals:
 * policy_denied, classifier_unavailable.
 */
export async function refuseManifest(
  compliance: Pick<Compliance, "manifest">,
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, unknown>>,
): Promise<Rejection | null> {
  return refuseDenied(await compliance.manifest(manifest, inputs, AbortSignal.timeout(LIMITS.aup_classifier_ms)));
}

/** The policy's answer to a request, with the model asked too about what would not be denied without it. */
export async function judgeRead(
  request: PolicyEvaluation,
  settings: PolicySettings,
  compliance: Pick<Compliance, "found">,
  signal: AbortSignal,
): Promise<PolicyDecision> {
  const decision = judgeByRules(request, settings);
  if (decision.verdict === "deny") return decision;
  const found = await compliance.found(textsOfRequest(request), signal);
  return found.length === 0 ? decision : judgeByRules(request, { ...settings, found });
}

/**
 * A step's effects with the gate where something comes out of them: what a model wrote before any step can use it, and
 * what is about to be made public. What is let pass with a word against it is said in the run's log. Faults:
 * policy_denied, classifier_unavailable.
 */
export function judgedOutputs(effects: Effects, compliance: Compliance, log: Attempt["log"]): Effects {
  const check = async (what: string, text: string, signal: AbortSignal): Promise<void> => {
    const { verdict, reasons } = await compliance.texts([{ where: "", text }], signal);
    if (reasons.length === 0) return;
    const said = reasons.slice(0, 3).map(({ message, code }) => `${message} (${code})`);
    const held = refuseDenied({ verdict, reasons });
    if (held?.code === "classifier_unavailable") {
      throw new Fault(held.code, `${what} was held back: ${held.message}`, { retryable: true });
    }
    if (held !== null) throw new Fault("policy_denied", `${what} was held back: ${said.join("; ")}`);
    log("warn", `${what} was let pass with a word against it: ${said.join("; ")}`);
  };
  const { backends, events } = effects;
  return {
    ...effects,
    backends: {
      ...backends,
      generate: async (request) => {
        const made = await backends.generate(request);
        await check("what the model wrote", made.text, request.signal);
        return made;
      },
    },
    events: {
      publish: async (template, options) => {
        await check(`the event of kind ${template.kind}`, template.content, options.signal);
        return events.publish(template, options);
      },
    },
  };
}
