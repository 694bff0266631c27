import { existsSync, lstatSync, readdirSync, realpathSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, Fault } from "@oa/shared/core/refusal.ts";
import type { StoreRoom } from "./artifacts.ts";
import { copyFolder, type FolderSize, folderSize } from "./copy-folder.ts";
import { fileFault } from "./file-faults.ts";
import { makeFolder } from "./make-folder.ts";
import { openDirectory, syncDirectory } from "./open-beneath.ts";
import { sweepTemporaries, temporaryName } from "./temporaries.ts";

/** Which state: of an install, its own number first and then those that it begins as a copy of, the nearest first. */
export interface StatePlace {
  readonly install_id: string;
  readonly chain: readonly number[];
  /** What its owner agreed to. */
  readonly bytes_max: number;
}

/** The folder of files that one release of an install keeps for itself, as one step of a run uses it. */
export interface OwnState {
  /** Where it is, or would be: absolute, without links. */
  readonly path: string;
  /** Makes it where it is not there yet: a copy of the state it begins with, whole or not at all. Faults: state_full, disk_quota, disk_full, file_access. */
  readonly open: () => Promise<string>;
  /** Before `bytes` take the place of a file of so many, null: of none. Faults: state_full, disk_quota. */
  readonly reserve: (bytes: number, replaced: number | null) => Promise<void>;
  /** Before and after something writes there whose bytes are not counted. Faults: state_full, disk_quota. */
  readonly measure: () => Promise<void>;
}

/** The states of all installs, in folders of the worker's own that no grant reaches. */
export interface OwnStates {
  readonly of: (place: StatePlace) => OwnState;
  /** Null where it was never used. */
  readonly size: (install_id: string, id: number) => Promise<FolderSize | null>;
  /** Of all of them together, as each was last measured. Fault: file_access. */
  readonly room: () => Promise<StoreRoom>;
  /**
   * Deletes what is not needed any more: `needed` gives the chains of an install's states that are, null where it is to
   * be left alone. A state that another begins with is kept until that one is made.
   */
  readonly sweep: (needed: (install_id: string) => readonly (readonly number[])[] | null) => Promise<number>;
}

const MIB = 1_048_576;

/** Opens `data_dir/state`: `<install>/<number>/`. `quota_bytes` is for all of them together. */
export function openOwnStates(
  data_dir: string,
  quota_bytes: number = LIMITS.artifact_store_bytes,
  files_max: number = LIMITS.state_files,
): OwnStates {
  const root = (): string => join(realpathSync(data_dir), "state");
  /** Being made, by folder: two steps that ask at once get one. */
  const making = new Map<string, Promise<void>>();
  /** What was last measured, by folder; null: nothing was yet. */
  let taken: Map<string, number> | null = null;
  const folderOf = (install_id: string, id: number): string => {
    assert(/^[A-Za-z0-9_]+$/.test(install_id), `${install_id} is no install's id`);
    return join(root(), install_id, String(id));
  };
  const allTaken = async (): Promise<Map<string, number>> => {
    if (taken === null) {
      const sizes = new Map<string, number>();
      for (const install_id of list(root())) {
        for (const name of list(join(root(), install_id)).filter(isId)) {
          const path = join(root(), install_id, name);
          sizes.set(path, (await folderSize(path, files_max))?.bytes ?? 0);
        }
      }
      taken ??= sizes;
    }
    return taken;
  };

  const of = ({ install_id, chain, bytes_max }: StatePlace): OwnState => {
    const [id, ...sources] = chain;
    assert(id !== undefined, "a state has a number");
    const path = folderOf(install_id, id);
    /** Refuses more than there may be; less than there was is always taken. */
    const keep = async (next: FolderSize, before_bytes: number): Promise<void> => {
      const sizes = await allTaken();
      if (next.files > files_max) {
        throw new Fault("state_full", `its own state has more than ${files_max} files and folders`);
      }
      if (next.bytes > bytes_max && next.bytes >= before_bytes) {
        const message = `its own state would have ${inMiB(next.bytes)} MB, over the ${inMiB(bytes_max)} MB its owner agreed to`;
        throw new Fault("state_full", message);
      }
      const others = [...sizes].reduce((sum, [folder, bytes]) => (folder === path ? sum : sum + bytes), 0);
      if (others + next.bytes > quota_bytes && next.bytes > before_bytes) {
        const message = `what upgrades keep for themselves takes ${inMiB(others + next.bytes)} MB, over the quota of ${inMiB(quota_bytes)}`;
        throw new Fault("disk_quota", message);
      }
      sizes.set(path, next.bytes);
    };
    const measured = async (): Promise<FolderSize> => (await folderSize(path, files_max)) ?? { bytes: 0, files: 0 };
    const make = async (): Promise<void> => {
      const source = sources.map((one) => folderOf(install_id, one)).find((folder) => existsSync(folder));
      const size = source === undefined ? null : await folderSize(source, files_max);
      if (size !== null) await keep(size, 0);
      await putWhole(join(root(), install_id), String(id), source ?? null);
    };
    return {
      path,
      open: async () => {
        if (!isFolder(path)) {
          const busy = making.get(path) ?? make().finally(() => making.delete(path));
          making.set(path, busy);
          await busy;
        }
        return path;
      },
      reserve: async (bytes, replaced) => {
        const now = await measured();
        const files = now.files + (replaced === null ? 1 : 0);
        await keep({ bytes: now.bytes - (replaced ?? 0) + bytes, files }, now.bytes);
      },
      measure: async () => {
        const now = await measured();
        await keep(now, now.bytes - 1);
      },
    };
  };

  return {
    of,
    room: async () => ({ bytes: [...(await allTaken()).values()].reduce((sum, bytes) => sum + bytes, 0), quota_bytes }),
    size: (install_id, id) => folderSize(folderOf(install_id, id), files_max),
    sweep: async (needed) => {
      let deleted = 0;
      for (const install_id of list(root())) {
        const chains = needed(install_id);
        if (chains === null) continue;
        const folder = join(root(), install_id);
        sweepHere(folder);
        const there = list(folder).filter(isId);
        const kept = new Set(chains.map((chain) => chain.map(String).find((id) => there.includes(id))));
        for (const id of there.filter((name) => !kept.has(name))) {
          await takeAway(folder, id);
          taken?.delete(join(folder, id));
          deleted += 1;
        }
        if (chains.length === 0) await rm(folder, { recursive: true, force: true });
      }
      return deleted;
    },
  };
}

/** A folder made beside its place and renamed, so that what has its name is whole. */
async function putWhole(folder: string, name: string, source: string | null): Promise<void> {
  await makeFolder(folder);
  const parent = openDirectory(folder);
  const temporary = temporaryName();
  try {
    sweepTemporaries(parent);
    await copyFolder(source, join(folder, temporary));
    renameSync(parent.at(temporary), parent.at(name));
    syncDirectory(parent);
  } catch (error) {
    await rm(parent.at(temporary), { recursive: true, force: true });
    throw fileFault(error, "write", join(folder, name));
  } finally {
    parent.close();
  }
}

/** Renamed first: what has a state's name is never half of one. */
async function takeAway(folder: string, name: string): Promise<void> {
  const gone = join(folder, temporaryName());
  try {
    renameSync(join(folder, name), gone);
    await rm(gone, { recursive: true, force: true });
  } catch (error) {
    throw fileFault(error, "write", join(folder, name));
  }
}

/** Removes what a crash left half-made. */
function sweepHere(folder: string): void {
  const parent = openDirectory(folder);
  try {
    sweepTemporaries(parent);
  } finally {
    parent.close();
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fileFault(error, "read", folder);
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isId(name: string): boolean {
  return /^[1-9][0-9]*$/.test(name);
}

function inMiB(bytes: number): string {
  return String(Math.ceil((bytes / MIB) * 10) / 10);
}
