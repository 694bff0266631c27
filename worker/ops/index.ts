import type { OpName } from "@oa/shared/generated/ops.ts";
import { codeRun } from "./code-run.ts";
import { fsRead } from "./fs-read.ts";
import { fsWrite } from "./fs-write.ts";
import { gitClone } from "./git-clone.ts";
import { httpRequest } from "./http-request.ts";
import { modelEmbed } from "./model-embed.ts";
import { modelGenerate } from "./model-generate.ts";
import { nostrPublish } from "./nostr-publish.ts";
import type { Op } from "./op.ts";
import { searchkitIndex } from "./searchkit-index.ts";
import { searchkitQuery } from "./searchkit-query.ts";
import { siteBuild } from "./site-build.ts";

/**
 * Every op by name; an op whose schema file has no function here does not compile. The engine checks parameters before
 * and results after each call against the op's own schema.
 */
export const OPS: Readonly<Record<OpName, Op<never, object>>> = {
  "code.run": codeRun,
  "fs.read": fsRead,
  "fs.write": fsWrite,
  "git.clone": gitClone,
  "http.request": httpRequest,
  "model.embed": modelEmbed,
  "model.generate": modelGenerate,
  "nostr.publish": nostrPublish,
  "searchkit.index": searchkitIndex,
  "searchkit.query": searchkitQuery,
  "site.build": siteBuild,
};
