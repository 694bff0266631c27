import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";

/** Where the running daemon of a data folder answers. Trusted only while somebody else holds the folder's lock. */
export interface DaemonFile {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly token_path: string;
  readonly started_at: string;
}

export async function readDaemonFile(data_dir: string): Promise<DaemonFile | null> {
  const text = await readText(join(data_dir, "daemon.json"));
  return text === null ? null : (JSON.parse(text) as DaemonFile); // written by us alone, whole, mode 0600
}

export async function writeDaemonFile(data_dir: string, value: DaemonFile): Promise<void> {
  await writePrivate(join(data_dir, "daemon.json"), `${JSON.stringify(value)}\n`);
}

export async function removeDaemonFile(data_dir: string): Promise<void> {
  await rm(join(data_dir, "daemon.json"), { force: true });
}

/** The admin token: 256 random bits, made on first use, readable by the owner alone. */
export async function loadOrCreateToken(path: string): Promise<string> {
  const found = (await readText(path))?.trim();
  if (found !== undefined && found.length >= 32) return found;
  const token = randomBytes(32).toString("base64url");
  await writePrivate(path, `${token}\n`);
  return token;
}

/** Writes a whole file, mode 0600 from its first byte, or nothing. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new Fault("file_access", `${path} cannot be read: ${message}`, { cause: error });
  }
}
