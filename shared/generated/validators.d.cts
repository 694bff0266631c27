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
export const isInstallEvent: Validator<types.InstallEvent>;
export const isIntakeEvent: Validator<types.IntakeEvent>;
export const isPairingEvent: Validator<types.PairingEvent>;
export const isRunEvent: Validator<types.RunEvent>;
export const isInstallConfig: Validator<types.InstallConfig>;
export const isOpDefinition: Validator<types.OpDefinition>;
export const isUpgradeManifest: Validator<types.UpgradeManifest>;
export const isNostrEvent: Validator<types.NostrEvent>;
