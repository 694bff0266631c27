import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { byteSize } from "./byte-size.ts";
import { type Command, defineCommand } from "./command.ts";

const PASSPHRASE_CHARS = 12;

export const command: Command = defineCommand({
  words: ["export"],
  summary: "Write out everything this worker has of yours: events, outputs, installs and settings",
  options: {
    to: { type: "text", value: "PATH", summary: "A new folder, or a new file that ends in .tar", required: true },
    "with-keys": { type: "flag", summary: "Also the secret keys, each encrypted with a passphrase (NIP-49)" },
    "passphrase-file": { type: "text", value: "FILE", summary: "What holds the passphrase; else OA_PASSPHRASE" },
  },
  examples: [
    "oa export --to ./my-worker",
    "oa export --to backup.tar --with-keys --passphrase-file ./passphrase --json",
  ],
  run: async (context) => {
    const { cwd, data_dir, env, options, print, progress, signal } = context;
    const to = resolve(cwd, options.to);
    if (!existsSync(data_dir)) return reject("not_found", `there is no worker in ${data_dir}`);
    if (existsSync(to)) return reject("usage", `${to} exists already: an export never overwrites anything`);
    if (!existsSync(dirname(to))) return reject("not_found", `there is no folder ${dirname(to)} to export into`);
    const file = options["passphrase-file"];
    const passphrase = !options["with-keys"]
      ? null
      : ((file === undefined ? env.OA_PASSPHRASE : await readFile(resolve(cwd, file), "utf8")) ?? "").replace(
          /\r?\n$/,
          "",
        );
    if (passphrase !== null && passphrase.length < PASSPHRASE_CHARS) {
      const where = "give --passphrase-file FILE or OA_PASSPHRASE";
      return reject("usage", `--with-keys needs a passphrase of at least ${PASSPHRASE_CHARS} characters; ${where}`);
    }
    progress("exporting …");
    const events = await (await context.api()).stream("/v1/audit/export", signal);
    if (isRejection(events)) return events;
    const { exportAll } = await import("./export-folder.ts");
    const done = await exportAll({ data_dir, to, events, passphrase, signal });
    print({ path: to, ...done }, () => {
      const { events: count, artifacts, installs, state_bytes, keys } = done;
      const state = `${byteSize(state_bytes)} of upgrades' own state`;
      return `${to}: ${count} events, ${artifacts} outputs, ${installs} ${installs === 1 ? "install" : "installs"}, ${state}, ${keys} keys`;
    });
    return 0;
  },
});
