import type { CapabilityView } from "@oa/shared/capability/views.ts";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { readToken, writeToken } from "./token-file.ts";
import { madeLines, SCOPE_OPTIONS, scopeIn } from "./token-scope.ts";

export const command: Command = defineCommand({
  words: ["token", "delegate"],
  summary: "Make a narrower token of another",
  arguments: { file: { summary: "The file the other token is in" } },
  options: {
    ...SCOPE_OPTIONS,
    hours: {
      type: "integer",
      value: "N",
      summary: "For how long it works; 24, or as long as the other token where that ends first",
      min: 1,
      max: 8_760,
    },
    out: { type: "text", value: "FILE", summary: "Write it there instead of showing it" },
  },
  examples: ["oa token delegate dashboard.token --allow run:read --hours 1 --label visitor"],
  run: async ({ api, args, cwd, options, print }) => {
    const token = await readToken(cwd, args.file);
    if (isRejection(token)) return token;
    const { label, hours, out } = options;
    const expires_in_ms = hours === undefined ? await lastingOf(token) : hours * HOUR_MS;
    if (isRejection(expires_in_ms)) return expires_in_ms;
    const body = { token, label, scope: scopeIn(options), expires_in_ms };
    const made = await (await api()).post<CapabilityView & { readonly token: string }>("/v1/tokens/delegate", body);
    if (isRejection(made)) return made;
    const kept = out === undefined ? null : await writeToken(cwd, out, made.token);
    if (kept !== null) return kept;
    const { token: _, ...rest } = made;
    print(out === undefined ? made : rest, () => madeLines(made, out));
    return 0;
  },
});

/** A day, or what is left of the other token, less a minute for the request and for clocks. */
async function lastingOf(token: string): Promise<number | Rejection> {
  const { endOfToken } = await import("@oa/shared/capability/token.ts");
  const end_s = endOfToken(token);
  return isRejection(end_s) ? end_s : Math.min(86_400_000, Math.max(60_000, end_s * 1_000 - Date.now() - 60_000));
}
