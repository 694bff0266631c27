import type { Decider } from "../core/decider.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import type { VaultEvent, VaultSecretUsed } from "../generated/types.ts";

/** The subject of what the owner does with the vault. */
export const VAULT = "vault";

/** The subject of what one run uses of it. */
export function vaultUses(run_id: string): string {
  return `vault/${run_id}`;
}

/** What a run was recorded to use. What the vault holds is in the vault alone. */
export interface VaultState {
  readonly used: readonly VaultSecretUsed["data"][];
}

export type VaultCommand =
  | { readonly type: "set"; readonly name: string; readonly replaced: boolean }
  | { readonly type: "remove"; readonly name: string }
  | { readonly type: "change_passphrase" }
  | ({ readonly type: "use" } & VaultSecretUsed["data"]);

/** Keeps what was done with secrets, by name. The same use of a step is kept once. Refuses nothing. */
export const vaultDecider: Decider<VaultState, VaultEvent, VaultCommand> = {
  initial: { used: [] },
  evolve: (state, event) => (event.event_type === "vault.secret_used" ? { used: [...state.used, event.data] } : state),
  decide,
};

function decide({ used }: VaultState, command: VaultCommand): readonly VaultEvent[] | Rejection {
  switch (command.type) {
    case "set":
      return [{ event_type: "vault.secret_set", data: { name: command.name, replaced: command.replaced } }];
    case "remove":
      return [{ event_type: "vault.secret_removed", data: { name: command.name } }];
    case "change_passphrase":
      return [{ event_type: "vault.passphrase_changed", data: {} }];
    case "use": {
      const { type: _, ...data } = command;
      const { name, host, step_id } = data;
      const known = used.some((one) => one.name === name && one.host === host && one.step_id === step_id);
      return known ? [] : [{ event_type: "vault.secret_used", data }];
    }
    default:
      return assertNever(command);
  }
}
