import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openFileWatch, type WatchedFiles } from "./file-watch.ts";

const signal = new AbortController().signal;

function watched(
  context: TestContext,
  glob: string,
  options: { readonly grant?: string; readonly except?: string } = {},
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-watch-")));
  let signs = 0;
  const watch = openFileWatch({
    glob: `${folder}/${glob}`,
    grant: [`filesystem:read:${folder}/${options.grant ?? "**"}`],
    home: folder,
    except: join(folder, options.except ?? "data"),
    onSign: () => {
      signs += 1;
    },
  });
  context.after(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const names = (files: WatchedFiles): readonly string[] =>
    [...files.keys()].map((path) => relative(folder, path)).sort();
  return {
    ...{ folder, watch },
    path: (name: string) => join(folder, name),
    look: async () => names(await watch.look(signal)),
    raw: () => watch.look(signal),
    /** Waits for the system to tell of a change made by `act`. */
    sign: async (act: () => void): Promise<boolean> => {
      await sleep(30); // what was done before is told before
      const before = signs;
      act();
      for (let tries = 0; tries < 200 && signs === before; tries += 1) await sleep(10);
      return signs > before;
    },
    /** Whether it is quiet after `act`. */
    quiet: async (act: () => void): Promise<boolean> => {
      await sleep(50);
      const before = signs;
      act();
      await sleep(150);
      return signs === before;
    },
  };
}

describe("files watched by a glob", () => {
  it("are those that match, in every folder below", async (context) => {
    const { path, look } = watched(context, "src/**/*.ts");
    mkdirSync(path("src/a/b"), { recursive: true });
    for (const name of ["src/x.ts", "src/x.js", "src/a/y.ts", "src/a/b/z.ts", "x.ts"]) writeFileSync(path(name), "");
    assert.deepEqual(await look(), ["src/a/b/z.ts", "src/a/y.ts", "src/x.ts"]);
  });
  it("a change is told of, and seen by its size or time", async (context) => {
    const { path, raw, sign } = watched(context, "**/*.ts");
    mkdirSync(path("a"));
    writeFileSync(path("a/x.ts"), "1");
    const before = await raw();
    assert.ok(await sign(() => writeFileSync(path("a/x.ts"), "22")));
    assert.notEqual((await raw()).get(path("a/x.ts")), before.get(path("a/x.ts")));
  });
  it("an editor that writes beside and renames is told of", async (context) => {
    const { path, raw, sign } = watched(context, "*.ts");
    writeFileSync(path("x.ts"), "1");
    utimesSync(path("x.ts"), 1_000, 1_000);
    const before = await raw();
    assert.ok(
      await sign(() => {
        writeFileSync(path(".x.ts.swp"), "2");
        renameSync(path(".x.ts.swp"), path("x.ts"));
      }),
    );
    const now = await raw();
    assert.notEqual(now.get(path("x.ts")), before.get(path("x.ts")));
    assert.equal(now.size, 1);
    // And again: the watch has not stayed with the file that was replaced.
    assert.ok(
      await sign(() => {
        writeFileSync(path(".x.ts.swp"), "3");
        renameSync(path(".x.ts.swp"), path("x.ts"));
      }),
    );
  });
  it("what does not match is not told of", async (context) => {
    const { path, look, quiet } = watched(context, "src/*.ts");
    mkdirSync(path("src/deep"), { recursive: true });
    await look();
    assert.ok(await quiet(() => writeFileSync(path("src/x.js"), "")));
    assert.ok(await quiet(() => writeFileSync(path("src/deep/x.ts"), "")));
    assert.ok(await quiet(() => mkdirSync(path("src/more"))));
  });
  it("a folder that comes later is watched with all in it, and so is what comes into it", async (context) => {
    const { path, look, sign } = watched(context, "src/**");
    assert.deepEqual(await look(), []);
    assert.ok(await sign(() => mkdirSync(path("src/a/b"), { recursive: true })));
    writeFileSync(path("src/a/b/x"), "");
    assert.deepEqual(await look(), ["src/a/b/x"]);
    assert.ok(await sign(() => writeFileSync(path("src/a/b/y"), "")));
    assert.deepEqual(await look(), ["src/a/b/x", "src/a/b/y"]);
  });
  it("a folder that is deleted and made again is watched again", async (context) => {
    const { path, look, sign } = watched(context, "src/**");
    mkdirSync(path("src/a"), { recursive: true });
    writeFileSync(path("src/a/x"), "");
    assert.deepEqual(await look(), ["src/a/x"]);
    assert.ok(await sign(() => rmSync(path("src"), { recursive: true })));
    assert.deepEqual(await look(), []);
    assert.ok(await sign(() => mkdirSync(path("src/a"), { recursive: true })));
    assert.deepEqual(await look(), []);
    assert.ok(await sign(() => writeFileSync(path("src/a/x"), "")));
    assert.deepEqual(await look(), ["src/a/x"]);
  });
  it("swapped for another folder of the same name between two looks, the new one is watched", async (context) => {
    const { path, look, sign } = watched(context, "src/**");
    mkdirSync(path("src"));
    mkdirSync(path("other"));
    await look();
    renameSync(path("src"), path("old"));
    renameSync(path("other"), path("src"));
    await look();
    assert.ok(await sign(() => writeFileSync(path("src/x"), "")));
  });
  it("swapped together with a folder above it, the new one is watched", async (context) => {
    const { path, raw, sign } = watched(context, "project/src/**");
    mkdirSync(path("project/src"), { recursive: true });
    mkdirSync(path("next/src"), { recursive: true });
    writeFileSync(path("next/src/x"), "");
    assert.equal((await raw()).size, 0);
    renameSync(path("project"), path("old"));
    assert.ok(await sign(() => renameSync(path("next"), path("project"))));
    assert.equal((await raw()).size, 1);
    assert.ok(await sign(() => writeFileSync(path("project/src/y"), "")));
  });
  it("a link above them that points elsewhere is told of, and what it points to is watched", async (context) => {
    const { path, look, sign } = watched(context, "current/**");
    mkdirSync(path("one"));
    mkdirSync(path("two"));
    writeFileSync(path("two/x"), "");
    symlinkSync(path("one"), path("current"));
    assert.deepEqual(await look(), []);
    symlinkSync(path("two"), path("next"));
    assert.ok(await sign(() => renameSync(path("next"), path("current"))));
    assert.deepEqual(await look(), ["two/x"]);
    assert.ok(await sign(() => writeFileSync(path("two/y"), "")));
  });
  it("links are not followed, neither to files nor to folders", async (context) => {
    const { path, look } = watched(context, "src/**", { grant: "src/**" });
    mkdirSync(path("src"));
    mkdirSync(path("outside"));
    writeFileSync(path("outside/secret"), "");
    symlinkSync(path("outside"), path("src/folder"));
    symlinkSync(path("outside/secret"), path("src/file"));
    writeFileSync(path("src/x"), "");
    assert.deepEqual(await look(), ["src/x"]);
  });
  it("one file is watched by its name, whether it is there or not", async (context) => {
    const { path, look, sign, quiet } = watched(context, "notes/todo.txt", { grant: "notes/todo.txt" });
    assert.deepEqual(await look(), []);
    assert.ok(await sign(() => mkdirSync(path("notes"))));
    assert.deepEqual(await look(), []);
    assert.ok(await sign(() => writeFileSync(path("notes/todo.txt"), "")));
    assert.deepEqual(await look(), ["notes/todo.txt"]);
    assert.ok(await quiet(() => writeFileSync(path("notes/other.txt"), "")));
  });
  it("one file is told of when its folder, or one above, is swapped for another", async (context) => {
    const { path, raw, sign } = watched(context, "a/notes/todo.txt", { grant: "a/**" });
    for (const folder of ["a/notes", "a/new", "b/notes"]) mkdirSync(path(folder), { recursive: true });
    for (const file of ["a/notes/todo.txt", "a/new/todo.txt"]) writeFileSync(path(file), "");
    assert.equal((await raw()).size, 1);
    renameSync(path("a/notes"), path("a/old"));
    assert.ok(await sign(() => renameSync(path("a/new"), path("a/notes"))));
    assert.equal((await raw()).size, 1);
    renameSync(path("a"), path("c"));
    assert.ok(await sign(() => renameSync(path("b"), path("a"))));
    assert.equal((await raw()).size, 0);
  });
  it("the worker's own data is never looked into", async (context) => {
    const { path, look, quiet } = watched(context, "**", { except: "data" });
    mkdirSync(path("data/runs"), { recursive: true });
    writeFileSync(path("data/worker.sqlite"), "");
    writeFileSync(path("x"), "");
    assert.deepEqual(await look(), ["x"]);
    assert.ok(await quiet(() => writeFileSync(path("data/worker.sqlite"), "more")));
    assert.ok(await quiet(() => writeFileSync(path("data/runs/1"), "")));
  });
  it("outside what may be read is refused", async (context) => {
    const { path, watch } = watched(context, "src/**", { grant: "other/**" });
    mkdirSync(path("src"));
    await assert.rejects(watch.look(signal), (error) => error instanceof Fault && error.code === "path_not_granted");
  });
});
