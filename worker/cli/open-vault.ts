import type { VaultView } from "@oa/shared/api/ports.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlClient } from "./control-client.ts";
import { passphraseFrom } from "./passphrase.ts";

/**
 * The vault as the worker has it, opened with its passphrase where it is locked, or made where there is none. Refusals:
 * those of the route. Faults: passphrase_needed, canceled.
 */
export async function openVaultFirst(
  client: Pick<ControlClient, "get" | "post">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<VaultView | Rejection> {
  const view = await client.get<VaultView>("/v1/secrets");
  if (isRejection(view) || view.vault.status === "open" || view.vault.kept_by === "keychain") return view;
  const ask = passphraseFrom(env, { input: process.stdin, output: process.stderr });
  const isNew = view.vault.status === "none";
  const passphrase = await ask(isNew ? "the new secrets vault" : "the secrets vault");
  const typed = env.OA_PASSPHRASE_FD === undefined && env.OA_PASSPHRASE === undefined;
  if (isNew && typed && (await ask("the new secrets vault, again")) !== passphrase) {
    return reject("usage", "the two passphrases are not the same; nothing was written");
  }
  return client.post<VaultView>("/v1/secrets/unlock", { passphrase });
}
