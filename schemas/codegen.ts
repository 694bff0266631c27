/**
 * Writes `shared/generated/` from the schemas: types.ts, validators.cjs (+ .d.cts), sealed.ts and ops.ts.
 * `node schemas/codegen.ts` writes; `--check` writes nothing and fails when what is there is stale.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import addFormats from "ajv-formats";
import { compile } from "json-schema-to-typescript";

type Schema = { [key: string]: unknown };
interface OpFile extends Schema {
  op: string;
  title: string;
  params: Schema;
  result: Schema;
}

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "shared", "generated");
const BANNER = "// Generated from schemas/ by `npm run codegen`. Do not edit.\n";

/** Every schema file but the examples, by path, in a stable order. */
function schemaFiles(): readonly { readonly path: string; readonly schema: Schema }[] {
  return readdirSync(here, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".json") && !/^(examples|node_modules)\/|^(package|tsconfig)\.json$/.test(path))
    .sort()
    .map((path) => ({ path, schema: JSON.parse(readFileSync(join(here, path), "utf8")) as Schema }));
}

/** The schemas that become types and validators: an op file gives two. */
function contracts(files: ReturnType<typeof schemaFiles>): readonly Schema[] {
  return files.flatMap(({ path, schema }) => {
    const title = schema.title;
    if (typeof title !== "string" || !/^[A-Z][A-Za-z0-9]*$/.test(title)) {
      throw new Error(`${path}: the title names the type, so it must be PascalCase`);
    }
    if (schema.$id !== `https://openagents.dev/schemas/${path}`) {
      throw new Error(`${path}: $id must be https://openagents.dev/schemas/${path}`);
    }
    if (!isOp(schema)) return [schema];
    if (path !== `op/${schema.op}.json`) throw new Error(`${path}: must be named after its op, ${schema.op}`);
    return (["params", "result"] as const).map((part) => ({
      ...schema[part],
      $id: `${schema.$id}#${part}`.replace("#", "/"),
      title: `${title}${part === "params" ? "Params" : "Result"}`,
    }));
  });
}

function isOp(schema: Schema): schema is OpFile {
  return typeof schema.op === "string";
}

/** One schema of all, so that each type is declared once: references between files become local ones. */
function bundle(schemas: readonly Schema[]): Schema {
  const titles = new Map(schemas.map((schema) => [schema.$id, schema.title as string]));
  const defs: Record<string, Schema> = {};
  const rewrite = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(rewrite);
    if (typeof node !== "object" || node === null) return node;
    const out: Schema = {};
    for (const [key, value] of Object.entries(node)) {
      if (key === "$id" || key === "$schema" || key === "$defs" || key.startsWith("x-")) continue;
      if (key === "$ref" && typeof value === "string" && !value.startsWith("#")) {
        const [file = "", local] = value.split("#/$defs/");
        const title = local ?? titles.get(file);
        if (title === undefined) throw new Error(`unknown $ref ${value}`);
        out[key] = `#/$defs/${title}`;
      } else out[key] = rewrite(value);
    }
    return out;
  };
  const add = (name: string, schema: Schema): void => {
    if (defs[name] !== undefined) throw new Error(`two schemas are called ${name}`);
    defs[name] = { ...(rewrite(schema) as Schema), title: name };
  };
  for (const schema of schemas) {
    add(schema.title as string, schema);
    for (const [name, local] of Object.entries((schema.$defs ?? {}) as Record<string, Schema>)) add(name, local);
  }
  return { title: "Everything", type: "object", additionalProperties: false, $defs: defs };
}

async function types(schemas: readonly Schema[]): Promise<string> {
  const text = await compile(bundle(schemas) as never, "Everything", {
    bannerComment: BANNER,
    additionalProperties: false,
    unreachableDefinitions: true,
    format: false,
    ignoreMinAndMaxItems: true,
    strictIndexSignatures: true,
  });
  return text
    .replace(/export interface Everything \{[^}]*\}\n/, "")
    .replace(/\/\*\*\n \* This interface was referenced by [\s\S]*?\*\/\n/g, "")
    .replace(/\n \* \n \* This interface was referenced by [^\n]*\n \* via the `definition` "[^"]*"\./g, "")
    .replace(/\n \*\n \* This interface was referenced by [^\n]*\n \* via the `definition` "[^"]*"\./g, "")
    .replace(/^((?:"[^"\n]+"|[A-Za-z_$][\w$]*)\??: )(.*?\[\])?$/gm, (_, name, array) =>
      array === undefined ? `readonly ${name}` : `readonly ${name}readonly ${array}`,
    )
    .replace(/^(?!readonly |export |\/?\*)((?:"[^"\n]+"|[A-Za-z_$][\w$]*)\??: )/gm, "readonly $1");
}

function validators(schemas: readonly Schema[]): { readonly code: string; readonly declarations: string } {
  const ajv = new Ajv2020({
    schemas: [...schemas],
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
    discriminator: true,
    code: { source: true, lines: true },
  });
  ajv.addVocabulary(["x-sealed", "x-secret"]);
  addFormats.default(ajv);
  const names = schemas.map((schema) => schema.title as string);
  const ids = Object.fromEntries(schemas.map((schema) => [`is${schema.title}`, schema.$id as string]));
  const code = standalone.default(ajv, ids);
  const declarations = `${BANNER}import type * as types from "./types.ts";
export interface ValidationError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}
export interface Validator<T> {
  (value: unknown): value is T;
  errors?: readonly ValidationError[] | null;
}
${names.map((name) => `export const is${name}: Validator<types.${name}>;`).join("\n")}
`;
  return { code: `${BANNER}${ascii(code)}\n`, declarations };
}

/** The same program in ASCII alone, which every process that starts reads in half the time: it is megabytes. */
function ascii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Event types whose data has fields marked `x-sealed`. They must be optional: retention deletes their values. */
function sealedFields(files: ReturnType<typeof schemaFiles>): string {
  const table: Record<string, string[]> = {};
  for (const { path, schema } of files) {
    if (!path.startsWith("event/")) continue;
    for (const event of (schema.oneOf ?? []) as Schema[]) {
      const properties = event.properties as Record<string, Schema>;
      const type = properties.event_type?.const as string;
      const data = properties.data ?? {};
      const fields = Object.entries((data.properties ?? {}) as Record<string, Schema>)
        .filter(([, field]) => field["x-sealed"] === true)
        .map(([name]) => name);
      for (const field of fields) {
        if (((data.required ?? []) as string[]).includes(field)) {
          throw new Error(`${path}: ${type}.${field} is sealed, so it must be optional`);
        }
      }
      if (fields.length > 0) table[type] = fields;
    }
  }
  return `${BANNER}/** By event type: the fields of its data that the log holds as salted commitments. */
export const SEALED_FIELDS: Readonly<Record<string, readonly string[]>> = ${JSON.stringify(table, null, 2)};\n`;
}

/** The op catalog as data: validation, inference of permissions and consent read only this. */
function ops(files: ReturnType<typeof schemaFiles>): string {
  const all = files.flatMap(({ schema }) => (isOp(schema) ? [schema] : []));
  const table = Object.fromEntries(all.map(({ $schema: _, $id: __, op, ...rest }) => [op, { op, ...rest }] as const));
  return `${BANNER}import type { OpDefinition } from "./types.ts";
/** Every op by name, as its schema file declares it. */
export const OPS: Readonly<Record<OpName, OpDefinition>> = ${JSON.stringify(table, null, 2)} as Readonly<Record<OpName, OpDefinition>>;
export type OpName = ${all.map(({ op }) => JSON.stringify(op)).join(" | ") || "never"};
`;
}

async function main(check: boolean): Promise<number> {
  const files = schemaFiles();
  const schemas = contracts(files);
  const { code, declarations } = validators(schemas);
  const outputs: Record<string, string> = {
    "types.ts": await types(schemas),
    "validators.cjs": code,
    "validators.d.cts": declarations,
    "sealed.ts": sealedFields(files),
    "ops.ts": ops(files),
  };
  mkdirSync(target, { recursive: true });
  const stale = Object.entries(outputs).filter(([name, text]) => read(join(target, name)) !== text);
  if (check && stale.length > 0) {
    process.stderr.write(
      `stale: ${stale.map(([name]) => `shared/generated/${name}`).join(", ")}; run npm run codegen\n`,
    );
    return 1;
  }
  for (const [name, text] of stale) writeFileSync(join(target, name), text);
  return 0;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

process.exitCode = await main(process.argv.includes("--check"));
