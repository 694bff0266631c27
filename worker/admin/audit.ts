import { closeSync, openSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import {
  type ChainLink,
  type ChainReport,
  isSealed,
  type StreamHead,
  verifyChain,
} from "@oa/shared/core/hash-chain.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";

/** The log as JSON Lines: `{"heads":[…]}` first, so that a shortened file is found, then one link a line. */
export function* exportLines(store: Pick<EventStore, "heads" | "links">): Generator<string> {
  const heads = store.heads();
  yield JSON.stringify({ heads });
  const last = new Map(heads.map(({ stream, seq }) => [stream, seq]));
  for (const link of store.links()) {
    // The log goes on growing while it is read.
    if (link.seq <= (last.get(link.stream) ?? 0)) yield JSON.stringify(link);
  }
}

/** Checks the log as it is now; others have their turn meanwhile, however long it is. */
export async function verifyLog(store: Pick<EventStore, "verifying">): Promise<ChainReport> {
  const verifying = store.verifying();
  for (;;) {
    const step = verifying.next();
    if (step.done === true) return step.value;
    await setImmediate();
  }
}

/** Checks an exported file, alone: no daemon and no data folder are needed. Throws where it cannot be read. */
export function verifyExport(file: string): ChainReport {
  const lines = readLines(file);
  const first = lines.next();
  const heads = first.done === true ? null : parseHeads(first.value);
  if (heads === null) {
    lines.return(undefined);
    return { ok: false, events: 0, first_bad: { stream: "", seq: 0, code: "malformed" } };
  }
  return verifyChain(parseLinks(lines), heads);
}

function parseHeads(line: string): readonly StreamHead[] | null {
  const value = parseObject(line);
  if (value === null || !Array.isArray(value.heads)) return null;
  const good = value.heads.every(
    (head) =>
      typeof head === "object" &&
      head !== null &&
      typeof head.stream === "string" &&
      Number.isSafeInteger(head.seq) &&
      typeof head.event_hash === "string",
  );
  return good ? (value.heads as readonly StreamHead[]) : null;
}

/** A line that is no link becomes one that `verifyChain` calls malformed, at the place where it stands. */
function* parseLinks(lines: Iterable<string>): Generator<ChainLink> {
  let [stream, seq] = ["", 0];
  for (const line of lines) {
    const value = parseObject(line);
    if (
      value !== null &&
      typeof value.stream === "string" &&
      typeof value.seq === "number" &&
      typeof value.body === "string" &&
      typeof value.event_hash === "string" &&
      (value.sealed === undefined || isSealed(value.sealed))
    ) {
      [stream, seq] = [value.stream, value.seq];
      yield value as unknown as ChainLink;
    } else yield { stream, seq: seq + 1, body: "", event_hash: "" };
  }
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // not JSON is an answer here: the caller reports "malformed"
  }
}

/** The lines of a file, however long it is; a line longer than any event is cut, and so found to be malformed. */
function* readLines(file: string): Generator<string> {
  const handle = openSync(file, "r");
  try {
    const chunk = Buffer.alloc(65_536);
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const bytes = readSync(handle, chunk);
      if (bytes === 0) break;
      const lines = (rest + decoder.decode(chunk.subarray(0, bytes), { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(0, LIMITS.audit_line_chars);
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    closeSync(handle);
  }
}
