import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import type { Directory } from "./open-beneath.ts";

/** A name for what is made beside its place and then renamed; it says which process makes it. */
export function temporaryName(): string {
  return `.oa-tmp-${process.pid}-${randomBytes(8).toString("hex")}`;
}

/** Removes what a killed process left half-made in this folder. */
export function sweepTemporaries(parent: Directory): void {
  for (const name of readdirSync(parent.at("."))) {
    const pid = /^\.oa-tmp-(\d+)-[0-9a-f]+$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(parent.at(name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
