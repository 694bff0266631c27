import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Writes a FAKE browser extension that speaks NIP-07 into `folder`, to be loaded unpacked into a real browser. It works on
 * pages of one host. `way`: whether the browser puts its script into the page, or an element in the page loads it.
 */
export function writeFakeExtension(
  folder: string,
  options: {
    readonly secret_key: Uint8Array;
    readonly host: string;
    readonly way: "world" | "element";
    /** Kinds its owner says no to. */
    readonly refuses?: readonly number[];
  },
): void {
  const { secret_key, host, way, refuses = [] } = options;
  cpSync(fileURLToPath(new URL("extension", import.meta.url)), folder, { recursive: true });
  const nostr_tools = dirname(createRequire(import.meta.url).resolve("nostr-tools"));
  cpSync(join(nostr_tools, "..", "nostr.bundle.js"), join(folder, "nostr.bundle.js"));
  const settings = { secret_key: Buffer.from(secret_key).toString("hex"), refuses };
  writeFileSync(join(folder, "settings.js"), `self.SETTINGS = ${JSON.stringify(settings)};\n`);
  const matches = [`http://${host}/*`];
  // The older way comes late: after the page's own scripts.
  const run_at = way === "world" ? "document_start" : "document_end";
  const scripts = (js: string, world: "ISOLATED" | "MAIN") => ({ matches, js: [js], world, run_at });
  const manifest = {
    ...(JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as object),
    content_scripts: [scripts("bridge.js", "ISOLATED"), ...(way === "world" ? [scripts("page.js", "MAIN")] : [])],
    ...(way === "world" ? {} : { web_accessible_resources: [{ resources: ["page.js"], matches }] }),
  };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
}
