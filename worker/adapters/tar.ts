import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";
import { throwIfCanceled } from "./canceled.ts";

const BLOCK = 512;

/**
 * Writes what is in a folder as a tar archive (POSIX ustar), files readable by their owner alone. Faults: path_invalid,
 * canceled.
 */
export async function writeTar(folder: string, file: string, signal: AbortSignal): Promise<void> {
  const out = await open(file, "wx", 0o600);
  try {
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of files.sort()) {
      const { size, mtimeMs } = await stat(path);
      await out.appendFile(header(path.slice(folder.length + 1), size, Math.floor(mtimeMs / 1_000)));
      for await (const chunk of createReadStream(path)) {
        throwIfCanceled(signal, "the archive");
        await out.appendFile(chunk as Buffer);
      }
      await out.appendFile(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
    }
    await out.appendFile(Buffer.alloc(2 * BLOCK));
    await out.sync();
  } finally {
    await out.close();
  }
}

function header(name: string, size: number, mtime_s: number): Buffer {
  const [folder, file] = splitName(name);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): number =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, at);
  block.write(file, 0);
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(mtime_s, 136, 11);
  block.write("        0", 148); // the checksum counts itself as spaces; then: a plain file
  block.write("ustar\x0000", 257);
  block.write(folder, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A name as ustar holds it: up to 100 bytes, and up to 155 of the folders before them. Fault: path_invalid. */
function splitName(name: string): readonly [string, string] {
  const bytes = (text: string): number => Buffer.byteLength(text);
  if (bytes(name) <= 100) return ["", name];
  for (let at = name.indexOf("/"); at !== -1; at = name.indexOf("/", at + 1)) {
    const [folder, file] = [name.slice(0, at), name.slice(at + 1)];
    if (bytes(folder) <= 155 && bytes(file) <= 100) return [folder, file];
  }
  throw new Fault("path_invalid", `"${name}" is too long a name for a tar archive: export to a folder`);
}
