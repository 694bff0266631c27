import type { VaultView } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["secrets", "list"],
  summary: "List the vault's secrets by name, and where each may be sent",
  examples: ["oa secrets list", "oa secrets list --json"],
  run: async ({ api, env, print }) => {
    const client = await api();
    let view = await client.get<VaultView>("/v1/secrets");
    const asked = env.OA_PASSPHRASE_FD !== undefined || env.OA_PASSPHRASE !== undefined || process.stdin.isTTY;
    if (!isRejection(view) && view.vault.status === "locked" && asked) {
      view = await (await import("./open-vault.ts")).openVaultFirst(client, env);
    }
    if (isRejection(view)) return view;
    const { vault, secrets } = view;
    print(view, () => {
      if (vault.status === "locked") return "The vault is locked. `oa secrets unlock` opens it until the worker stops.";
      if (secrets.length === 0) return "The vault is empty. `oa secrets set NAME --host HOST` keeps a secret.";
      return table(
        ["NAME", "HOSTS", "SET", "LAST USED"],
        secrets.map(({ name, hosts, set_at, used }) => [name, hosts.join(", "), set_at, usedText(used)]),
      );
    });
    return 0;
  },
});

function usedText(used: VaultView["secrets"][number]["used"]): string {
  return used === null ? "never" : `${used.used_at}, for ${used.host}, by ${used.run_id}`;
}
