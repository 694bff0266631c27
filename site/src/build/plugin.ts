/** The parts of a Vite plugin that are used here. */
export interface BuildPlugin {
  readonly name: string;
  readonly enforce?: "pre";
  readonly apply?: "build";
  readonly applyToEnvironment?: (environment: { readonly name: string }) => boolean;
  readonly buildStart?: (this: BuildContext) => void;
  readonly resolveId?: (source: string, importer: string | undefined) => string | null;
  readonly load?: (this: BuildContext, id: string) => { readonly code: string; readonly moduleType: "js" } | null;
  readonly transform?: (this: BuildContext, code: string, id: string) => null;
  readonly generateBundle?: (this: BuildContext, options: unknown, bundle: Bundle) => void;
}

export interface BuildContext {
  /** Ends the build with this sentence. */
  readonly error: (message: string) => never;
  readonly emitFile: (file: { readonly type: "chunk"; readonly id: string; readonly fileName: string }) => unknown;
}

export type Bundle = Readonly<
  Record<
    string,
    | { readonly type: "asset" }
    | { readonly type: "chunk"; readonly code: string; readonly moduleIds: readonly string[] }
  >
>;

/** What runs in the browser; the pages themselves are made before, on the machine that builds the site. */
export function inBrowser({ name }: { readonly name: string }): boolean {
  return name === "client";
}
