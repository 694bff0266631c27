import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["key", "new"],
  summary: "Make an author's key, in a file that a passphrase opens (NIP-49)",
  arguments: { file: { summary: "Where it goes; a file that is there is left as it is" } },
  options: { plain: { type: "flag", summary: "Without a passphrase: whoever reads the file has the key" } },
  examples: ["oa key new author.ncryptsec", "oa key new author.nsec --plain --json"],
  run: async ({ args, options, cwd, env, print }) => {
    const [{ writeKeyFile }, { passphraseFrom }, { publicKeyOf }, { hexToNpub }] = await Promise.all([
      import("../adapters/key-file.ts"),
      import("./passphrase.ts"),
      import("@oa/shared/nostr/template.ts"),
      import("@oa/shared/nostr/npub.ts"),
    ]);
    const file = resolve(cwd, args.file);
    const ask = passphraseFrom(env, { input: process.stdin, output: process.stderr });
    const passphrase = options.plain ? null : await ask(file);
    if (passphrase === "") return reject("usage", "the passphrase is empty; --plain makes a file without one");
    const asked_twice = passphrase !== null && env.OA_PASSPHRASE_FD === undefined && env.OA_PASSPHRASE === undefined;
    if (asked_twice && (await ask(`${file}, again`)) !== passphrase) {
      return reject("usage", "the two passphrases are not the same; nothing was written");
    }
    const secret_key = new Uint8Array(randomBytes(32));
    const public_key = publicKeyOf(secret_key);
    await writeKeyFile(file, secret_key, passphrase);
    const npub = hexToNpub(public_key);
    print({ file, public_key, npub }, `${file} holds the key of ${npub}. Sign with it: --signer ${file}`);
    return 0;
  },
});
