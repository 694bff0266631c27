import type { CapabilityView } from "@oa/shared/capability/views.ts";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { writeToken } from "./token-file.ts";
import { madeLines, SCOPE_OPTIONS, scopeIn } from "./token-scope.ts";

export const command: Command = defineCommand({
  words: ["token", "mint"],
  summary: "Make a token that opens a part of this worker, for a while",
  options: {
    ...SCOPE_OPTIONS,
    principal: { type: "text", value: "NAME", summary: "Whose acts those with it are in the log" },
    out: { type: "text", value: "FILE", summary: "Write it there instead of showing it" },
  },
  examples: [
    "oa token mint --label dashboard --allow '*:read' --principal dashboard --hours 720 --out dashboard.token",
    "oa token mint --label second-engine --allow run:claim --tool '*' --host '*' --out engine.token",
  ],
  run: async ({ api, cwd, options, print }) => {
    const { label, hours, principal, out } = options;
    const body = {
      ...{ label, scope: scopeIn(options), expires_in_ms: hours * HOUR_MS },
      ...(principal === undefined ? {} : { principal }),
    };
    const made = await (await api()).post<CapabilityView & { readonly token: string }>("/v1/tokens", body);
    if (isRejection(made)) return made;
    const kept = out === undefined ? null : await writeToken(cwd, out, made.token);
    if (kept !== null) return kept;
    const { token: _, ...rest } = made;
    print(out === undefined ? made : rest, () => madeLines(made, out));
    return 0;
  },
});
