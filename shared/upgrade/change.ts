import { canonicalize, type Json } from "../core/json.ts";
import type { PermissionKind } from "../core/permission.ts";

export type ChangeKind =
  | PermissionKind
  | "author"
  | "version"
  | "price"
  | "schedule"
  | "window"
  | "constraint"
  | "trigger"
  | "external_write"
  | "data_flow"
  | "step"
  | "input"
  | "policy"
  | "requirement"
  | "text";

/** One difference, in a sentence for the owner. `before` and `after` are null where there was or is nothing. */
export interface Change {
  readonly kind: ChangeKind;
  /** What it is about: a path, a host, an op, a step, an input, a field. */
  readonly subject: string;
  readonly before: Json;
  readonly after: Json;
  readonly sentence: string;
}

/** Everything that is different: what the owner agreed to less of, gets less of, and what is neither. */
export interface UpgradeDiff {
  /** More than was agreed to: only this asks again. */
  readonly widened: readonly Change[];
  readonly narrowed: readonly Change[];
  readonly changed: readonly Change[];
}

export type Direction = keyof UpgradeDiff;
export type Found = readonly [Direction, Change];

export function found(
  direction: Direction,
  kind: ChangeKind,
  subject: string,
  [before, after]: readonly [unknown, unknown],
  sentence: string,
): Found {
  const json = (value: unknown): Json => (value === undefined ? null : (value as Json));
  return [direction, { kind, subject, before: json(before), after: json(after), sentence }];
}

export function same(a: unknown, b: unknown): boolean {
  return canonicalize(a ?? null) === canonicalize(b ?? null);
}
