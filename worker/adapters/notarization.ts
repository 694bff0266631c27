import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Processes } from "./process.ts";

/** The designated team of a signature: ten letters and digits. */
const TEAM = /^TeamIdentifier=([A-Z0-9]{10})$/m;

/**
 * Refuses a program for macOS that Apple has not notarized, or whose signature does not cover what is there:
 * `codesign` checks both, `spctl` says whether this machine's own policy lets it run. Tested against recorded output;
 * untested on macOS hardware. Faults: code_not_notarized, process_failed.
 */
export async function checkNotarized(
  path: string,
  processes: Processes,
  signal: AbortSignal,
): Promise<{ readonly team: string }> {
  const ask = (command: string, args: readonly string[]) =>
    processes.run(command, [...args, path], {
      ...{ timeout_ms: LIMITS.notarization_ms, max_output_bytes: LIMITS.machine_sensor_bytes, signal },
    });
  const refuse = (what: string, said: string): Fault =>
    new Fault("code_not_notarized", `${path} ${what}: ${said.trim().split("\n").at(-1)?.slice(0, 300) ?? ""}`);
  const valid = await ask("/usr/bin/codesign", ["--verify", "--strict", "--check-notarization", "-R=notarized"]);
  if (valid.code !== 0) throw refuse("is not signed and notarized", valid.stderr);
  const allowed = await ask("/usr/sbin/spctl", [
    "--assess",
    "--type",
    "open",
    "--context",
    "context:primary-signature",
  ]);
  if (allowed.code !== 0) throw refuse("is not let through by Gatekeeper", allowed.stderr);
  const { stderr } = await ask("/usr/bin/codesign", ["--display", "--verbose=2"]);
  const team = TEAM.exec(stderr)?.[1];
  if (team === undefined) throw refuse("is signed by nobody in particular", "no TeamIdentifier");
  return { team };
}
