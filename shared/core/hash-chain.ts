import { type Sha256Hex, sha256Hex } from "./hash.ts";
import { canonicalize } from "./json.ts";
import { LIMITS } from "./limits.ts";

/**
 * The tamper-evident chain of one stream. Each event's hash covers its canonical body (RFC 8785), which names the hash
 * before it; sensitive or large fields stand in the body as salted commitments, so their values can be deleted without
 * breaking the chain.
 */
export interface ChainLink {
  readonly stream: string;
  readonly seq: number;
  /** Canonical JSON of everything that is hashed. */
  readonly body: string;
  readonly event_hash: string;
  /** Null where what was kept is no values any more. */
  readonly sealed?: Readonly<Record<string, SealedValue>> | null;
}

/** The value behind a commitment. Its deletion is allowed; its change is found. */
export interface SealedValue {
  readonly salt: string;
  readonly value: unknown;
}

export interface StreamHead {
  readonly stream: string;
  readonly seq: number;
  readonly event_hash: string;
}

export type ChainFault =
  | "malformed"
  | "sequence_gap"
  | "previous_hash_mismatch"
  | "hash_mismatch"
  | "sealed_mismatch"
  | "truncated"
  | "misplaced"
  | "unknown_stream";

export interface ChainReport {
  readonly ok: boolean;
  readonly events: number;
  readonly first_bad: { readonly stream: string; readonly seq: number; readonly code: ChainFault } | null;
}

export function hashBody(body: string, sha256: Sha256Hex = sha256Hex): string {
  return `sha256:${sha256(body)}`;
}

/** The commitment that stands in an event for a sealed value: SHA-256 over salt, colon and canonical value. */
export function commit(sealed: SealedValue, sha256: Sha256Hex = sha256Hex): { readonly sealed_sha256: string } {
  return commitText(sealed.salt, canonicalize(sealed.value), sha256);
}

/** The same of a value in canonical form. */
export function commitText(salt: string, value: string, sha256: Sha256Hex): { readonly sealed_sha256: string } {
  return { sealed_sha256: sha256(`${salt}:${value}`) };
}

/** What work gives in the end, its pauses passed over. */
export function drained<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Checks links, in the order of each stream, against each other and against the heads known from elsewhere. Stops at
 * the first fault. `sealed` values that are present must match their commitments; absent ones are fine.
 */
export function verifyChain(
  links: Iterable<ChainLink>,
  heads: readonly StreamHead[],
  sha256: Sha256Hex = sha256Hex,
): ChainReport {
  return drained(verifyingChain(links, heads, sha256));
}

/** The same, which pauses now and then so that its caller may let others have their turn. */
export function* verifyingChain(
  links: Iterable<ChainLink>,
  heads: readonly StreamHead[],
  sha256: Sha256Hex = sha256Hex,
): Generator<void, ChainReport> {
  const reached = new Map<string, StreamHead>();
  const known = new Map(heads.map((head) => [head.stream, head]));
  let events = 0;
  for (const link of links) {
    const fault = checkLink(link, reached.get(link.stream), known, sha256);
    if (fault !== null) return { ok: false, events, first_bad: { stream: link.stream, seq: link.seq, code: fault } };
    reached.set(link.stream, { stream: link.stream, seq: link.seq, event_hash: link.event_hash });
    events += 1;
    if (events % LIMITS.log_page_events === 0) yield;
  }
  for (const head of heads) {
    const last = reached.get(head.stream);
    if (last?.seq !== head.seq || last.event_hash !== head.event_hash) {
      const seq = (last?.seq ?? 0) + 1;
      return { ok: false, events, first_bad: { stream: head.stream, seq, code: "truncated" } };
    }
  }
  return { ok: true, events, first_bad: null };
}

function checkLink(
  link: ChainLink,
  previous: StreamHead | undefined,
  known: ReadonlyMap<string, StreamHead>,
  sha256: Sha256Hex,
): ChainFault | null {
  const body = parseBody(link.body);
  if (body === null) return "malformed";
  const head = known.get(link.stream);
  if (head === undefined || link.seq > head.seq) return "unknown_stream";
  if (`${body.stream_type}/${body.stream_id}` !== link.stream || body.stream_seq !== link.seq) {
    return "malformed";
  }
  if (link.seq !== (previous?.seq ?? 0) + 1) return "sequence_gap";
  if (body.prev_event_hash !== (previous?.event_hash ?? null)) return "previous_hash_mismatch";
  if (hashBody(link.body, sha256) !== link.event_hash) return "hash_mismatch";
  if (link.sealed === null) return "sealed_mismatch";
  for (const [field, sealed] of Object.entries(link.sealed ?? {})) {
    const data = body.data as Readonly<Record<string, { sealed_sha256?: string } | undefined>>;
    if (data[field]?.sealed_sha256 !== commit(sealed, sha256).sealed_sha256) return "sealed_mismatch";
  }
  return null;
}

/** The body as an object, or null where it is not one in canonical form. */
function parseBody(body: string): Readonly<Record<string, unknown>> | null {
  const record = parseObject(body);
  return typeof record?.data === "object" && record.data !== null ? record : null;
}

/** Sealed values by field, or null where a text is none. */
export function parseSealed(text: string): Readonly<Record<string, SealedValue>> | null {
  const values = parseObject(text);
  return isSealed(values) ? values : null;
}

export function isSealed(values: unknown): values is Readonly<Record<string, SealedValue>> {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return false;
  return Object.values(values).every((item: Partial<SealedValue> | null) => {
    return typeof item?.salt === "string" && item.value !== undefined;
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // not JSON is an answer here: the caller says what is wrong with the link
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return value as Readonly<Record<string, unknown>>;
}
