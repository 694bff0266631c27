import type { UpdateView } from "@oa/shared/api/updates.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";
import { hereText } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["updates"],
  summary: "Show where every install stands with its updates, and why one is not taken",
  options: { check: { type: "flag", summary: "Look for updates now" } },
  examples: ["oa updates", "oa updates --check --json"],
  run: async ({ api, options, print, progress, signal, style }) => {
    const client = await api();
    if (options.check) progress("looking for updates …");
    const answer = options.check
      ? await client.post<{ readonly updates: readonly UpdateView[] }>("/v1/updates/check", {}, signal)
      : await client.get<{ readonly updates: readonly UpdateView[] }>("/v1/updates");
    if (isRejection(answer)) return answer;
    print(answer, () =>
      answer.updates.length === 0
        ? "Nothing is installed."
        : answer.updates.flatMap((view) => linesOf(view, (text) => style("bold", text))).join("\n"),
    );
    return 0;
  },
});

function linesOf(view: UpdateView, bold: (text: string) => string): readonly string[] {
  const { look, rolled_back, earlier } = view;
  const trial = view.trial ? ", on trial first" : "";
  const taken =
    view.auto_update === "ask" ? "asks before each" : `takes what widens nothing after ${view.min_age_h} h${trial}`;
  const back = view.rollback_after === 0 ? "never by itself" : `after ${view.rollback_after} failures in a row`;
  const seen = view.looked_at === null ? "" : ` (looked at ${hereText(view.looked_at)})`;
  const none =
    earlier.length === 0 ? "there is no earlier release yet" : "no earlier release ran through and still stands";
  const where = view.back_to === null ? `; ${none}` : `, to ${view.back_to}`;
  return [
    `${bold(plain(`${view.title} ${view.version}`))}  ${view.install_id}`,
    `  updates   ${taken}, channel ${view.channel}${view.pinned ? ", pinned" : ""}`,
    `  goes back ${back}${view.rollback_after === 0 ? "" : where}`,
    ...(rolled_back === null
      ? []
      : [
          `  went back from ${rolled_back.from} to ${rolled_back.to} at ${hereText(rolled_back.at)}: ${plain(rolled_back.reason)}`,
        ]),
    ...(look === null
      ? ["  not looked for yet: oa updates --check"]
      : [
          `  ${bold(look.state)}  ${plain(look.message)}${seen}`,
          ...(look.fix === null ? [] : [`    → ${plain(look.fix)}`]),
        ]),
  ];
}
