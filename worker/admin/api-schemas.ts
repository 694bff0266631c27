import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SchemaFile } from "@oa/shared/core/openapi.ts";

/** A schema file of this program, by its path below `schemas/`. */
export function readSchema(path: string): SchemaFile {
  const file = fileURLToPath(import.meta.resolve(`@oa/schemas/${path}`));
  return JSON.parse(readFileSync(file, "utf8")) as SchemaFile; // what codegen compiled
}
