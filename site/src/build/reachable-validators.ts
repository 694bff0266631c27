import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OPS } from "@oa/shared/generated/ops.ts";
import { type BuildPlugin, inBrowser } from "./plugin.ts";

/** What browser code checks. All validators together are megabytes; these, with what they need, are a small part. */
const USED: ReadonlySet<string> = new Set([
  ...["isCatalogDetail", "isCatalogPage", "isInstallConfig", "isMailboxPage", "isPairingClaim", "isReleaseContent"],
  ...["isRemoteSigningAnswer", "isUpgradeManifest", "isWorkerStatus"],
  // Looked up by name, by the rules for a step's parameters.
  ...Object.values(OPS).map(({ title }) => `is${title}Params`),
]);

const FILE = "generated/validators.cjs";

/**
 * Gives browser code the validators that it uses, and none of the others. A module that uses one which is not in the list
 * fails the build.
 */
export function reachableValidators(root: string): BuildPlugin {
  // A name beside the real file, so that what it requires is found from there.
  const id = join(root, "shared", "generated", "validators.reachable.js");
  return {
    name: "reachable-validators",
    enforce: "pre",
    applyToEnvironment: inBrowser,
    resolveId: (source) => (source.endsWith(FILE) ? id : null),
    load: (asked) =>
      asked === id
        ? { code: reachable(readFileSync(join(root, "shared", FILE), "utf8"), USED), moduleType: "js" }
        : null,
    transform(code, at) {
      const missing = [...code.matchAll(/\bvalidators\.(is\w+)/g)].find(([, name = ""]) => !USED.has(name));
      if (missing !== undefined && at.endsWith(".ts")) {
        this.error(`${at} uses ${missing[0]}, which ${import.meta.filename} does not give to the browser`);
      }
      return null;
    },
  };
}

/** The statements of generated validators that `wanted` need, as a module whose default export is a table of them. */
export function reachable(commonjs: string, wanted: ReadonlySet<string>): string {
  const exported = new Map<string, string>();
  const owned = new Map<string, string[]>();
  for (const text of topLevel(commonjs)) {
    const [, name, value] = /^exports\.(\w+) = (\w+);$/.exec(text) ?? [];
    if (name !== undefined && value !== undefined) exported.set(name, value);
    const [, owner] = /^(?:const |function )?(?!exports\b)([\w$]+)/.exec(text) ?? [];
    if (owner !== undefined) owned.set(owner, [...(owned.get(owner) ?? []), text]);
  }
  const kept = new Set<string>();
  const keep = (name: string): void => {
    const texts = kept.has(name) ? undefined : owned.get(name);
    if (texts === undefined) return;
    kept.add(name);
    for (const text of texts) for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) keep(word);
  };
  const table = [...wanted].map((name) => {
    const value = exported.get(name);
    if (value === undefined || !owned.has(value)) throw new Error(`there is no validator ${name}`);
    keep(value);
    return `${name}: ${value}`;
  });
  const required: string[] = [];
  const body = [...owned].flatMap(([name, texts]) => (kept.has(name) ? texts : []));
  const linked = body.map((text) =>
    text.replace(/\brequire\(("[^"]+")\)/, (_, path: string) => {
      required.push(`import * as required${required.length} from ${path};`);
      return `required${required.length - 1}`;
    }),
  );
  return [...required, ...linked, `export default { ${table.join(", ")} };`].join("\n");
}

/** A generated file's statements: one a line, but functions, which end with the line after their only last return. */
function topLevel(text: string): readonly string[] {
  const statements: string[] = [];
  let open: string[] | null = null;
  for (const line of text.split("\n")) {
    if (open === null && line.startsWith("function ")) open = [line];
    else if (open === null) statements.push(line);
    else {
      open.push(line);
      if (line === "}" && open.at(-2) === "return errors === 0;") {
        statements.push(open.join("\n"));
        open = null;
      }
    }
  }
  if (open !== null) throw new Error("the generated validators are laid out in another way than this build reads");
  return statements;
}
