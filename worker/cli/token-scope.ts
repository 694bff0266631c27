import type { CapabilityView } from "@oa/shared/capability/views.ts";
import type { CapabilityScope } from "@oa/shared/generated/types.ts";
import { plain } from "./terminal.ts";

/** What a token is to allow, as every command that makes one declares it. */
export const SCOPE_OPTIONS = {
  label: { type: "text", value: "TEXT", summary: "What you will recognise it by", default: "token" },
  allow: {
    type: "text",
    value: "SCOPE",
    summary: "A part of the control API, e.g. run:read, '*:read', run:claim",
    repeat: true,
  },
  tool: {
    type: "text",
    value: "NAME",
    summary: "A tool that runs it starts or claims may use, e.g. http.request, or '*'",
    repeat: true,
  },
  host: {
    type: "text",
    value: "HOST",
    summary: "A host that such runs may have been granted, e.g. '*.example', or '*'",
    repeat: true,
  },
  hours: { type: "integer", value: "N", summary: "For how long it works", min: 1, max: 8_760, default: 24 },
} as const;

/** The scope the options name; the API checks it. */
export function scopeIn(options: {
  readonly allow: readonly string[];
  readonly tool: readonly string[];
  readonly host: readonly string[];
}): CapabilityScope {
  const { allow: api, tool: tools, host: egress_domains } = options;
  const named = Object.entries({ api, tools, egress_domains }).filter(([, items]) => items.length > 0);
  return Object.fromEntries(named);
}

/** What a token allows, in one line. */
export function scopeLine({ scope }: Pick<CapabilityView, "scope">): string {
  const { data_access, ...rest } = scope;
  const lists = Object.entries({ ...rest, ...data_access }) as [string, readonly string[]][];
  const named = lists.filter(([, items]) => items.length > 0).map(([name, items]) => `${name}: ${items.join(", ")}`);
  return named.length === 0 ? "nothing" : named.join("; ");
}

/** A token that was just made; its text is shown this once. */
export function madeLines(made: CapabilityView & { readonly token: string }, out: string | undefined): string {
  return [
    plain(
      `${made.label} (${made.capability_id}) allows ${scopeLine(made)}, until ${new Date(made.expires_at_ms).toISOString()}.`,
    ),
    ...(out === undefined
      ? [made.token, "It is shown this once."]
      : [plain(`It is in ${out}, readable by you alone.`)]),
  ].join("\n");
}
