import { join } from "node:path";
import { type BuildPlugin, inBrowser } from "./plugin.ts";

/** Builds the coordinator's service worker to an address that stays, as browsers want. `root` is the checkout. */
export function serviceWorker(root: string): BuildPlugin {
  return {
    name: "service-worker",
    apply: "build",
    applyToEnvironment: inBrowser,
    buildStart() {
      const id = join(root, "site", "src", "browser", "offline", "offline.ts");
      this.emitFile({ type: "chunk", id, fileName: "install/offline.js" });
    },
  };
}
