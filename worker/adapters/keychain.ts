import { Fault } from "@oa/shared/core/refusal.ts";
import type { Processes, ProcessResult } from "./process.ts";

/** Where the operating system keeps secrets. */
export interface SecretStore {
  /** Null where there is no entry of that name. */
  readonly read: (name: string) => Promise<string | null>;
  /** Keeps what is there already, if another process was first. */
  readonly create: (name: string, secret: string) => Promise<void>;
}

const COMMAND = "/usr/bin/security";
// Of `security error <code>`: errSecItemNotFound and errSecDuplicateItem, as the tool's exit status.
const NOT_FOUND = 44;
const DUPLICATE = 45;

/**
 * The macOS login Keychain, through its own command. An entry belongs to one data folder. The secret goes in by stdin,
 * never as an argument, which other processes could see. Tested against recorded output of the command; not yet run on
 * macOS hardware. Fault: key_store.
 */
export function keychain(processes: Processes, data_dir: string): SecretStore {
  const service = `openagents:${data_dir}`;
  const run = (args: readonly string[], stdin = ""): Promise<ProcessResult> =>
    processes.run(COMMAND, args, {
      stdin,
      timeout_ms: 30_000,
      max_output_bytes: 65_536,
      signal: new AbortController().signal,
    });
  return {
    read: async (name) => {
      const result = await run(["find-generic-password", "-s", service, "-a", name, "-w"]);
      if (result.code === NOT_FOUND) return null;
      if (result.code !== 0) throw locked(result);
      return result.stdout.trim();
    },
    create: async (name, secret) => {
      // Interactive mode takes the command from stdin and its status is that of the last one.
      const command = `add-generic-password -s ${quote(service)} -a ${quote(name)} -w ${quote(secret)}\n`;
      const result = await run(["-i"], command);
      if (result.code !== 0 && result.code !== DUPLICATE) throw locked(result);
    },
  };
}

function quote(value: string): string {
  if (/[\n\r\0]/.test(value)) throw new Fault("key_store", "the data folder's path cannot name a Keychain entry");
  return `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** The tool's own words hold no secret; the command that was sent does, and is not repeated. */
function locked({ code, stderr }: ProcessResult): Fault {
  const why = stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
  const message = `the Keychain cannot be used (${code}${why === "" ? "" : `: ${why}`}): log in on this Mac, or unlock it with "security unlock-keychain"`;
  return new Fault("key_store", message, { retryable: true });
}
