/**
 * Writes small WebAssembly modules for WASI preview 1, byte by byte: what an author's compiler would make, without one.
 * https://webassembly.github.io/spec/core/binary/ and the preview 1 witx.
 */

type Code = readonly number[];

const I32 = 0x7f;
const I64 = 0x7e;
const FOUR = [I32, I32, I32, I32];

/** Functions of WASI that a module may call, with what they take; all but `proc_exit` give an error number. */
const WASI: Readonly<Record<string, readonly number[]>> = {
  fd_write: FOUR,
  fd_read: FOUR,
  path_open: [I32, I32, I32, I32, I32, I64, I64, I32, I32],
  path_symlink: [I32, I32, I32, I32, I32],
  environ_sizes_get: [I32, I32],
  proc_exit: [I32],
};
const NAMES = Object.keys(WASI);

/** Where things are in the module's memory. */
const AT = { iovec: 0, count: 8, opened: 12, sizes: 16, buffer: 4096 } as const;
const BUFFER_BYTES = 4096;

function leb(value: number | bigint): Code {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; ) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
const unsigned = (value: number): Code => (value < 128 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]);
const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(vector(items))];
const text = (value: string): Code => sized([...new TextEncoder().encode(value)]);

export const i32 = (value: number): Code => [0x41, ...leb(value)];
const i64 = (value: bigint): Code => [0x42, ...leb(value)];
export const load = (address: number): Code => [...i32(address), 0x28, 2, 0];
export const store = (address: number, value: Code): Code => [...i32(address), ...value, 0x36, 2, 0];
export const call = (name: string, ...args: readonly Code[]): Code => [...args.flat(), 0x10, NAMES.indexOf(name)];
export const drop: Code = [0x1a];
export const fail: Code = [0x00];
/** For ever. */
export const loop = (body: Code): Code => [0x03, 0x40, ...body, 0x0c, 0, 0x0b];
/** The value is 0, or it is not. */
export const ifZero = (value: Code, zero: Code, other: Code): Code => [
  ...[...value, 0x45, 0x04, 0x40],
  ...[...zero, 0x05, ...other, 0x0b],
];
/** One more page each time, until there is none. */
export const growUntilFull: Code = loop([...i32(16), 0x40, 0x00, ...i32(-1), 0x46, 0x04, 0x40, ...fail, 0x0b]);

/** Texts in the module's memory, and code that uses them. */
export interface Writer {
  /** Writes a text to a descriptor. */
  readonly say: (fd: Code, value: string) => Code;
  /** Opens a path below a descriptor; the new one is then `opened`. Links in it are followed. */
  readonly open: (folder: number, path: string, how?: "read" | "create") => Code;
  /** The descriptor that was opened last. */
  readonly opened: Code;
  /** Reads a descriptor, and writes what was read to another. */
  readonly copy: (from: Code, to: Code) => Code;
  readonly link: (target: string, folder: number, path: string) => Code;
  /** How many environment variables there are, as one byte to stdout. */
  readonly sayEnvironment: Code;
}

const READ_RIGHTS = (1n << 1n) | (1n << 5n) | (1n << 14n);
const WRITE_RIGHTS = (1n << 6n) | (1n << 13n) | (1n << 14n);

/** A module whose `_start` is what `program` gives. `pages`: its memory at the start; `imports`: others than WASI's. */
export function wasiModule(
  program: (writer: Writer) => Code,
  options: { readonly pages?: number; readonly foreign?: readonly [string, string] } = {},
): Uint8Array {
  const texts: { readonly at: number; readonly value: string }[] = [];
  let next = 64;
  const place = (value: string): readonly [Code, Code] => {
    const length = new TextEncoder().encode(value).length;
    texts.push({ at: next, value });
    const address = next;
    next += length;
    return [i32(address), i32(length)];
  };
  const write = (fd: Code, address: Code, length: Code): Code => [
    ...store(AT.iovec, address),
    ...store(AT.iovec + 4, length),
    ...call("fd_write", fd, i32(AT.iovec), i32(1), i32(AT.count)),
  ];
  const body = program({
    say: (fd, value) => [...write(fd, ...place(value)), ...drop],
    open: (folder, path, how = "read") =>
      call(
        "path_open",
        ...[i32(folder), i32(1), ...place(path), i32(how === "create" ? 9 : 0)],
        ...[i64(how === "create" ? WRITE_RIGHTS : READ_RIGHTS), i64(0n), i32(0), i32(AT.opened)],
      ),
    opened: load(AT.opened),
    copy: (from, to) => [
      ...store(AT.iovec, i32(AT.buffer)),
      ...store(AT.iovec + 4, i32(BUFFER_BYTES)),
      ...[...call("fd_read", from, i32(AT.iovec), i32(1), i32(AT.count)), ...drop],
      ...[...write(to, i32(AT.buffer), load(AT.count)), ...drop],
    ],
    link: (target, folder, path) => call("path_symlink", ...place(target), i32(folder), ...place(path)),
    sayEnvironment: [
      ...[...call("environ_sizes_get", i32(AT.sizes), i32(AT.sizes + 4)), ...drop],
      ...store(AT.sizes, [...load(AT.sizes), ...i32(48), 0x6a]),
      ...[...write(i32(1), i32(AT.sizes), i32(1)), ...drop],
    ],
  });
  const types: Code[] = NAMES.map((name) => [
    0x60,
    ...sized(WASI[name] ?? []),
    ...(name === "proc_exit" ? [0] : [1, I32]),
  ]);
  types.push([0x60, 0, 0]);
  const imports: Code[] = NAMES.map((name, index) => [...text("wasi_snapshot_preview1"), ...text(name), 0, index]);
  const { foreign, pages = 1 } = options;
  if (foreign !== undefined) imports.push([...text(foreign[0]), ...text(foreign[1]), 0, types.length - 1]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, imports),
    ...section(3, [[types.length - 1]]),
    ...section(5, [[0, ...unsigned(pages)]]),
    ...section(7, [
      [...text("memory"), 2, 0],
      [...text("_start"), 0, ...unsigned(imports.length)],
    ]),
    ...section(10, [sized([0, ...body, 0x0b])]),
    ...section(
      11,
      texts.map(({ at, value }) => [0, ...i32(at), 0x0b, ...text(value)]),
    ),
  ]);
}
