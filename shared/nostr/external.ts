import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { addressOf, tagValue } from "./kinds.ts";
import { tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** Kinds by which other drafts list software. We read them; nothing of ours is published by them. */
const EXTERNAL = {
  /** NIP-82: an application, and a release of one. */
  app: 32267,
  app_release: 30063,
  /** SKL: a skill, and an entry of its version log. */
  skill: 33400,
  skill_version: 33401,
  /** ContextVM: a server's announcement, and the list of its tools. */
  server: 11316,
  server_tools: 11317,
} as const;

export const EXTERNAL_KINDS: readonly number[] = Object.values(EXTERNAL);

export type Draft = "nip-82" | "skl" | "contextvm";

/** What another draft lists: shown with its source, and never installed from here. All texts are its author's. */
export interface ExternalListing {
  readonly address: string;
  readonly draft: Draft;
  readonly kind: 32267 | 33400 | 11316;
  readonly pubkey: string;
  readonly event_id: string;
  readonly created_at: number;
  readonly title: string;
  readonly summary: string;
  readonly version: string | null;
  readonly url: string | null;
  readonly tags: readonly string[];
}

/** A fact about a listing that came in an event of its own, by the same author. */
export interface ExternalDetail {
  /** The address of the listing it is about. */
  readonly about: string;
  readonly version: string | null;
  /** Names of the tools that a server offers. */
  readonly tools: readonly string[];
}

/** What an event lists, by the draft that its kind belongs to. Refusal: foreign_event. */
export function listingOf(event: VerifiedEvent): ExternalListing | Rejection {
  switch (event.kind) {
    case EXTERNAL.app:
      return appOf(event);
    case EXTERNAL.skill:
      return skillOf(event);
    case EXTERNAL.server:
      return serverOf(event);
    default:
      return foreign(event, "lists nothing");
  }
}

/** What an event adds to a listing of its author. Refusal: foreign_event. */
export function detailOf(event: VerifiedEvent): ExternalDetail | Rejection {
  const { pubkey } = event;
  const version = short(tagValue(event, "version"));
  switch (event.kind) {
    case EXTERNAL.app_release: {
      const app = tagValue(event, "i") ?? tagValue(event, "a")?.split(":").slice(2).join(":");
      if (app === undefined || app === "" || version === null) return foreign(event, "is no release of an application");
      return { about: `${EXTERNAL.app}:${pubkey}:${app}`, version, tools: [] };
    }
    case EXTERNAL.skill_version: {
      const skill = tagValue(event, "d");
      if (skill === undefined || version === null || !isHex32(tagValue(event, "manifest_hash"))) {
        return foreign(event, "is no entry of a skill's versions");
      }
      return { about: `${EXTERNAL.skill}:${pubkey}:${skill.split(":")[0]}`, version, tools: [] };
    }
    case EXTERNAL.server_tools:
      return { about: `${EXTERNAL.server}:${pubkey}:`, version: null, tools: toolsOf(event.content) };
    default:
      return foreign(event, "adds nothing to a listing");
  }
}

/** NIP-82. Other applications use `30063` for sets of files, which have no `i`; 32267 is this draft's alone. */
function appOf(event: VerifiedEvent): ExternalListing | Rejection {
  const [id, name] = [tagValue(event, "d"), short(tagValue(event, "name"))];
  if (id === undefined || id === "" || name === null) return foreign(event, "is no application");
  return listing(
    event,
    { draft: "nip-82", kind: EXTERNAL.app },
    {
      title: name,
      summary: tagValue(event, "summary") ?? event.content,
      version: null,
      url: tagValue(event, "repository") ?? tagValue(event, "url"),
    },
  );
}

/** SKL. The same numbers are exercise templates and escrow services elsewhere: only what says it is a skill counts. */
function skillOf(event: VerifiedEvent): ExternalListing | Rejection {
  const [id, name] = [tagValue(event, "d"), short(tagValue(event, "name"))];
  const isSkill = tagValues(event, "t").includes("agent-skill") && isHex32(tagValue(event, "manifest_hash"));
  if (id === undefined || name === null || !isSkill) return foreign(event, "is no skill");
  return listing(
    event,
    { draft: "skl", kind: EXTERNAL.skill },
    {
      title: name,
      summary: tagValue(event, "description") ?? "",
      version: tagValue(event, "version") ?? null,
      url: undefined,
    },
  );
}

/** ContextVM: what an MCP server answers to `initialize`, or tags that say the same. */
function serverOf(event: VerifiedEvent): ExternalListing | Rejection {
  const info = objectIn(event.content);
  const server = fieldsOf(info?.serverInfo);
  if (info === null || typeof info.protocolVersion !== "string") return foreign(event, "announces no MCP server");
  const title = short(tagValue(event, "name") ?? textOf(server?.name));
  if (title === null) return foreign(event, "announces a server without a name");
  return listing(
    event,
    { draft: "contextvm", kind: EXTERNAL.server },
    {
      title,
      summary: tagValue(event, "about") ?? textOf(info.instructions) ?? "",
      version: textOf(server?.version) ?? null,
      url: tagValue(event, "website"),
    },
  );
}

function listing(
  event: VerifiedEvent,
  source: Pick<ExternalListing, "draft" | "kind">,
  facts: {
    readonly title: string;
    readonly summary: string;
    readonly version: string | null;
    readonly url: string | undefined;
  },
): ExternalListing {
  const { pubkey, created_at, id: event_id } = event;
  return {
    ...{ ...source, address: addressOf(event), pubkey, event_id, created_at, title: facts.title },
    summary: facts.summary.slice(0, LIMITS.external_summary_chars),
    version: short(facts.version ?? undefined),
    url: webAddress(facts.url),
    tags: tagValues(event, "t")
      .map((tag) => tag.toLowerCase().slice(0, LIMITS.external_tag_chars))
      .slice(0, LIMITS.external_tags),
  };
}

function toolsOf(content: string): readonly string[] {
  const list = objectIn(content)?.tools;
  if (!Array.isArray(list)) return [];
  const names = (list as readonly unknown[]).flatMap((tool) => short(textOf(fieldsOf(tool)?.name)) ?? []);
  return names.slice(0, LIMITS.external_tools);
}

/** A link that is safe to show: https, without a password. */
function webAddress(text: string | undefined): string | null {
  if (text === undefined || text.length > LIMITS.external_url_chars) return null;
  return /^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:[/?#][\w\-./?#&=%+~:,;!*()@]*)?$/i.test(text) ? text : null;
}

function short(text: string | undefined): string | null {
  const trimmed = text?.trim().slice(0, LIMITS.external_title_chars);
  return trimmed === undefined || trimmed === "" ? null : trimmed;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

function objectIn(content: string): Readonly<Record<string, unknown>> | null {
  const parsed = parseStrict(content, { bytes: LIMITS.nostr_content_bytes });
  return isRejection(parsed) ? null : fieldsOf(parsed.value);
}

function foreign(event: VerifiedEvent, why: string): Rejection {
  return reject("foreign_event", `event ${event.id} of kind ${event.kind} ${why}`);
}
