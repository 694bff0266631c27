/** Indexes one folder and prints how far it is: a process for tests to kill. Arguments: data folder, source folder. */
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openSearchIndexes } from "@oa/worker/searchkit/indexes.ts";

const [data = "", root = ""] = process.argv.slice(2);
const tree = await openGrantedFiles([`filesystem:read:${root}/**`], { home: root }).tree(root);
await openSearchIndexes(data).update("x", tree, {}, new AbortController().signal, (done) => {
  process.stdout.write(`${done}\n`);
});
