// Generated from schemas/ by `npm run codegen`. Do not edit.
import type { OpDefinition } from "./types.ts";
/** Every op by name, as its schema file declares it. */
export const OPS: Readonly<Record<OpName, OpDefinition>> = {} as Readonly<Record<OpName, OpDefinition>>;
export type OpName = never;
