import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["secrets", "unlock"],
  summary: "Open the vault with its passphrase until the worker stops, or make it",
  examples: ["oa secrets unlock", "oa secrets unlock --json"],
  run: async ({ api, env, print }) => {
    const client = await api();
    const view = await (await import("./open-vault.ts")).openVaultFirst(client, env);
    if (isRejection(view)) return view;
    const until = client.daemon ? "open until the worker stops" : "right; no worker runs, so it is closed again";
    print(view.vault, `The vault is ${until}.`);
    return 0;
  },
});
