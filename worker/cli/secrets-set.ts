import type { VaultView } from "@oa/shared/api/ports.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["secrets", "set"],
  summary: "Keep a secret in the vault, for upgrades you let send it to its host",
  arguments: {
    name: {
      summary: "What upgrades call it, e.g. API_TOKEN; the value is asked for, or read from stdin",
      alone: "a value is never an argument, which others on this machine can see: it is asked for, or read from stdin",
    },
  },
  options: {
    host: {
      type: "text",
      value: "HOST",
      summary: "The only host it may ever be sent to; may be given several times",
      repeat: true,
    },
  },
  examples: [
    "oa secrets set API_TOKEN --host api.example.com",
    "oa secrets set API_TOKEN --host api.example.com --json < token.txt",
  ],
  run: async ({ api, args, env, options, print }) => {
    const { name } = args;
    if (options.host.length === 0) return reject("usage", `name the host ${name} is for: --host api.example.com`);
    const [{ openVaultFirst }, { readSecretValue }] = await Promise.all([
      import("./open-vault.ts"),
      import("./secret-value.ts"),
    ]);
    const client = await api();
    const vault = await openVaultFirst(client, env);
    if (isRejection(vault)) return vault;
    const value = await readSecretValue(name);
    if (isRejection(value)) return value;
    const kept = await client.post<VaultView>("/v1/secrets", { name, value, hosts: options.host });
    if (isRejection(kept)) return kept;
    const hosts = kept.secrets.find((secret) => secret.name === name)?.hosts ?? [];
    print({ name, hosts }, `Kept ${name}, for ${hosts.join(" and ")} alone.`);
    return 0;
  },
});
