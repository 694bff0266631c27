/**
 * Changes a vault's passphrase in a process that is killed (-9) on the way: argv holds the data folder, the old and the
 * new passphrase, and the call of `node:fs/promises` before which it dies; `none`: just after the change.
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { openRandom } from "@oa/worker/adapters/random.ts";
import { openVault } from "@oa/worker/adapters/vault.ts";

const [data_dir = "", before = "", after = "", call = ""] = process.argv.slice(2);
const vault = await openVault({
  ...{ data_dir, store: null, passphrase_file: null, random: openRandom(), log_n: 10 },
  report: (error) => {
    throw error;
  },
});
const calls = fs as unknown as Record<string, () => void>;
if (call !== "none") calls[call] = () => process.kill(process.pid, "SIGKILL");
syncBuiltinESMExports();
await vault.changePassphrase(before, after);
process.kill(process.pid, "SIGKILL");
