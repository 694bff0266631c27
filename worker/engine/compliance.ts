import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, type Rejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import {
  type AupAssessment,
  type AupMode,
  assessTexts,
  refuseDenied,
  withClassifier,
} from "@oa/shared/policy/aup/assess.ts";
import { type PlacedText, textsOfManifest } from "@oa/shared/policy/aup/manifest-texts.ts";
import type { TextClassifier } from "../backends/aup-classifier.ts";
import type { Attempt, Effects } from "./perform.ts";

/** The compliance gate: the rules, and a model beside them where the owner chose one. */
export interface Compliance {
  readonly texts: (texts: readonly PlacedText[], signal: AbortSignal) => Promise<AupAssessment>;
  /** What a manifest is for, with an install's own inputs. */
  readonly manifest: (
    manifest: UpgradeManifest,
    inputs: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ) => Promise<AupAssessment>;
}

/** Opens the gate. A model is not asked about what the rules deny already. */
export function openCompliance(
  mode: AupMode,
  classifier: TextClassifier | null = null,
  report: (error: unknown) => void = () => {},
): Compliance {
  const judge: Compliance["texts"] = async (texts, signal) => {
    const assessment = assessTexts(texts, mode);
    if (classifier === null || assessment.verdict === "deny") return assessment;
    const { name } = classifier;
    const bound = { name, classify: (asked: readonly PlacedText[]) => classifier.classify(asked, signal) };
    return withClassifier(assessment, { classifier: bound, texts, mode, report });
  };
  return { texts: judge, manifest: (manifest, inputs, signal) => judge(textsOfManifest(manifest, inputs), signal) };
}

/** What the gate has against installing a manifest, within the time a model may take. Refusal: policy_denied. */
export async function refuseManifest(
  compliance: Pick<Compliance, "manifest">,
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, unknown>>,
): Promise<Rejection | null> {
  return refuseDenied(await compliance.manifest(manifest, inputs, AbortSignal.timeout(LIMITS.aup_classifier_ms)));
}

/**
 * A step's effects with the gate where something comes out of them: what a model wrote before any step can use it, and
 * what is about to be made public. What is let pass with a word against it is said in the run's log. Fault:
 * policy_denied.
 */
export function judgedOutputs(effects: Effects, compliance: Compliance, log: Attempt["log"]): Effects {
  const check = async (what: string, text: string, signal: AbortSignal): Promise<void> => {
    const { verdict, reasons } = await compliance.texts([{ where: "", text }], signal);
    if (reasons.length === 0) return;
    const said = reasons.slice(0, 3).map(({ message, code }) => `${message} (${code})`);
    if (verdict === "deny") throw new Fault("policy_denied", `${what} was held back: ${said.join("; ")}`);
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
