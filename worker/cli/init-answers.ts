import { createInterface } from "node:readline/promises";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";

export const TEMPLATES = ["nightly-index", "release-watch", "repo-digest"] as const;
type Template = (typeof TEMPLATES)[number];

/** What a new upgrade starts from. */
export interface InitAnswers {
  readonly template: Template;
  readonly id: string;
  readonly title: string;
}

const QUESTIONS = [
  ["template", `Template (${TEMPLATES.join(", ")}) [${TEMPLATES[0]}]: `],
  ["id", "Slug, its name on the network (e.g. me.my-index): "],
  ["title", "Title, its name for people: "],
] as const;

/**
 * Asks on the terminal for what was not given. Refusals: usage, for what is missing where there is no terminal, or was
 * left empty; canceled, where the terminal went away.
 */
export async function askForAnswers(
  given: { readonly [Name in keyof InitAnswers]: string | undefined },
  terminal: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream } | null,
  signal: AbortSignal,
): Promise<InitAnswers | Rejection> {
  const answers: Record<keyof InitAnswers, string | undefined> = { ...given };
  if (terminal !== null && QUESTIONS.some(([name]) => answers[name] === undefined)) {
    const lines = createInterface(terminal);
    const gone = new Promise<null>((resolve) => lines.once("close", () => resolve(null)));
    try {
      for (const [name, question] of QUESTIONS) {
        if (answers[name] !== undefined) continue;
        const answer = await Promise.race([lines.question(question, { signal }), gone]);
        if (answer === null) return reject("canceled", "nothing was written");
        answers[name] = answer.trim();
      }
    } finally {
      lines.close();
    }
  }
  const { id, title } = answers;
  const named = answers.template === undefined || answers.template === "" ? TEMPLATES[0] : answers.template;
  const template = TEMPLATES.find((one) => one === named);
  if (template === undefined) return reject("usage", `there is no template ${named}: use ${TEMPLATES.join(", ")}`);
  if (id === undefined || id === "") return reject("usage", "--id is missing");
  if (title === undefined || title === "") return reject("usage", "--title is missing");
  return { template, id, title };
}
