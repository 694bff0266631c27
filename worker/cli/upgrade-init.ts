import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

const TEMPLATES = ["nightly-index", "release-watch", "repo-digest"] as const;
const FOLDER = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");

export const command: Command = defineCommand({
  words: ["upgrade", "init"],
  summary: "Start a manifest of your own from a working example",
  arguments: {
    target: { summary: "A .json file, or the folder for upgrade.json; the current folder", optional: true },
  },
  options: {
    template: {
      type: "text",
      value: "NAME",
      summary: "The example to start from",
      choices: TEMPLATES,
      default: "nightly-index",
    },
    id: { type: "text", value: "SLUG", summary: "Its name on the network, e.g. me.upgrade.my-index" },
    title: { type: "text", value: "TEXT", summary: "Its name for people" },
    npub: { type: "text", value: "NPUB", summary: "The author's public key; this machine's own author key if absent" },
  },
  examples: [
    "oa upgrade init",
    "oa upgrade init my-index.json --template nightly-index --id me.my-index --title 'My Index'",
  ],
  run: async ({ args, options, cwd, data_dir, json, signal, fail, print }) => {
    const given = { id: options.id, title: options.title };
    const answers = await complete(given, !json && process.stdin.isTTY && process.stderr.isTTY, signal);
    if (typeof answers === "string") return fail(reject("usage", `--${answers} is missing`));
    const { validateManifest } = await import("@oa/shared/upgrade/validate.ts");
    const npub = options.npub ?? (await ownNpub(data_dir));

    const template = JSON.parse(await readFile(join(FOLDER, `${options.template}.json`), "utf8")) as Record<
      string,
      unknown
    >;
    const { homepage: _, ...rest } = template;
    const manifest = {
      ...rest,
      id: answers.id,
      version: "0.1.0",
      title: answers.title,
      author: { npub },
    };
    const report = validateManifest(manifest);
    if (!report.valid) {
      const first = report.errors[0];
      return fail(
        reject(
          first?.code ?? "schema_invalid",
          `nothing was written: ${report.errors.map(({ message }) => message).join("; ")}`,
        ),
        {
          errors: report.errors,
        },
      );
    }
    const target = resolve(cwd, args.target ?? ".");
    const file = target.endsWith(".json") ? target : join(target, "upgrade.json");
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`, { flag: "wx" });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return fail(reject("file_exists", `${file} is there already and was left as it is`));
      return fail(reject("internal", `${file} cannot be written: ${message}`));
    }
    print({ file, id: answers.id, template: options.template }, `Wrote ${file}. Next: oa upgrade validate ${file}`);
    return 0;
  },
});

interface Answers {
  readonly id: string;
  readonly title: string;
}

/** The key that `oa upgrade publish` signs with unless it is given another. */
async function ownNpub(data_dir: string): Promise<string> {
  const [{ loadOrCreateKey }, { hexToNpub }] = await Promise.all([
    import("../adapters/keys.ts"),
    import("@oa/shared/nostr/npub.ts"),
  ]);
  return hexToNpub((await loadOrCreateKey(data_dir, "author")).public_key);
}

/** Asks on the terminal for what was not given; without a terminal, the name of the first option that is missing. */
async function complete(
  given: { readonly [Name in keyof Answers]: string | undefined },
  ask: boolean,
  signal: AbortSignal,
): Promise<Answers | keyof Answers> {
  const questions = { id: "Slug (e.g. me.my-index): ", title: "Title: " } as const;
  const answers = { ...given };
  const terminal = ask ? createInterface({ input: process.stdin, output: process.stderr }) : null;
  try {
    for (const name of ["id", "title"] as const) {
      if (answers[name] === undefined && terminal !== null) {
        answers[name] = (await terminal.question(questions[name], { signal })).trim();
      }
    }
  } finally {
    terminal?.close();
  }
  const { id, title } = answers;
  if (id === undefined) return "id";
  if (title === undefined) return "title";
  return { id, title };
}
