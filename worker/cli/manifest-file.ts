import { readFile, stat } from "node:fs/promises";
import { type Json, parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { type ManifestReport, validateManifest } from "@oa/shared/upgrade/validate.ts";
import type { CommandContext } from "./command.ts";

/**
 * Everything there is to say about the manifest in a file; text that is not strict JSON is one error at the root.
 * Refusals: not_found and file_access, where the file cannot be read.
 */
export async function reportOn(file: string): Promise<ManifestReport | Rejection> {
  const parsed = await readJsonFile(file);
  if (!isRejection(parsed)) return validateManifest(parsed.value);
  return parsed.code === "not_found" || parsed.code === "file_access" ? parsed : failing(parsed);
}

/** The strict JSON of a file. Refusals: not_found, file_access, too_large and the JSON codes. */
export async function readJsonFile(file: string): Promise<{ readonly value: Json } | Rejection> {
  try {
    if ((await stat(file)).size > LIMITS.json_bytes) {
      return reject("too_large", `${file} is over ${LIMITS.json_bytes} bytes`);
    }
    return parseStrict(new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file)));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return reject("not_found", `there is no file ${file}`);
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return reject("json_invalid", `${file} is not UTF-8 text`);
    return reject("file_access", `${file} cannot be read: ${message}`);
  }
}

function failing({ code, message }: Rejection): ManifestReport {
  return {
    valid: false,
    errors: [{ path: "", code, message }],
    permissions: [],
    over_ask: [],
    under_ask: [],
    manifest: null,
  };
}

/** Says that a manifest is not valid, with every error. */
export function invalidManifest(
  name: string,
  { errors }: ManifestReport,
  fail: CommandContext["fail"],
): ReturnType<CommandContext["fail"]> {
  const code = errors[0]?.code ?? "schema_invalid";
  // The first one's code stands at the end of the sentence.
  const lines = errors.map(
    (error) => `${error.path || "/"} ${error.message}${error.code === code ? "" : ` (${error.code})`}`,
  );
  return fail(reject(code, `${name} is not valid: ${lines.join("; ")}`), { errors });
}

/** Errors as lines for people. */
export function errorLines(errors: ManifestReport["errors"]): readonly string[] {
  return errors.map(({ path, code, message }) => `  ${path === "" ? "/" : path}  ${message} (${code})`);
}
