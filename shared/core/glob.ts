import { LIMITS } from "./limits.ts";

/**
 * Globs over POSIX paths: `*` and `?` stay inside a segment, `**` crosses segments, `[a-z]` and `[!a-z]` are classes,
 * `{a,b}` are alternatives, a backslash takes the next character literally. `x/**` matches `x` itself and all below it,
 * and `**\/x` matches `x` at any depth. Names that start with a dot are like any other. Case counts.
 *
 * A pattern becomes an automaton that is walked once over the path, so matching takes linear time whatever the pattern.
 */
interface CharSet {
  /** Inclusive ranges of code points. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
  readonly slash: boolean;
}
interface Node {
  readonly free: number[];
  set: CharSet | null;
  to: number;
}
interface State {
  readonly nodes: readonly number[];
  readonly next: Map<number, State>;
  accepts: boolean | null;
}
interface Automaton {
  readonly nodes: readonly Node[];
  readonly end: number;
  readonly states: Map<string, State>;
  readonly start: State;
}

const SLASH = 0x2f;
const ANY: CharSet = { ranges: [], negated: true, slash: true };
const IN_SEGMENT: CharSet = { ranges: [], negated: true, slash: false };
const DOT_SEGMENT = /(?:^|[/{,])\.\.?(?:$|[/},])/;

/**
 * Whether `path` matches `glob`. A path with a `.` or `..` segment is not in normal form and matches nothing, and so
 * does a pattern longer than `LIMITS.glob_chars` or with more than `LIMITS.glob_wildcards` stars and groups.
 */
export function matchGlob(glob: string, path: string): boolean {
  if (/(?:^|\/)\.\.?(?:$|\/)/.test(path)) return false;
  const automaton = compiled(glob);
  if (automaton === null) return false;
  let state = automaton.start;
  for (const char of path) {
    state = step(automaton, state, char.codePointAt(0) ?? 0);
    if (state.nodes.length === 0) return false;
  }
  return accepts(automaton, state);
}

/** Whether `glob` can match something below `folder`, an absolute path: so that only there is looked. */
export function reachesInto(glob: string, folder: string): boolean {
  const automaton = compiled(glob);
  if (automaton === null) return false;
  let state = automaton.start;
  for (const char of folder === "/" ? "/" : `${folder}/`) {
    state = step(automaton, state, char.codePointAt(0) ?? 0);
    if (state.nodes.length === 0) return false;
  }
  return true;
}

/** Whether every path that `inner` matches is matched by `outer`; false where that would take too long to decide. */
export function globCovers(outer: string, inner: string): boolean {
  if (DOT_SEGMENT.test(inner)) return false;
  const wide = compiled(outer);
  const narrow = compiled(inner);
  if (wide === null || narrow === null) return false;
  const samples = representatives([...wide.nodes, ...narrow.nodes]);
  const seen = new Map<State, Set<State>>();
  const open: (readonly [State, State])[] = [[narrow.start, wide.start]];
  for (let pairs = 0; ; pairs += 1) {
    const pair = open.pop();
    if (pair === undefined) return true;
    if (pairs > LIMITS.glob_cover_pairs) return false;
    const [inside, outside] = pair;
    if (accepts(narrow, inside) && !accepts(wide, outside)) return false;
    for (const sample of samples) {
      const next = step(narrow, inside, sample);
      if (next.nodes.length === 0) continue;
      const image = step(wide, outside, sample);
      const images = seen.get(next) ?? new Set();
      if (images.has(image)) continue;
      seen.set(next, images.add(image));
      open.push([next, image]);
    }
  }
}

const cache = new Map<string, Automaton>();

function compiled(glob: string): Automaton | null {
  if (glob.length > LIMITS.glob_chars) return null;
  let automaton = cache.get(glob);
  if (automaton === undefined) {
    // Each can be at work at every character of a path, and in a comparison with each of the other pattern.
    if ((glob.match(/\*+|\{/g)?.length ?? 0) > LIMITS.glob_wildcards) return null;
    automaton = compile(glob);
    if (cache.size >= LIMITS.glob_cache_entries) cache.clear();
    cache.set(glob, automaton);
  }
  return automaton;
}

function step(automaton: Automaton, state: State, code: number): State {
  let next = state.next.get(code);
  if (next === undefined) {
    const reached: number[] = [];
    for (const index of state.nodes) {
      const node = automaton.nodes[index];
      if (node?.set != null && has(node.set, code)) reached.push(node.to);
    }
    next = intern(automaton, reached);
    state.next.set(code, next);
  }
  return next;
}

/** The one state for a set of nodes and all that they reach for free. */
function intern(automaton: Automaton, from: readonly number[]): State {
  const closed = new Set<number>();
  const open = [...from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (closed.has(index)) continue;
    closed.add(index);
    open.push(...(automaton.nodes[index]?.free ?? []));
  }
  const nodes = [...closed].sort((a, b) => a - b);
  const key = nodes.join(" ");
  let state = automaton.states.get(key);
  if (state === undefined) {
    if (automaton.states.size >= LIMITS.glob_states) {
      automaton.states.clear();
      automaton.start.next.clear();
    }
    state = { nodes, next: new Map(), accepts: null };
    automaton.states.set(key, state);
  }
  return state;
}

/** A path is also accepted where the pattern would accept it with a slash behind: `x/**` and `x/` match `x`. */
function accepts(automaton: Automaton, state: State): boolean {
  state.accepts ??= state.nodes.includes(automaton.end) || step(automaton, state, SLASH).nodes.includes(automaton.end);
  return state.accepts;
}

function has(set: CharSet, code: number): boolean {
  if (code === SLASH && !set.slash) return false;
  return set.ranges.some(([low, high]) => code >= low && code <= high) !== set.negated;
}

/** One code point of each class that no set tells apart. */
function representatives(nodes: readonly Node[]): readonly number[] {
  const starts = new Set([0, SLASH, SLASH + 1]);
  for (const { set } of nodes) {
    for (const [low, high] of set?.ranges ?? []) starts.add(low).add(high + 1);
  }
  return [...starts].filter((code) => code <= 0x10ffff);
}

/** The pattern as an automaton (Thompson's construction). */
function compile(glob: string): Automaton {
  const chars = [...glob];
  const groups = alternatives(chars);
  const nodes: Node[] = [];
  const add = (set: CharSet | null = null, to = -1): number => nodes.push({ free: [], set, to }) - 1;
  const free = (from: number, to: number): number => {
    nodes[from]?.free.push(to);
    return to;
  };
  const once = (from: number, set: CharSet): number => {
    const out = add();
    free(from, add(set, out));
    return out;
  };
  const many = (from: number, set: CharSet): number => {
    const loop = free(from, add(set, nodes.length));
    return free(loop, add());
  };

  /** Builds chars[index..end) behind node `from` and returns where it ends. `fresh`: a segment starts at `index`. */
  const sequence = (from: number, index: number, end: number, fresh: boolean): number => {
    let at = from;
    let segment_starts = fresh;
    for (let i = index; i < end; ) {
      const char = chars[i] ?? "";
      const group = groups.get(i);
      const class_end = char === "[" ? classEnd(chars, i) : -1;
      let width = 1;
      if (char === "*") {
        while (chars[i + width] === "*" && i + width < end) width += 1;
        const behind = i + width < end ? chars[i + width] : undefined;
        if (width === 1) {
          const whole = segment_starts && (behind === undefined || behind === "/");
          at = many(whole ? once(at, IN_SEGMENT) : at, IN_SEGMENT);
        } else if (segment_starts && behind === "/") {
          width += 1;
          at = free(at, free(once(many(at, ANY), literal("/")), add()));
        } else at = many(at, ANY);
      } else if (group !== undefined) {
        const out = add();
        let start = i + 1;
        for (const stop of group) {
          free(sequence(free(at, add()), start, stop, segment_starts), out);
          start = stop + 1;
        }
        at = out;
        width = start - i;
      } else if (class_end !== -1) {
        at = once(at, classOf(chars.slice(i + 1, class_end)));
        width = class_end + 1 - i;
      } else if (char === "?") at = once(at, IN_SEGMENT);
      else if (char === "\\" && i + 1 < end) {
        at = once(at, literal(chars[i + 1] ?? ""));
        width = 2;
      } else at = once(at, literal(char));
      i += width;
      segment_starts = chars[i - 1] === "/";
    }
    return at;
  };

  const first = add();
  const end = sequence(first, 0, chars.length, true);
  const start: State = { nodes: [], next: new Map(), accepts: null };
  const automaton: Automaton = { nodes, end, states: new Map(), start };
  return { ...automaton, start: intern(automaton, [first]) };
}

function literal(char: string): CharSet {
  const code = char.codePointAt(0) ?? 0;
  return { ranges: [[code, code]], negated: false, slash: true };
}

/** By the index of a `{` that has alternatives: the indexes of its commas and its `}`. Other braces are plain text. */
function alternatives(chars: readonly string[]): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, readonly number[]>();
  const open: { readonly at: number; readonly commas: number[] }[] = [];
  for (let i = 0; i < chars.length; i += 1) {
    const char = chars[i];
    if (char === "\\") i += 1;
    else if (char === "[") i = Math.max(i, classEnd(chars, i));
    else if (char === "{") open.push({ at: i, commas: [] });
    else if (char === ",") open.at(-1)?.commas.push(i);
    else if (char === "}") {
      const group = open.pop();
      if (group !== undefined && group.commas.length > 0) groups.set(group.at, [...group.commas, i]);
    }
  }
  return groups;
}

/** The index of the `]` that closes the class opened at `at`, or -1: then the bracket is plain text. */
function classEnd(chars: readonly string[], at: number): number {
  let i = at + 1;
  if (chars[i] === "!" || chars[i] === "^") i += 1;
  for (const first = i; i < chars.length && chars[i] !== "/"; i += 1) {
    if (chars[i] === "]" && i > first) return i;
    if (chars[i] === "\\") i += 1;
  }
  return -1;
}

function classOf(body: readonly string[]): CharSet {
  const negated = body[0] === "!" || body[0] === "^";
  const codes: { readonly code: number; readonly dash: boolean }[] = [];
  for (let i = negated ? 1 : 0; i < body.length; i += 1) {
    const escaped = body[i] === "\\" && i + 1 < body.length;
    if (escaped) i += 1;
    codes.push({ code: body[i]?.codePointAt(0) ?? 0, dash: !escaped && body[i] === "-" });
  }
  const ranges: (readonly [number, number])[] = [];
  for (let i = 0; i < codes.length; i += 1) {
    const low = codes[i]?.code ?? 0;
    const high = codes[i + 1]?.dash === true ? codes[i + 2]?.code : undefined;
    ranges.push([low, high ?? low]);
    if (high !== undefined) i += 2;
  }
  return { ranges, negated, slash: false };
}
