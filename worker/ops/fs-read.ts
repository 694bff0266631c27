import { createHash } from "node:crypto";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { FsReadParams, FsReadResult } from "@oa/shared/generated/types.ts";
import { textOf } from "../adapters/utf8.ts";
import type { OpContext } from "./op.ts";

const MAX_BYTES_DEFAULT = 200_000;

/** Reads one file, or gives `if_missing` for one that is not there. Faults: file_not_text (for utf8), and those of `GrantedFiles`. */
export async function fsRead(params: FsReadParams, context: OpContext): Promise<FsReadResult> {
  const { path, max_bytes = MAX_BYTES_DEFAULT, encoding = "utf8", if_missing } = params;
  // More than a step may give is not read at all: hashing and checking it would hold up everything else.
  const most_bytes = Math.min(max_bytes, LIMITS.step_result_bytes);
  const bytes = await context.files
    .read(path, { max_bytes: most_bytes, signal: context.signal })
    .catch((error: unknown) => {
      if (if_missing === undefined || !(error instanceof Fault) || error.code !== "not_found") throw error;
      return Buffer.from(if_missing, encoding);
    });
  const content = encoding === "base64" ? Buffer.from(bytes).toString("base64") : textOf(bytes);
  if (content === null) {
    throw new Fault("file_not_text", `"${path}" is not UTF-8 text: read it with encoding "base64"`);
  }
  return { content, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
