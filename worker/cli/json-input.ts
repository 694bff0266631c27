import { resolve } from "node:path";
import { type Json, parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { readJsonFile } from "./manifest-file.ts";

/** The strict JSON of a file, or of stdin for `-`. Refusals: not_found, internal, too_large and the JSON codes. */
export async function readJsonInput(file: string, cwd: string): Promise<{ readonly value: Json } | Rejection> {
  if (file !== "-") return readJsonFile(resolve(cwd, file));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMITS.json_bytes) return reject("too_large", `stdin is over ${LIMITS.json_bytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return parseStrict(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    return reject("json_invalid", "stdin is not UTF-8 text");
  }
}
