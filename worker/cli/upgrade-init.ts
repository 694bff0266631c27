import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { askForAnswers, TEMPLATES } from "./init-answers.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");

export const command: Command = defineCommand({
  words: ["upgrade", "init"],
  summary: "Start an upgrade of your own from a working example, with recordings to test it against",
  arguments: {
    target: {
      summary: "A folder for upgrade.json and fixtures, or just a .json file; the current folder",
      optional: true,
    },
  },
  options: {
    template: {
      type: "text",
      value: "NAME",
      summary: `The example to start from; ${TEMPLATES[0]} if absent`,
      choices: TEMPLATES,
    },
    id: { type: "text", value: "SLUG", summary: "Its name on the network, e.g. me.upgrade.my-index" },
    title: { type: "text", value: "TEXT", summary: "Its name for people" },
    npub: { type: "text", value: "NPUB", summary: "The author's public key; this machine's own author key if absent" },
  },
  examples: [
    "oa upgrade init",
    "oa upgrade init my-watch --template release-watch --id me.my-watch --title 'My watch'",
    "oa upgrade init my-index.json --id me.my-index --title 'My Index' --json",
  ],
  run: async ({ args, options, cwd, data_dir, json, signal, fail, print }) => {
    const { id, title, template, npub } = options;
    const terminal = !json && process.stdin.isTTY && process.stderr.isTTY;
    const streams = terminal ? { input: process.stdin, output: process.stderr } : null;
    const answers = await askForAnswers({ id, title, template }, streams, signal);
    if (isRejection(answers)) return fail(answers);
    const { validateManifest } = await import("@oa/shared/upgrade/validate.ts");
    const text = await readFile(join(FOLDER, `${answers.template}.json`), "utf8");
    const { homepage: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const manifest = {
      ...rest,
      ...{ id: answers.id, version: "0.1.0", title: answers.title },
      author: { npub: npub ?? (await ownNpub(data_dir)) },
    };
    const { valid, errors } = validateManifest(manifest);
    if (!valid) {
      const sentences = errors.map(({ message }) => message).join("; ");
      return fail(reject(errors[0]?.code ?? "schema_invalid", `nothing was written: ${sentences}`), { errors });
    }
    const target = resolve(cwd, args.target ?? ".");
    const file = target.endsWith(".json") ? target : join(target, "upgrade.json");
    const fixtures = target.endsWith(".json") ? null : join(target, "fixtures");
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`, { flag: "wx" });
      // What is there already is somebody's recording.
      if (fixtures !== null) {
        await cp(join(FOLDER, "fixtures", answers.template), fixtures, { recursive: true, force: false });
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return fail(reject("file_exists", `${file} is there already and was left as it is`));
      return fail(reject("file_access", `${file} cannot be written: ${message}`));
    }
    const test = fixtures === null ? "" : `\n      oa upgrade test ${file} --fixtures ${fixtures}`;
    print(
      { file, fixtures, id: answers.id, template: answers.template },
      `Wrote ${file}. Next: oa upgrade validate ${file}${test}`,
    );
    return 0;
  },
});

/** The key that `oa upgrade publish` signs with unless it is given another. */
async function ownNpub(data_dir: string): Promise<string> {
  const [{ loadOrCreateKey }, { hexToNpub }] = await Promise.all([
    import("../adapters/keys.ts"),
    import("@oa/shared/nostr/npub.ts"),
  ]);
  return hexToNpub((await loadOrCreateKey(data_dir, "author")).public_key);
}
