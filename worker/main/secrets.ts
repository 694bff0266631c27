import { keychain } from "../adapters/keychain.ts";
import { openProcesses } from "../adapters/process.ts";
import { openRandom } from "../adapters/random.ts";
import { openSecrecy, type Secrecy } from "../adapters/secrecy.ts";
import { openVault, type Vault } from "../adapters/vault.ts";
import type { Config } from "../config.ts";

/** The owner's vault and what keeps secrets in their place. `trouble`: why the vault stays locked with its key at hand. */
export async function openSecrets(
  { data_dir, vault_passphrase_file: passphrase_file }: Pick<Config, "data_dir" | "vault_passphrase_file">,
  own: readonly string[],
): Promise<{ readonly vault: Vault; readonly secrecy: Secrecy; readonly trouble: readonly unknown[] }> {
  const trouble: unknown[] = [];
  const random = openRandom();
  const store = process.platform === "darwin" ? keychain(openProcesses(), data_dir) : null;
  const report = (error: unknown): void => void trouble.push(error);
  const learned: string[] = [];
  let learn = (passphrase: string): void => void learned.push(passphrase);
  const vault = await openVault({ data_dir, store, passphrase_file, random, report, learn: (text) => learn(text) });
  const secrecy = openSecrecy(vault, random);
  learn = (value) => secrecy.keep({ name: "the passphrase of the vault", value });
  for (const passphrase of learned) learn(passphrase);
  for (const value of own) secrecy.keep({ name: "a key of this worker", value });
  return { vault, secrecy, trouble };
}
