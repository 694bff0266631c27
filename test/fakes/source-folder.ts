/** Folders of source files for search tests, opened as the worker opens them, and what grep says about them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import type { SourceTree } from "@oa/worker/searchkit/source.ts";

const folders: string[] = [];

/** A new empty folder, removed by `removeFolders`. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "oa-search-"));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The folder under a grant to read it. */
export function treeOf(root: string): Promise<SourceTree> {
  return openGrantedFiles([`filesystem:read:${root}/**`], { home: tmpdir() }).tree(root);
}

export function put(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** `path:line` of every line that grep finds in these files. */
export function grep(root: string, query: string, paths: readonly string[]): readonly string[] {
  const { stdout } = spawnSync("grep", ["-FnHa", "--", query, ...paths], {
    cwd: root,
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 1e9,
  });
  const text = stdout.toString("latin1");
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  return lines.map((line) => line.split(":", 2).join(":"));
}
