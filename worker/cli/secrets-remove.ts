import type { VaultView } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["secrets", "remove"],
  summary: "Delete a secret from the vault; runs that need it fail from then on",
  arguments: { name: { summary: "Its name" } },
  examples: ["oa secrets remove API_TOKEN"],
  run: async ({ api, args, env, print }) => {
    const client = await api();
    const vault = await (await import("./open-vault.ts")).openVaultFirst(client, env);
    if (isRejection(vault)) return vault;
    const left = await client.post<VaultView>("/v1/secrets/remove", { name: args.name });
    if (isRejection(left)) return left;
    print({ name: args.name, removed: true }, `Removed ${args.name}.`);
    return 0;
  },
});
