import { type ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/**
 * Makes every workerd started from now on end with this process, however that ends: workerd itself stays when its
 * parent is killed, and would keep the port and the databases. A shell waits for its stdin, which the system closes
 * with us, and then kills. `end` stops watching, once workerd is down.
 */
export function guardWorkerd(): { readonly end: () => void } {
  if (process.platform === "win32") return { end: () => undefined };
  const guards: ChildProcess[] = [];
  const onSpawn = (message: unknown): void => {
    const { process: child } = message as { readonly process: ChildProcess };
    // The channel tells of a process before it has its number.
    setImmediate(() => {
      if (child.pid === undefined || !/workerd[^/]*$/.test(child.spawnfile)) return;
      const guard = spawn("sh", ["-c", 'read -r _; kill -9 "$0"', String(child.pid)], {
        stdio: ["pipe", "ignore", "ignore"],
        detached: true,
      });
      guard.on("error", () => undefined); // without a shell there is no guard, and workerd runs all the same
      guard.unref();
      child.once("exit", () => guard.kill("SIGKILL"));
      guards.push(guard);
    });
  };
  subscribe("child_process", onSpawn);
  return {
    end: () => {
      unsubscribe("child_process", onSpawn);
      for (const guard of guards) guard.kill("SIGKILL");
    },
  };
}
