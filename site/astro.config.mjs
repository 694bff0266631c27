import { defineConfig } from "astro/config";

export default defineConfig({
  site: process.env.OA_SITE_URL ?? "http://127.0.0.1:6768",
  trailingSlash: "ignore",
  build: { format: "directory" },
  devToolbar: { enabled: false },
  // Nothing is optimised at build time, so the native image library is not needed.
  image: { service: { entrypoint: "astro/assets/services/noop" } },
});
