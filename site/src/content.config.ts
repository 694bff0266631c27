import { defineCollection } from "astro:content";
import { glob } from "astro/loaders";
import { z } from "astro/zod";
import { catalogLoader } from "./catalog/loader.ts";

export const collections = {
  docs: defineCollection({
    loader: glob({ pattern: "**/*.md", base: "./src/content/docs" }),
    schema: z.object({ title: z.string(), summary: z.string(), order: z.number().default(100) }),
  }),
  listings: defineCollection({ loader: catalogLoader(process.env.OA_SNAPSHOT) }),
};
