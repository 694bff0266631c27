import type { FsWriteParams, FsWriteResult } from "@oa/shared/generated/types.ts";
import type { OpContext } from "./op.ts";

/** Writes one file, whole or not at all; the same parameters give the same bytes. Faults: those of `GrantedFiles`. */
export async function fsWrite(params: FsWriteParams, context: OpContext): Promise<FsWriteResult> {
  const { path, content } = params;
  const text = typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`;
  const { bytes, sha256 } = await context.files.write(path, new TextEncoder().encode(text), { signal: context.signal });
  return { path, bytes, sha256 };
}
