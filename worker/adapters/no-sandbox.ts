import { Fault } from "@oa/shared/core/refusal.ts";
import type { Sandbox } from "./sandbox.ts";
import { openTunnel } from "./tunnel.ts";

/** The only program that runs where there is no sandbox: its arguments are fixed in `git-command.ts` and `git-clone.ts`. */
const UNCONFINED = /(?:^|\/)git$/;

/** Refuses everything but built-in git, whose connections still go through the tunnel. */
export function noSandbox(why: string): Sandbox {
  return {
    name: "none",
    missing: why,
    confine: async ({ program, args, cwd, bounds }) => {
      if (!UNCONFINED.test(program)) {
        throw new Fault("sandbox_missing", `${program} is not started without a sandbox, and ${why}`);
      }
      const tunnel = bounds.connect === null ? null : await openTunnel(bounds.connect, { port: 0 });
      return {
        ...{ command: program, args, cwd, env: tunnel?.env ?? {}, pipes: 0 },
        admit: async () => true,
        release: () => tunnel?.close(),
      };
    },
  };
}
