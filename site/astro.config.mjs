import { dirname } from "node:path";
import { defineConfig } from "astro/config";
import { neverExecutes } from "./src/build/never-executes.ts";
import { reachableValidators } from "./src/build/reachable-validators.ts";
import { serviceWorker } from "./src/build/service-worker.ts";

const root = dirname(import.meta.dirname);

export default defineConfig({
  site: process.env.OA_SITE_URL ?? "http://127.0.0.1:6768",
  trailingSlash: "ignore",
  // What a build keeps for itself has a folder of its own, so that two at once do not mix their catalogs.
  ...(process.env.OA_SITE_CACHE === undefined ? {} : { cacheDir: process.env.OA_SITE_CACHE }),
  // Scripts and styles are files, so that the pages work under a policy that allows nothing inline.
  build: { format: "directory", inlineStylesheets: "never" },
  vite: {
    build: { assetsInlineLimit: 0 },
    plugins: [reachableValidators(root), serviceWorker(root), neverExecutes(root)],
  },
  // Colours of a highlighter are inline styles.
  markdown: { syntaxHighlight: false },
  devToolbar: { enabled: false },
  // Nothing is optimised at build time, so the native image library is not needed.
  image: { service: { entrypoint: "astro/assets/services/noop" } },
});
