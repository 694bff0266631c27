import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";

/** Keeps a token where only its owner can read it. Refusal: usage, where the file is there already or cannot be written. */
export async function writeToken(cwd: string, file: string, token: string): Promise<Rejection | null> {
  try {
    await writeFile(resolve(cwd, file), `${token}\n`, { mode: 0o600, flag: "wx" });
    return null;
  } catch (error) {
    return reject("usage", `the token cannot be kept in ${file}: ${(error as Error).message}`);
  }
}

/** The token in a file. Refusal: usage. */
export async function readToken(cwd: string, file: string): Promise<string | Rejection> {
  try {
    return (await readFile(resolve(cwd, file), "utf8")).trim();
  } catch (error) {
    return reject("usage", `the token in ${file} cannot be read: ${(error as Error).message}`);
  }
}
