import { openEgress } from "@oa/worker/adapters/egress.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openProcesses } from "@oa/worker/adapters/process.ts";
import type { OpContext } from "@oa/worker/ops/op.ts";

/** What `git.clone` is given of a run under a grant, with every name at this machine; what it has no use for is absent. */
export function cloneContext(grant: readonly string[], home: string): OpContext {
  return {
    files: openGrantedFiles(grant, { home }),
    egress: openEgress(grant, { private_allow: [], lookup: async () => [{ address: "127.0.0.1", family: 4 }] }),
    processes: openProcesses(),
    signal: new AbortController().signal,
    progress: () => undefined,
    log: () => undefined,
  } as unknown as OpContext;
}
