import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";

/** What two sides compare of an event. */
export interface SyncItem {
  readonly created_at: number;
  /** 64 hex digits. */
  readonly id: string;
}

/** One side's events in the order both sides use: by time, then by id. Made by `syncSet`. */
export interface SyncSet {
  readonly size: number;
  readonly times: Float64Array;
  /** 32 bytes each. */
  readonly ids: Uint8Array;
}

/** What the side that began has learnt from one answer, and what it says next: null once it knows all. */
export interface SyncStep {
  /** Ids that only this side has. */
  readonly have: readonly string[];
  /** Ids that only the other side has. */
  readonly need: readonly string[];
  readonly reply: string | null;
}

/** Everything before it, and not itself. */
interface Bound {
  readonly time: number;
  /** The first bytes of an id; those that are left out are zero. */
  readonly prefix: Uint8Array;
}

const VERSION = 0x61;
const MODE = { skip: 0, fingerprint: 1, ids: 2 } as const;
const ID_BYTES = 32;
const FINGERPRINT_BYTES = 16;
const PARTS = 16;
const FOREVER: Bound = { time: Number.POSITIVE_INFINITY, prefix: new Uint8Array() };

/** Orders items for comparison. Ids must be 64 hex digits each; one that comes twice counts once. */
export function syncSet(items: readonly SyncItem[]): SyncSet {
  const sorted = [...items].sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const single = sorted.filter(({ id }, index) => id !== sorted[index - 1]?.id);
  const ids = new Uint8Array(single.length * ID_BYTES);
  single.forEach(({ id }, index) => void ids.set(hexToBytes(id), index * ID_BYTES));
  return { size: single.length, times: Float64Array.from(single, ({ created_at }) => created_at), ids };
}

/** The first message of the side that wants to know the difference, in hex. NIP-77, negentropy protocol 1. */
export function beginSync(set: SyncSet): string {
  const out = new Writer();
  writeParts(out, set, 0, set.size, FOREVER);
  return out.hex();
}

/** The answer of the side that was asked. Refusal: sync_invalid. */
export function answerSync(set: SyncSet, message: string): string | Rejection {
  return reading(message, (input) => compare(set, input, null).hex());
}

/** What the side that began makes of an answer. Refusal: sync_invalid. */
export function continueSync(set: SyncSet, message: string): SyncStep | Rejection {
  return reading(message, (input) => {
    const [have, need]: [string[], string[]] = [[], []];
    const out = compare(set, input, { have, need });
    return { have, need, reply: out.isEmpty() ? null : out.hex() };
  });
}

/**
 * Goes through the other side's ranges. Where the two agree, nothing is said; where they do not, the range is cut into
 * smaller ones, or its ids are listed. `found` is where the side that began keeps what it learns.
 */
function compare(set: SyncSet, input: Reader, found: { have: string[]; need: string[] } | null): Writer {
  const out = new Writer();
  let [low, last, skipping] = [0, { time: 0, prefix: new Uint8Array() } as Bound, false];
  const unskip = (): void => {
    if (skipping) out.bound(last).varint(MODE.skip);
    skipping = false;
  };
  while (!input.atEnd()) {
    const bound = input.bound();
    const mode = input.varint();
    let high = lowerBound(set, low, bound);
    if (mode === MODE.skip) skipping = true;
    else if (mode === MODE.fingerprint) {
      if (sameBytes(input.bytes(FINGERPRINT_BYTES), fingerprint(set, low, high))) skipping = true;
      else {
        unskip();
        writeParts(out, set, low, high, bound);
      }
    } else if (mode === MODE.ids) {
      const theirs = input.idList();
      if (found === null) {
        unskip();
        high = writeIds(out, set, low, high, bound);
      } else {
        learn(set, low, high, theirs, found);
        skipping = true;
      }
    } else throw new SyncError(`a range has the unknown mode ${mode}`);
    if (out.length > LIMITS.sync_frame_bytes) {
      // What is left is compared in the next round.
      out
        .bound(FOREVER)
        .varint(MODE.fingerprint)
        .bytes(fingerprint(set, high, set.size));
      return out;
    }
    [low, last] = [high, bound];
  }
  return out;
}

function learn(
  set: SyncSet,
  low: number,
  high: number,
  theirs: Set<string>,
  found: { have: string[]; need: string[] },
): void {
  for (let index = low; index < high; index += 1) {
    const id = bytesToHex(idAt(set, index));
    if (!theirs.delete(id)) found.have.push(id);
  }
  found.need.push(...theirs);
}

/** A range as fingerprints of its parts, or as its ids where they are few. */
function writeParts(out: Writer, set: SyncSet, low: number, high: number, bound: Bound): void {
  const count = high - low;
  if (count < PARTS * 2) {
    out
      .bound(bound)
      .varint(MODE.ids)
      .varint(count)
      .bytes(set.ids.subarray(low * ID_BYTES, high * ID_BYTES));
    return;
  }
  for (let part = 0; part < PARTS; part += 1) {
    const from = low + Math.floor((count * part) / PARTS);
    const to = low + Math.floor((count * (part + 1)) / PARTS);
    const end = to === high ? bound : boundBetween(set, to - 1, to);
    out
      .bound(end)
      .varint(MODE.fingerprint)
      .bytes(fingerprint(set, from, to));
  }
}

/** The ids of a range, as many as fit; returns where it stopped. */
function writeIds(out: Writer, set: SyncSet, low: number, high: number, bound: Bound): number {
  const room = Math.max(0, Math.floor((LIMITS.sync_frame_bytes - out.length) / ID_BYTES));
  const end = Math.min(high, low + room);
  const until = end === high ? bound : { time: set.times[end] ?? 0, prefix: idAt(set, end) };
  out
    .bound(until)
    .varint(MODE.ids)
    .varint(end - low)
    .bytes(set.ids.subarray(low * ID_BYTES, end * ID_BYTES));
  return end;
}

/** The shortest bound between two neighbours. */
function boundBetween(set: SyncSet, left: number, right: number): Bound {
  const time = set.times[right] ?? 0;
  if (time !== set.times[left]) return { time, prefix: new Uint8Array() };
  const [a, b] = [idAt(set, left), idAt(set, right)];
  const shared = a.findIndex((byte, index) => byte !== b[index]);
  return { time, prefix: b.subarray(0, shared + 1) };
}

/** The first item from `from` on that does not lie before the bound. */
function lowerBound(set: SyncSet, from: number, bound: Bound): number {
  let [low, high] = [from, set.size];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (liesBefore(set, middle, bound)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function liesBefore(set: SyncSet, index: number, { time, prefix }: Bound): boolean {
  const own = set.times[index] ?? 0;
  if (own !== time) return own < time;
  const id = idAt(set, index);
  const at = prefix.findIndex((byte, place) => byte !== id[place]);
  return at !== -1 && (id[at] ?? 0) < (prefix[at] ?? 0);
}

function idAt(set: SyncSet, index: number): Uint8Array {
  return set.ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
}

/** 16 bytes that stand for a range: SHA-256 over the sum of its ids, as little-endian numbers, and their count. */
function fingerprint(set: SyncSet, low: number, high: number): Uint8Array {
  const words = new Float64Array(8);
  const view = new DataView(set.ids.buffer, set.ids.byteOffset);
  for (let at = low * ID_BYTES; at < high * ID_BYTES; at += ID_BYTES) {
    for (let word = 0; word < 8; word += 1) words[word] = (words[word] ?? 0) + view.getUint32(at + word * 4, true);
  }
  const sum = new DataView(new ArrayBuffer(ID_BYTES));
  let carry = 0;
  for (let word = 0; word < 8; word += 1) {
    const value = (words[word] ?? 0) + carry;
    sum.setUint32(word * 4, value % 2 ** 32, true);
    carry = Math.floor(value / 2 ** 32);
  }
  const hashed = new Writer([]).bytes(new Uint8Array(sum.buffer)).varint(high - low);
  return sha256(hashed.toBytes()).subarray(0, FINGERPRINT_BYTES);
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Where a message stops making sense. */
class SyncError extends Error {}

function reading<T>(message: string, read: (input: Reader) => T): T | Rejection {
  if (!/^(?:[0-9a-f]{2})+$/.test(message)) return reject("sync_invalid", "the message is not lower-case hex");
  try {
    return read(new Reader(hexToBytes(message)));
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return reject("sync_invalid", `the message does not follow the protocol: ${error.message}`);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #time = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const [version = 0] = this.bytes(1);
    if (version !== VERSION) throw new SyncError(`it is of version ${version - 0x60}, and this relay knows 1`);
  }

  atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  bytes(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw new SyncError("it ends too early");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  varint(): number {
    let value = 0;
    for (;;) {
      const [byte = 0] = this.bytes(1);
      value = value * 128 + (byte & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) throw new SyncError("a number is too large");
      if (byte < 0x80) return value;
    }
  }

  bound(): Bound {
    const step = this.varint();
    this.#time = step === 0 ? Number.POSITIVE_INFINITY : this.#time + step - 1;
    const length = this.varint();
    if (length > ID_BYTES) throw new SyncError("a bound is longer than an id");
    return { time: this.#time, prefix: this.bytes(length) };
  }

  idList(): Set<string> {
    const count = this.varint();
    if (count * ID_BYTES > this.#bytes.length) throw new SyncError("it lists more ids than it holds");
    return new Set(Array.from({ length: count }, () => bytesToHex(this.bytes(ID_BYTES))));
  }
}

class Writer {
  #bytes = new Uint8Array(1_024);
  #time = 0;
  length = 0;

  constructor(start: readonly number[] = [VERSION]) {
    this.bytes(Uint8Array.from(start));
  }

  isEmpty(): boolean {
    return this.length === 1;
  }

  bytes(bytes: Uint8Array): this {
    if (this.length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + bytes.length));
      larger.set(this.toBytes());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  varint(value: number): this {
    const digits = [value % 128];
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
      digits.unshift((rest % 128) + 128);
    return this.bytes(Uint8Array.from(digits));
  }

  bound({ time, prefix }: Bound): this {
    // A time that is not after the one before it says so by a difference of zero.
    const step = time === Number.POSITIVE_INFINITY ? 0 : time - this.#time + 1;
    this.#time = time;
    return this.varint(step).varint(prefix.length).bytes(prefix);
  }

  toBytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  hex(): string {
    return bytesToHex(this.toBytes());
  }
}
