import type { PassphraseChange } from "@oa/shared/api/ports.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { passphraseFrom } from "./passphrase.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["secrets", "passphrase"],
  summary: "Encrypt the vault anew under another passphrase",
  examples: ["oa secrets passphrase", "oa secrets passphrase --json 3< both-lines.txt  # with OA_PASSPHRASE_FD=3"],
  run: async ({ api, env, print }) => {
    const terminal = { input: process.stdin, output: process.stderr };
    const client = await api();
    const before = await client.get<PassphraseChange>("/v1/secrets");
    if (isRejection(before)) return before;
    if (before.vault.status === "none") return reject("not_found", "there is no vault yet: `oa secrets set` makes one");
    const old_passphrase = await passphraseFrom(env, terminal)("the secrets vault, as it is now");
    // On a descriptor the next line is the new one.
    const { OA_PASSPHRASE: _, OA_NEW_PASSPHRASE: given, ...rest } = env;
    if (given === undefined && rest.OA_PASSPHRASE_FD === undefined && !process.stdin.isTTY) {
      const where = "in OA_NEW_PASSPHRASE, or as the second line on the file descriptor that OA_PASSPHRASE_FD names";
      return reject("usage", `give the new passphrase ${where}; nothing was changed`);
    }
    const ask = passphraseFrom(given === undefined ? rest : { ...rest, OA_PASSPHRASE: given }, terminal);
    const new_passphrase = await ask("the secrets vault, from now on");
    const typed = given === undefined && env.OA_PASSPHRASE_FD === undefined;
    if (typed && (await ask("the secrets vault, from now on, again")) !== new_passphrase) {
      return reject("usage", "the two new passphrases are not the same; nothing was changed");
    }
    const body = { old_passphrase, new_passphrase };
    const changed = await client.post<PassphraseChange>("/v1/secrets/passphrase", body);
    if (isRejection(changed)) return changed;
    const { stale_passphrase_file: stale } = changed;
    print({ changed: true, stale_passphrase_file: stale }, () => {
      const file =
        stale === null
          ? ""
          : ` Put it into ${stale} too: that file holds another, and the worker reads it when it starts.`;
      return plain(
        `The vault is under the new passphrase.${file} Copies of vault.json that were made before open with the old one.`,
      );
    });
    return 0;
  },
});
