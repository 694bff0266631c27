/** What the site uses of the module that Astro makes at build time, for a compiler that reads no generated files. */
declare module "astro:content" {
  interface Doc {
    readonly id: string;
    readonly data: { readonly title: string; readonly summary: string; readonly order: number };
  }
  /** `data` is as the loader put it: a `CatalogDetail`. */
  interface StoredListing {
    readonly id: string;
    readonly data: unknown;
  }
  interface Entries {
    readonly docs: Doc;
    readonly listings: StoredListing;
  }
  export type CollectionEntry<Name extends keyof Entries> = Entries[Name];
  export function getCollection<Name extends keyof Entries>(name: Name): Promise<readonly Entries[Name][]>;
  export function defineCollection<T>(collection: T): T;
}
