import type { ControlPorts, SecretView, VaultView } from "@oa/shared/api/ports.ts";
import { hostOfUrl } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { VAULT, type VaultCommand, vaultDecider } from "@oa/shared/vault/decider.ts";
import { lastUseOf } from "@oa/shared/vault/views.ts";
import type { Vault } from "../adapters/vault.ts";
import type { Decide } from "./decide.ts";

/** The owner's secrets, by name alone: a value goes in and never comes out. What is done with them is in the log. */
export function secretsPort({
  vault,
  now_ms,
  decide,
  sql,
}: {
  readonly vault: Vault;
  readonly now_ms: () => number;
  readonly decide: Decide;
  readonly sql: Sql;
}): ControlPorts["secrets"] {
  const view = (): VaultView => ({
    vault: { status: vault.status(), kept_by: vault.kept_by },
    secrets: vault.all().map(({ name, hosts, set_at }): SecretView => {
      return { name, hosts, set_at, used: lastUseOf(sql, name) };
    }),
  });
  /** What was done, in the log: once it is done, since what was refused did not happen. */
  const kept = async (command: VaultCommand): Promise<VaultView | Rejection> => {
    const recorded = await decide(vaultDecider, VAULT, command);
    return isRejection(recorded) ? recorded : view();
  };
  return {
    list: view,
    set: async ({ name, value, hosts }) => {
      const set_at = new Date(now_ms()).toISOString();
      const replaced = vault.get(name) !== undefined;
      const refused = await vault.set({ name, value, hosts: hosts.map(asHost), set_at });
      return refused ?? kept({ type: "set", name, replaced });
    },
    remove: async (name) => (await vault.remove(name)) ?? kept({ type: "remove", name }),
    unlock: async (passphrase) => (await vault.unlock(passphrase)) ?? view(),
    changePassphrase: async ({ old_passphrase, new_passphrase }) => {
      const changed = await vault.changePassphrase(old_passphrase, new_passphrase);
      if (isRejection(changed)) return changed;
      const shown = await kept({ type: "change_passphrase" });
      return isRejection(shown) ? shown : { ...shown, ...changed };
    },
  };
}

/** A host as permissions name it, also out of a web address; anything else as it is, for the vault to refuse. */
function asHost(text: string): string {
  return hostOfUrl(/^https?:\/\//i.test(text) ? text : `https://${text}/`) ?? text;
}
