import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["audit", "export"],
  summary: "Write the event log as JSON Lines, to be checked anywhere",
  options: { out: { type: "text", value: "FILE", summary: "A new file to write; without it, stdout" } },
  examples: ["oa audit export > log.jsonl", "oa audit export --out log.jsonl --json"],
  run: async (context) => {
    const { cwd, data_dir, json, options, print, write } = context;
    if (json && options.out === undefined) {
      return reject("usage", "with --json the export needs --out FILE, since stdout then holds one document");
    }
    if (!existsSync(data_dir)) return reject("not_found", `there is no worker in ${data_dir}`);
    const chunks = await (await context.api()).stream("/v1/audit/export");
    if (isRejection(chunks)) return chunks;
    if (options.out === undefined) {
      for await (const chunk of chunks) await write(chunk);
      return 0;
    }
    const path = resolve(cwd, options.out);
    let bytes = 0;
    // The log tells what its owner does: nobody else may read it. A file that is there is never overwritten.
    const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
      const why = error.code === "EEXIST" ? "it exists already" : error.message;
      return reject("usage", `${path} cannot be written: ${why}`);
    });
    if (isRejection(file)) return file;
    try {
      for await (const chunk of chunks) bytes += (await file.write(chunk)).bytesWritten;
      await file.sync();
    } finally {
      await file.close();
    }
    print({ file: path, bytes }, `${path}: ${bytes} bytes`);
    return 0;
  },
});
