/**
 * Opens a state in a process that is killed (-9) on the way: argv holds the data folder, the chain as JSON, and the call
 * of `node:fs` before which it dies, counted from 1, e.g. `renameSync 1`.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { openOwnStates } from "@oa/worker/adapters/own-states.ts";

const [data = "", chain = "[]", call = "", at = "1"] = process.argv.slice(2);
const calls = fs as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
const real = calls[call];
let left = Number(at);
calls[call] = (...args) => {
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
  return real?.(...args);
};
syncBuiltinESMExports();
await openOwnStates(data)
  .of({ install_id: "install_a", chain: JSON.parse(chain) as readonly number[], bytes_max: 1_000_000 })
  .open();
