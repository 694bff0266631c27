import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { modelEmbed } from "@oa/worker/ops/model-embed.ts";
import type { OpContext } from "@oa/worker/ops/op.ts";
import { searchkitIndex } from "@oa/worker/ops/searchkit-index.ts";
import { searchkitQuery } from "@oa/worker/ops/searchkit-query.ts";
import { openSearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import { put, removeFolders, temporary } from "./fakes/source-folder.ts";

after(removeFolders);

const [code, notes] = [temporary(), temporary()];
const indexes = openSearchIndexes(temporary());
put(code, { "lease.ts": "export function renewLease() {}\n", "notes.md": "A lease is a claim.\n" });
put(notes, { "diary.md": "Nothing about it.\n" });

function context(): OpContext {
  const grant = [code, notes].map((root) => `filesystem:read:${root}/**`);
  const signal = new AbortController().signal;
  const silent = { log: () => {}, progress: () => {}, checkpoint: async () => {} };
  const files = openGrantedFiles(grant, { home: tmpdir() });
  return { files, backends: openModelBackends({}), indexes, signal, ...silent } as unknown as OpContext;
}
const oldRelease = async () => {
  await searchkitIndex({ path: code, index: "repo", exclude: ["*.md"] }, context());
  await modelEmbed({ backend: "lexical-v1", index: "repo", dim: 256 }, context());
  const { hits, index } = await searchkitQuery({ index: "repo", query: "renewLease" }, context());
  return { first: hits[0]?.path, vectors: index.vectors, stale: index.stale_files };
};
const newRelease = async () => {
  await searchkitIndex({ path: notes, index: "repo" }, context());
  await modelEmbed({ backend: "lexical-v1", index: "repo", dim: 512 }, context());
};

test("an index that a new release made of another folder, with other vectors, does not stop the old one", async () => {
  const before = await oldRelease();
  assert.deepEqual(before, { first: "lease.ts", vectors: "lexical-v1 lexical-v1, 256 dimensions", stale: 0 });
  await newRelease();
  const between = await searchkitQuery({ index: "repo", query: "diary" }, context());
  assert.equal(between.index.vectors, "lexical-v1 lexical-v1, 512 dimensions");
  assert.deepEqual(await oldRelease(), before);
});
