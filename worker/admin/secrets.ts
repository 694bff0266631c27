import type { ControlPorts, SecretView, VaultView } from "@oa/shared/api/ports.ts";
import { hostOfUrl } from "@oa/shared/core/permission.ts";
import type { Vault } from "../adapters/vault.ts";

/** The owner's secrets, by name alone: a value goes in and never comes out. */
export function secretsPort({
  vault,
  now_ms,
}: {
  readonly vault: Vault;
  readonly now_ms: () => number;
}): ControlPorts["secrets"] {
  const view = (): VaultView => ({
    vault: { status: vault.status(), kept_by: vault.kept_by },
    secrets: vault.all().map(({ name, hosts, set_at }): SecretView => ({ name, hosts, set_at })),
  });
  return {
    list: view,
    set: async ({ name, value, hosts }) => {
      const set_at = new Date(now_ms()).toISOString();
      return (await vault.set({ name, value, hosts: hosts.map(asHost), set_at })) ?? view();
    },
    remove: async (name) => (await vault.remove(name)) ?? view(),
    unlock: async (passphrase) => (await vault.unlock(passphrase)) ?? view(),
  };
}

/** A host as permissions name it, also out of a web address; anything else as it is, for the vault to refuse. */
function asHost(text: string): string {
  return hostOfUrl(/^https?:\/\//i.test(text) ? text : `https://${text}/`) ?? text;
}
