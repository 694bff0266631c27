/** A schema file, as far as an OpenAPI document needs it. */
export interface SchemaFile {
  readonly $id: string;
  readonly title?: string;
  readonly $defs?: Readonly<Record<string, unknown>>;
}

/** Gives a schema file by its path below `schemas/`. */
export type ReadSchema = (path: string) => SchemaFile;

/** A reference to a schema of the same document. */
export function schemaRef(title: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${title}` };
}

/** A body or an answer that is JSON by a schema of the same document. */
export function jsonContent(title: string): object {
  return { "application/json": { schema: schemaRef(title) } };
}

/** Schema files and their definitions by title, as components of an OpenAPI 3.1 document: references between files made local. */
export function componentsOf(files: readonly SchemaFile[]): Readonly<Record<string, unknown>> {
  const titles = new Map(files.map(({ $id, title }) => [$id, title]));
  const local = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(local);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).flatMap(([key, value]) => {
        if (key === "$schema" || key === "$id" || key === "$defs") return [];
        if (key !== "$ref" || typeof value !== "string") return [[key, local(value)]];
        const name = value.includes("#/$defs/") ? value.split("#/$defs/")[1] : titles.get(value);
        return [[key, `#/components/schemas/${name}`]];
      }),
    );
  };
  const whole = files.flatMap((file) => (file.title === undefined ? [] : [[file.title, file] as const]));
  const parts = files.flatMap((file) => Object.entries(file.$defs ?? {}));
  return Object.fromEntries([...whole, ...parts].map(([name, schema]) => [name, local(schema)]));
}
