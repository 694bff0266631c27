import type { CapabilityView } from "@oa/shared/capability/views.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { readToken, writeToken } from "./token-file.ts";
import { madeLines, SCOPE_OPTIONS, scopeIn } from "./token-scope.ts";

export const command: Command = defineCommand({
  words: ["token", "delegate"],
  summary: "Make a narrower token of another",
  arguments: { file: { summary: "The file the other token is in" } },
  options: {
    ...SCOPE_OPTIONS,
    out: { type: "text", value: "FILE", summary: "Write it there instead of showing it" },
  },
  examples: ["oa token delegate dashboard.token --allow run:read --hours 1 --label visitor"],
  run: async ({ api, args, cwd, options, print }) => {
    const token = await readToken(cwd, args.file);
    if (isRejection(token)) return token;
    const { label, hours, out } = options;
    const body = { token, label, scope: scopeIn(options), expires_in_ms: hours * 3_600_000 };
    const made = await (await api()).post<CapabilityView & { readonly token: string }>("/v1/tokens/delegate", body);
    if (isRejection(made)) return made;
    const kept = out === undefined ? null : await writeToken(cwd, out, made.token);
    if (kept !== null) return kept;
    const { token: _, ...rest } = made;
    print(out === undefined ? made : rest, () => madeLines(made, out));
    return 0;
  },
});
