import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openGrantedFiles } from "./granted-files.ts";
import { type OwnState, openOwnStates } from "./own-states.ts";

const KIB = 1_024;
let home = "";
let data = "";
beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-states-")));
  data = join(home, "data");
  fs.mkdirSync(data, { mode: 0o700 });
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

const signal = AbortSignal.timeout(60_000);
const place = (...chain: readonly number[]) => ({ install_id: "install_a", chain, bytes_max: 64 * KIB });
const filesOf = (state: OwnState, grant: readonly string[] = []) =>
  openGrantedFiles(["state:keep:1", ...grant], { home, hidden: data, state });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = async (state: OwnState, path: string): Promise<string> =>
  new TextDecoder().decode(await filesOf(state).read(path, { max_bytes: KIB, signal }));
const write = (state: OwnState, path: string, text: string) => filesOf(state).write(path, bytes(text), { signal });
const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof Fault, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};
/** Every entry below a folder. */
const tree = (folder: string): readonly string[] =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

describe("the state of a release", () => {
  it("is read and written by paths that name it, in a folder of the worker's own", async () => {
    const state = openOwnStates(data).of(place(1));
    assert.equal((await write(state, "state:/a/b.txt", "kept")).bytes, 4);
    assert.equal(await read(state, "state:/a/b.txt"), "kept");
    assert.equal(fs.readFileSync(join(data, "state/install_a/1/a/b.txt"), "utf8"), "kept");
    assert.equal(fs.statSync(join(data, "state/install_a")).mode & 0o777, 0o700);
    const names: string[] = [];
    for await (const { path } of (await filesOf(state).tree("state:")).list(signal)) names.push(path);
    assert.deepEqual(names, ["a/b.txt"]);
    assert.equal(await filesOf(state).folder("state:", "write"), state.path);
    assert.equal(await filesOf(state).resolve(state.path, "read"), state.path, "as an index knows its folder");
  });

  it("begins as a copy of the state before it, made once, which stays as it was", async () => {
    const states = openOwnStates(data);
    const [first, second] = [states.of(place(1)), states.of(place(2, 1))];
    await write(first, "state:/a.txt", "one");
    await write(first, "state:/deep/b.txt", "two");
    fs.mkdirSync(join(first.path, "empty"));
    fs.utimesSync(join(first.path, "a.txt"), 1_000_000, 1_000_000);
    assert.equal(await read(second, "state:/a.txt"), "one");
    assert.deepEqual(tree(second.path), ["a.txt", "deep", "deep/b.txt", "empty"]);
    assert.equal(fs.statSync(join(second.path, "a.txt")).mtimeMs, 1_000_000_000, "an index knows it again");
    await write(second, "state:/a.txt", "another shape");
    await write(first, "state:/later.txt", "later");
    assert.equal(await read(first, "state:/a.txt"), "one");
    assert.equal(await read(openOwnStates(data).of(place(2, 1)), "state:/a.txt"), "another shape");
    await assert.rejects(read(second, "state:/later.txt"), refused("not_found"));
  });

  it("begins with the nearest state that was ever made, or empty", async () => {
    const states = openOwnStates(data);
    await write(states.of(place(1)), "state:/a.txt", "one");
    assert.equal(await read(states.of(place(4, 3, 2, 1)), "state:/a.txt"), "one");
    assert.deepEqual(tree(await states.of(place(7, 6)).open()), []);
  });

  it("is made once, however many ask at the same time", async () => {
    const states = openOwnStates(data);
    await write(states.of(place(1)), "state:/a.txt", "one");
    await Promise.all([1, 2, 3].map(() => states.of(place(2, 1)).open()));
    assert.deepEqual(tree(join(data, "state/install_a")), ["1", "1/a.txt", "2", "2/a.txt"]);
  });

  for (const [call, at] of [
    ["mkdirSync", 1],
    ["fchmodSync", 1],
    ["futimesSync", 2],
    ["fsyncSync", 1],
    ["renameSync", 1],
  ] as const) {
    it(`is whole or not there where the worker dies before ${call} ${at} of the copy`, async () => {
      const first = openOwnStates(data).of(place(1));
      for (const name of ["a", "b", "c"]) await write(first, `state:/${name}.txt`, name.repeat(KIB));
      const program = resolve(import.meta.dirname, "../../test/fakes/dying-copy.ts");
      const died = spawnSync(process.execPath, [program, data, "[2,1]", call, String(at)], { encoding: "utf8" });
      const entries = fs.readdirSync(join(data, "state/install_a"));
      assert.equal(died.signal, "SIGKILL", died.stderr);
      assert.ok(!entries.includes("2"), entries.join());
      const second = openOwnStates(data).of(place(2, 1));
      assert.equal(await read(second, "state:/c.txt"), "c".repeat(KIB));
      assert.deepEqual(tree(second.path), ["a.txt", "b.txt", "c.txt"]);
      assert.deepEqual(fs.readdirSync(join(data, "state/install_a")).sort(), ["1", "2"], "nothing half-made is left");
      assert.equal(await read(first, "state:/a.txt"), "a".repeat(KIB));
    });
  }
});

describe("nothing leads out of a state", () => {
  const paths = ["state:/../2/a.txt", "state:/../../x", "state:/a/../../b", "state:/\0", "state:x", "state"];
  for (const path of paths) {
    it(`${JSON.stringify(path)} is no path in it`, async () => {
      const state = openOwnStates(data).of(place(1));
      await assert.rejects(filesOf(state).read(path, { max_bytes: KIB, signal }), refused("path_invalid"));
      await assert.rejects(write(state, path, "x"), refused("path_invalid"));
    });
  }

  it("links that a program made in it are not followed, nor copied to the next release", async () => {
    const states = openOwnStates(data);
    const [state, next] = [states.of(place(1)), states.of(place(2, 1))];
    fs.writeFileSync(join(home, "outside.txt"), "outside");
    await write(state, "state:/a.txt", "a");
    fs.symlinkSync(join(home, "outside.txt"), join(state.path, "link"));
    fs.symlinkSync(home, join(state.path, "up"));
    fs.linkSync(join(home, "outside.txt"), join(state.path, "hard"));
    const grant = [`filesystem:read:${home}/**`, `filesystem:write:${home}/**`];
    for (const path of ["state:/link", "state:/up/outside.txt"]) {
      const looking = filesOf(state, grant).read(path, { max_bytes: KIB, signal });
      await assert.rejects(looking, refused("path_not_granted"), "although it may read there");
    }
    await assert.rejects(read(state, "state:/hard"), refused("path_linked"));
    await assert.rejects(write(state, "state:/up/new.txt", "x"), refused("path_not_granted"));
    assert.deepEqual(tree(await next.open()), ["a.txt"]);
    assert.equal(fs.readFileSync(join(home, "outside.txt"), "utf8"), "outside");
  });

  it("another install reads and writes nothing of it, whatever it was granted", async () => {
    const states = openOwnStates(data);
    const mine = states.of(place(1));
    await write(mine, "state:/a.txt", "mine");
    const path = join(mine.path, "a.txt");
    const other = states.of({ ...place(1), install_id: "install_b" });
    const wide = ["filesystem:read:/**", "filesystem:write:/**", `filesystem:read:${path}`];
    fs.symlinkSync(mine.path, join(home, "shortcut"));
    for (const files of [filesOf(other, wide), openGrantedFiles(wide, { home, hidden: data })]) {
      for (const way of [path, join(home, "shortcut/a.txt")]) {
        await assert.rejects(files.read(way, { max_bytes: KIB, signal }), refused("path_not_granted"));
        await assert.rejects(files.write(way, bytes("x"), { signal }), refused("path_not_granted"));
        await assert.rejects(files.resolve(way, "read"), refused("path_not_granted"));
      }
      for (const folder of [mine.path, data, home, "/"]) {
        await assert.rejects(files.folder(folder, "read"), refused("path_not_granted"), folder);
      }
      const seen: string[] = [];
      for await (const file of (await files.tree(home)).list(signal)) seen.push(file.path);
      assert.deepEqual(seen, [], "a listing of all the rest does not show it");
    }
    await assert.rejects(read(other, "state:/a.txt"), refused("not_found"), "its own is another folder");
    assert.equal(await read(mine, "state:/a.txt"), "mine");
  });

  it("without the permission there is none, and a release that keeps none leaves no folder", async () => {
    const state = openOwnStates(data).of(place(1));
    const files = openGrantedFiles([`filesystem:read:${home}/**`], { home, hidden: data });
    await assert.rejects(files.read("state:/a.txt", { max_bytes: KIB, signal }), refused("path_not_granted"));
    fs.writeFileSync(join(home, "a.txt"), "a");
    await filesOf(state, [`filesystem:read:${home}/**`]).read(join(home, "a.txt"), { max_bytes: KIB, signal });
    assert.ok(!fs.existsSync(join(data, "state")));
  });

  it("the worker's own folder is in no grant, but for the clones and sites that runs make in it", async () => {
    const files = openGrantedFiles(["filesystem:read:~/**", `filesystem:read:${data}/**`], { home, hidden: data });
    for (const name of ["keys/author.key", "vault.json", "worker.sqlite"]) {
      fs.mkdirSync(join(data, "keys"), { recursive: true });
      fs.writeFileSync(join(data, name), "secret");
      const looking = files.read(join(data, name), { max_bytes: KIB, signal });
      await assert.rejects(looking, refused("path_not_granted"), name);
    }
    fs.mkdirSync(join(data, "clones/a"), { recursive: true });
    fs.writeFileSync(join(data, "clones/a/x.txt"), "x");
    assert.equal((await files.read(join(data, "clones/a/x.txt"), { max_bytes: KIB, signal })).length, 1);
    assert.equal(await files.folder(join(data, "clones/a"), "read"), join(data, "clones/a"));
  });
});

describe("how much a state may hold", () => {
  it("is what its owner agreed to: more is refused and changes nothing, less is always taken", async () => {
    const state = openOwnStates(data).of(place(1));
    await write(state, "state:/a.txt", "a".repeat(40 * KIB));
    await assert.rejects(write(state, "state:/b.txt", "b".repeat(40 * KIB)), refused("state_full"));
    await assert.rejects(write(state, "state:/a.txt", "a".repeat(65 * KIB)), refused("state_full"));
    assert.deepEqual(tree(state.path), ["a.txt"]);
    await write(state, "state:/a.txt", "a".repeat(64 * KIB));
    await write(state, "state:/a.txt", "a");
    await write(state, "state:/b.txt", "b".repeat(40 * KIB));
  });

  it("is looked at after a program wrote there, and before one may again", async () => {
    const state = openOwnStates(data).of(place(1));
    const files = filesOf(state);
    await files.folder("state:", "write");
    fs.writeFileSync(join(state.path, "big"), "x".repeat(65 * KIB));
    await assert.rejects(files.settle(), refused("state_full"));
    await assert.rejects(filesOf(state).folder("state:", "write"), refused("state_full"));
    assert.equal(await filesOf(state).folder("state:", "read"), state.path, "reading is no matter of room");
    await write(state, "state:/big", "");
    await filesOf(state).folder("state:", "write");
  });

  it("counts files too", async () => {
    const state = openOwnStates(data, 100 * KIB, 3).of(place(1));
    await write(state, "state:/a/b", "");
    await write(state, "state:/c", "");
    await assert.rejects(write(state, "state:/d", ""), refused("state_full"), "a folder counts as well");
    await write(state, "state:/c", "x");
  });

  it("is kept by a release that may hold less than the one before it did: it does not begin", async () => {
    const states = openOwnStates(data);
    await write(states.of(place(1)), "state:/a.txt", "a".repeat(40 * KIB));
    const less = states.of({ ...place(2, 1), bytes_max: 10 * KIB });
    await assert.rejects(less.open(), refused("state_full"));
    assert.deepEqual(fs.readdirSync(join(data, "state/install_a")), ["1"]);
  });

  it("all states together stay within the worker's quota, those of other installs counted", async () => {
    const states = openOwnStates(data, 100 * KIB);
    await write(states.of(place(1)), "state:/a.txt", "a".repeat(60 * KIB));
    const other = states.of({ ...place(1), install_id: "install_b" });
    await assert.rejects(write(other, "state:/a.txt", "b".repeat(50 * KIB)), refused("disk_quota"));
    await assert.rejects(states.of(place(2, 1)).open(), refused("disk_quota"), "a copy takes room as well");
    const again = openOwnStates(data, 100 * KIB).of({ ...place(1), install_id: "install_b" });
    await assert.rejects(write(again, "state:/a.txt", "b".repeat(50 * KIB)), refused("disk_quota"));
    await write(again, "state:/a.txt", "b".repeat(30 * KIB));
  });
});

describe("states that are not needed any more", () => {
  it("are deleted, the others and what one of them begins with are not", async () => {
    const states = openOwnStates(data);
    for (const id of [1, 2, 3]) await write(states.of(place(id)), "state:/a.txt", String(id));
    await write(states.of({ ...place(1), install_id: "install_b" }), "state:/a.txt", "b");
    await write(states.of({ ...place(1), install_id: "install_c" }), "state:/a.txt", "c");
    const needed = (install_id: string) =>
      install_id === "install_a"
        ? [
            [5, 4, 2, 1],
            [3, 2],
          ]
        : install_id === "install_b"
          ? []
          : null;
    assert.equal(await states.sweep(needed), 2);
    assert.deepEqual(fs.readdirSync(join(data, "state")).sort(), ["install_a", "install_c"]);
    assert.deepEqual(fs.readdirSync(join(data, "state/install_a")).sort(), ["2", "3"]);
    assert.equal(await read(states.of(place(5, 4, 2, 1)), "state:/a.txt"), "2");
    assert.equal(await states.sweep(needed), 1, "once the copy is made, what it began with goes");
    assert.deepEqual(fs.readdirSync(join(data, "state/install_a")).sort(), ["3", "5"]);
    assert.deepEqual(await states.size("install_a", 5), { bytes: 1, files: 1 });
    assert.equal(await states.size("install_a", 9), null);
  });

  it("are deleted without following a link out of them", async () => {
    const states = openOwnStates(data);
    const state = states.of(place(1));
    await state.open();
    fs.mkdirSync(join(home, "outside"));
    fs.writeFileSync(join(home, "outside/a.txt"), "a");
    fs.symlinkSync(join(home, "outside"), join(state.path, "link"));
    await states.sweep(() => []);
    assert.deepEqual(fs.readdirSync(join(data, "state")), []);
    assert.equal(fs.readFileSync(join(home, "outside/a.txt"), "utf8"), "a");
  });
});
