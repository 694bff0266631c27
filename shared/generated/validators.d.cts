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
export const isControlInstallChange: Validator<types.ControlInstallChange>;
export const isControlInstallPreview: Validator<types.ControlInstallPreview>;
export const isControlInstallRequest: Validator<types.ControlInstallRequest>;
export const isControlPairingChange: Validator<types.ControlPairingChange>;
export const isControlPairingRequest: Validator<types.ControlPairingRequest>;
export const isControlRunCancel: Validator<types.ControlRunCancel>;
export const isControlRunRequest: Validator<types.ControlRunRequest>;
export const isControlSchedulePreview: Validator<types.ControlSchedulePreview>;
export const isControlSearchRequest: Validator<types.ControlSearchRequest>;
export const isApiError: Validator<types.ApiError>;
export const isCatalogDetail: Validator<types.CatalogDetail>;
export const isCatalogPage: Validator<types.CatalogPage>;
export const isCatalogQuery: Validator<types.CatalogQuery>;
export const isCatalogListing: Validator<types.CatalogListing>;
export const isMailboxDeposit: Validator<types.MailboxDeposit>;
export const isMailboxPage: Validator<types.MailboxPage>;
export const isMailboxSigners: Validator<types.MailboxSigners>;
export const isEventEnvelope: Validator<types.EventEnvelope>;
export const isInstallEvent: Validator<types.InstallEvent>;
export const isIntakeEvent: Validator<types.IntakeEvent>;
export const isMailboxEvent: Validator<types.MailboxEvent>;
export const isPairingEvent: Validator<types.PairingEvent>;
export const isRunEvent: Validator<types.RunEvent>;
export const isInstallConfig: Validator<types.InstallConfig>;
export const isOpDefinition: Validator<types.OpDefinition>;
export const isUpgradeManifest: Validator<types.UpgradeManifest>;
export const isWorkerConfig: Validator<types.WorkerConfig>;
export const isNostrEvent: Validator<types.NostrEvent>;
export const isReleaseContent: Validator<types.ReleaseContent>;
export const isFsReadParams: Validator<types.FsReadParams>;
export const isFsReadResult: Validator<types.FsReadResult>;
export const isFsWriteParams: Validator<types.FsWriteParams>;
export const isFsWriteResult: Validator<types.FsWriteResult>;
export const isGitCloneParams: Validator<types.GitCloneParams>;
export const isGitCloneResult: Validator<types.GitCloneResult>;
export const isHttpRequestParams: Validator<types.HttpRequestParams>;
export const isHttpRequestResult: Validator<types.HttpRequestResult>;
export const isModelEmbedParams: Validator<types.ModelEmbedParams>;
export const isModelEmbedResult: Validator<types.ModelEmbedResult>;
export const isModelGenerateParams: Validator<types.ModelGenerateParams>;
export const isModelGenerateResult: Validator<types.ModelGenerateResult>;
export const isNostrPublishParams: Validator<types.NostrPublishParams>;
export const isNostrPublishResult: Validator<types.NostrPublishResult>;
export const isSearchkitIndexParams: Validator<types.SearchkitIndexParams>;
export const isSearchkitIndexResult: Validator<types.SearchkitIndexResult>;
export const isSearchkitQueryParams: Validator<types.SearchkitQueryParams>;
export const isSearchkitQueryResult: Validator<types.SearchkitQueryResult>;
