import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";

const BLOCK = 512;

/** Writes what is in a folder as a tar archive (POSIX ustar), files readable by their owner alone. Fault: path_invalid. */
export async function writeTar(folder: string, file: string): Promise<void> {
  const out = await open(file, "wx", 0o600);
  try {
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of files.sort()) {
      const { size, mtimeMs } = await stat(path);
      await out.write(header(path.slice(folder.length + 1), size, Math.floor(mtimeMs / 1_000)));
      for await (const chunk of createReadStream(path)) await out.write(chunk as Buffer);
      await out.write(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
    }
    await out.write(Buffer.alloc(2 * BLOCK));
    await out.sync();
  } finally {
    await out.close();
  }
}

function header(name: string, size: number, mtime_s: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Fault("path_invalid", `"${name}" is too long a name for a tar archive`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): number =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, at);
  block.write(name, 0);
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(mtime_s, 136, 11);
  block.write("        0", 148); // the checksum counts itself as spaces; then: a plain file
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
