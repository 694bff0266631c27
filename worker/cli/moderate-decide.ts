import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MODERATION_REASONS } from "@oa/shared/core/moderation-words.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlModeration } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import type { ExitCode } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { targetText } from "./key-text.ts";
import { moderating, type SignedContext } from "./own-moderation.ts";
import { plain } from "./terminal.ts";

/** The words of the table that a measure may be for. */
export function reasonsFor(measure: "hold" | "label" | "take_down"): readonly string[] {
  return Object.entries(MODERATION_REASONS).flatMap(([code, row]) =>
    (row.for as readonly string[]).includes(measure) ? [code] : [],
  );
}

export const TARGET = {
  target: { summary: `${LISTING_NAME}; an event's id, or an npub for all of a key's` },
} as const;
export const DECISION = {
  decision: { summary: "The event id of the decision it is about (oa moderate ledger)" },
} as const;
export const NOTE = { type: "text", value: "TEXT", summary: "What to tell everybody about it", default: "" } as const;
export const DAYS = {
  type: "integer",
  value: "N",
  summary: "For how many days; the longest that its reason allows where not said",
  min: 1,
  max: 365,
} as const;
export const EVIDENCE = {
  type: "text",
  value: "FILE",
  summary: "What it rests on: a file, whose SHA-256 is named and which stays here",
} as const;

/** The hash of an evidence file, or nothing where none was named. Refusal: usage. */
export async function evidenceOf(
  file: string | undefined,
  cwd: string,
): Promise<{ readonly evidence_sha256?: string } | Rejection> {
  if (file === undefined) return {};
  try {
    return {
      evidence_sha256: createHash("sha256")
        .update(await readFile(resolve(cwd, file)))
        .digest("hex"),
    };
  } catch (error) {
    return reject("usage", `the evidence ${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Signs a decision in the owner's name, or as the signer that was named, hands it to the edge, and shows where the case stands. */
export async function decide(
  { options, ...context }: SignedContext,
  request: ControlModeration,
): Promise<ExitCode | Rejection> {
  const { print, progress, signal } = context;
  progress("signing and handing it in …");
  const done = await moderating(options.signer, context, (moderation) => moderation.decide(request, signal));
  if (isRejection(done)) return done;
  print(done, () => {
    const entry = done.decisions.find(({ decision }) => decision.event_id === done.event_id);
    const said = entry === undefined ? request.action : sentenceOf(entry.decision);
    return [
      plain(`${targetText(done.target, { full: true })}: ${said}`),
      `  decision  ${done.event_id}`,
      `  case      ${done.case_id}, ${done.status}`,
    ].join("\n");
  });
  return 0;
}
