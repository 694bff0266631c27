// Generated from schemas/ by `npm run codegen`. Do not edit.
import type * as types from "./types.ts";
export interface ValidationError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}
export interface Validator<T> {
  (value: unknown): value is T;
  errors?: readonly ValidationError[] | null;
}
export const isEventEnvelope: Validator<types.EventEnvelope>;
export const isOpDefinition: Validator<types.OpDefinition>;
