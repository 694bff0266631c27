/**
 * A second engine that joins a workspace and never finishes its write outside: it waits to be killed. Arguments: the
 * control API's address, its token, and a folder where it writes the claim it got.
 */
import { writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { joinWorkspace } from "@oa/worker/engine/join.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { CRASH_MANIFEST, crashOps } from "../fakes/crash.ts";
import { openRunWorld } from "../fakes/runs.ts";
import { workspaceAt } from "../fakes/workspace.ts";

const [, , url = "", token = "", folder = ""] = process.argv;
const ops = crashOps(folder);
const request = ops["http.request"] as Op<{ readonly method?: string }, object>;
const stuck: Op<{ readonly method?: string }, object> = async (params, context) => {
  if (params.method !== "POST") return request(params as never, context);
  writeSync(1, "stuck\n");
  return new Promise(() => setInterval(() => undefined, 1_000));
};
const world = openRunWorld({ ops: { ...ops, "http.request": stuck as Op<never, object> } });
world.install(CRASH_MANIFEST);
const workspace = workspaceAt(url, token, 1_000);
await joinWorkspace(
  world.options,
  {
    ...workspace,
    post: async (path, body, signal) => {
      const answer = await workspace.post<never>(path, body, signal);
      if (path === "/v1/runs/claim") writeFileSync(join(folder, "claim.json"), JSON.stringify(answer));
      return answer;
    },
  },
  new AbortController().signal,
);
