/** Chance that can be repeated: the same seed, the same throws. */
export interface Dice {
  /** A whole number from 0 to `below` - 1. */
  readonly int: (below: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
}

/** mulberry32 over a hash of the text. */
export function openDice(seed: string): Dice {
  let state = 2_166_136_261;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 16_777_619);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    pick: (from) => {
      const one = from[int(from.length)];
      if (one === undefined && from.length === 0) throw new Error("nothing to pick from");
      return one as (typeof from)[number];
    },
  };
}

const TEXTS: readonly string[] = [
  ...[
    "",
    " ",
    "\0",
    "\n",
    "\ud800",
    "\u202e",
    "\ufeff",
    "é",
    "e\u0301",
    "\u{1f600}",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
  ],
  ...[
    "null",
    "NaN",
    "0",
    "-1",
    "1e999",
    "0x10",
    "9007199254740993",
    "true",
    "[]",
    "{}",
    "[object Object]",
    "undefined",
    "%00",
    "%s%n",
  ],
  ...[
    "../../etc/passwd",
    "~/../x",
    "/",
    "~",
    "**",
    "{a,b}",
    "[!a]",
    "${inputs.a}",
    "${secrets.A}",
    "${steps.a.b}",
    "$${",
    "${",
    "}",
  ],
  ...[
    "http://127.0.0.1/",
    "https://[::1]:0/",
    "http://a@b:c@d/",
    "file:///",
    "//x",
    "wss://",
    "* * * * *",
    "60 24 32 13 8",
    "*/0 * * * *",
  ],
  ...[
    "1.0.0",
    "1.0.0-0.a+b",
    "01.0.0",
    "main",
    "2026-02-30T25:61:61Z",
    "Europe/Nowhere",
    "UTC",
    "a".repeat(300),
    "a".repeat(70_000),
    "0".repeat(64),
  ],
  ...[
    "npub1",
    "nsec1",
    "lnbc1",
    "nostr:",
    "naddr1",
    `npub1${"q".repeat(58)}`,
    "🟢\u200d",
    "\r\n\r\n",
    "-----BEGIN PRIVATE KEY-----",
    "' OR 1=1 --",
  ],
];
const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-300,
  1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  65_536,
  4_294_967_295,
  253_402_300_800,
];

/** A value of JSON that nobody expects. */
function oddity(dice: Dice, pool: readonly unknown[]): unknown {
  switch (dice.int(9)) {
    case 0:
      return dice.pick(TEXTS);
    case 1:
      return dice.pick(NUMBERS);
    case 2:
      return dice.pick([null, true, false, [], {}]);
    case 3: {
      let deep: unknown = dice.pick(TEXTS);
      for (let depth = dice.int(80); depth > 0; depth -= 1) deep = dice.int(2) ? [deep] : { a: deep };
      return deep;
    }
    case 4:
      return Array.from({ length: dice.int(300) }, () => dice.pick(TEXTS).slice(0, 20));
    case 5:
      return Object.fromEntries(Array.from({ length: dice.int(60) }, (_, at) => [`k${at}`, at]));
    case 6:
      return JSON.parse(
        `{"__proto__":{"a":1},"${dice.pick(["constructor", "then", "rejected", "toJSON", "length"])}":1}`,
      );
    default:
      return structuredClone(dice.pick(pool));
  }
}

/** A JSON value with one to four parts of it changed, removed, moved or multiplied; `pool`: parts of other examples. */
export function mutateJson(dice: Dice, value: unknown, pool: readonly unknown[]): unknown {
  let mutated: unknown = structuredClone(value);
  for (let count = 1 + dice.int(4); count > 0; count -= 1) {
    const places = placesIn(mutated);
    if (places.length === 0 || dice.int(60) === 0) {
      mutated = oddity(dice, pool);
      continue;
    }
    const { parent, key } = dice.pick(places);
    change(dice, parent as Record<string, unknown>, key, pool);
  }
  return mutated;
}

interface Place {
  readonly parent: object;
  readonly key: string;
}

function placesIn(value: unknown, found: Place[] = []): readonly Place[] {
  if (typeof value !== "object" || value === null || found.length > 2_000) return found;
  for (const key of Object.keys(value)) {
    found.push({ parent: value, key });
    placesIn((value as Record<string, unknown>)[key], found);
  }
  return found;
}

function change(dice: Dice, parent: Record<string, unknown>, key: string, pool: readonly unknown[]): void {
  const old = parent[key];
  const kind = dice.int(8);
  if (kind === 0) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (kind === 1) {
    const name = dice.pick([
      "__proto__",
      "constructor",
      "",
      `${key} `,
      key.toUpperCase(),
      dice.pick(TEXTS).slice(0, 50),
    ]);
    put(parent, name, old);
  } else if (kind === 2 && Array.isArray(parent)) {
    for (let times = dice.int(40); times > 0; times -= 1) parent.push(structuredClone(old));
  } else if (kind === 2) put(parent, `${key}2`, structuredClone(old));
  else if (kind === 3 && typeof old === "string") put(parent, key, mutateText(dice, old));
  else if (kind === 3 && typeof old === "number") put(parent, key, old + dice.pick(NUMBERS));
  else if (kind === 4) put(parent, key, [old]);
  else if (kind === 5) put(parent, key, typeof old === "string" ? Number(old) || old.length : String(old));
  else put(parent, key, oddity(dice, pool));
}

/** As an own member, whatever its name is. */
function put(parent: object, name: string, value: unknown): void {
  Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Text with one to four pieces cut, doubled, swapped, flipped or put in. */
export function mutateText(dice: Dice, text: string): string {
  let mutated = text;
  for (let count = 1 + dice.int(4); count > 0; count -= 1) {
    const at = dice.int(mutated.length + 1);
    const length = dice.int(Math.min(40, mutated.length + 1));
    const [before, piece, after] = [mutated.slice(0, at), mutated.slice(at, at + length), mutated.slice(at + length)];
    switch (dice.int(7)) {
      case 0:
        mutated = before + after;
        break;
      case 1:
        mutated = before + piece.repeat(1 + dice.int(60)) + after;
        break;
      case 2:
        mutated = before + dice.pick(TEXTS) + after;
        break;
      case 3:
        mutated =
          before + String.fromCharCode((piece.charCodeAt(0) || 65) ^ (1 << dice.int(16))) + piece.slice(1) + after;
        break;
      case 4:
        mutated = before;
        break;
      case 5:
        mutated = after + before + piece;
        break;
      default:
        mutated =
          before +
          dice.pick(["{", "}", "[", "]", '"', "\\", ",", ":", "-", ".", "*", "/", "$", "(", "e", "0", "1"]) +
          piece +
          after;
    }
    if (mutated.length > 200_000) mutated = mutated.slice(0, 200_000);
  }
  return mutated;
}
