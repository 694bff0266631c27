/**
 * Every stable code the project answers "no" with. `exit` is the CLI's status (1 failed, 2 wrong usage, 3 refused) and
 * `http` the API's. A code never changes its meaning; an unknown one is a type error.
 */
interface Reason {
  readonly exit: 1 | 2 | 3;
  readonly http: number;
}
const failed = (http: number): Reason => ({ exit: 1, http });
const usage: Reason = { exit: 2, http: 400 };
const refused = (http: number): Reason => ({ exit: 3, http });

export const REASONS = {
  internal: failed(500),
  usage,
  not_found: failed(404),
  busy: failed(503),
  canceled: failed(409),
  timeout: failed(504),

  // Input.
  json_invalid: refused(400),
  json_duplicate_key: refused(400),
  json_too_deep: refused(400),
  json_unsafe_number: refused(400),
  json_lone_surrogate: refused(400),
  too_large: refused(413),
  schema_invalid: refused(422),
  cron_invalid: refused(422),
  time_zone_unknown: refused(422),

  // Event store and audit.
  event_too_large: refused(413),
  disk_full: failed(507),
  disk_quota: failed(507),
  database_locked: failed(503),
  database_damaged: failed(500),
  database_io: failed(500),
  database_read_only: failed(503),

  // Nostr events and relays.
  event_malformed: refused(400),
  event_id_mismatch: refused(400),
  signature_invalid: refused(400),
  event_in_future: refused(400),
  event_expired: refused(400),
  event_duplicate: refused(409),
  event_superseded: refused(409),
  event_deleted: refused(410),
  event_protected: refused(403),
  kind_not_relayed: refused(403),
  filter_invalid: refused(400),
  rate_limited: refused(429),

  // Requests signed by a key (NIP-42, NIP-98).
  auth_required: refused(401),
  auth_invalid: refused(401),
  auth_stale: refused(401),
  auth_replayed: refused(401),
  not_permitted: refused(403),
  mailbox_full: refused(429),

  // The worker's control API and its data folder.
  config_invalid: refused(422),
  worker_running: failed(409),
  port_in_use: failed(409),
  no_service_manager: refused(501),
  platform_unsupported: refused(501),
  host_not_allowed: refused(403),
  origin_not_allowed: refused(403),
  token_invalid: refused(401),
  media_type: refused(415),
  unreachable: failed(502),
  consent_needed: refused(403),
  unsigned_manifest: refused(422),

  // Upgrades: what is wrong with a manifest, its inputs or its events.
  unknown_field: refused(422),
  version_invalid: refused(422),
  npub_invalid: refused(422),
  op_unknown: refused(422),
  params_invalid: refused(422),
  step_duplicate: refused(422),
  reference_invalid: refused(422),
  reference_unknown: refused(422),
  reference_type: refused(422),
  reference_unresolved: failed(422),
  path_unsafe: refused(422),
  host_invalid: refused(422),
  schedule_incomplete: refused(422),
  window_invalid: refused(422),
  trigger_not_granted: refused(422),
  price_invalid: refused(422),
  revenue_split_invalid: refused(422),
  input_unknown: refused(422),
  input_missing: refused(422),
  input_invalid: refused(422),
  foreign_event: refused(422),
  event_tag_mismatch: refused(422),
  author_mismatch: refused(422),
  file_exists: refused(409),
  zap_invalid: refused(422),
  reputation_differs: failed(409),
  permission_undeclared: refused(422),
  artifact_unpinned: refused(422),
  artifact_mismatch: refused(422),
  fixture_missing: failed(404),

  // Install configs.
  config_unreadable: refused(400),
  config_signer: refused(403),

  // Lightning invoices (BOLT 11).
  invoice_malformed: refused(422),
  invoice_network_unknown: refused(422),
  invoice_amount_invalid: refused(422),
  invoice_field_missing: refused(422),
  invoice_field_invalid: refused(422),
  invoice_feature_unknown: refused(422),
  invoice_signature_invalid: refused(422),

  // Files within a grant.
  path_invalid: refused(400),
  path_not_granted: refused(403),
  path_linked: refused(403),
  path_not_regular: refused(422),
  file_not_text: refused(422),
  file_access: failed(500),

  // Network within a grant.
  egress_denied: refused(403),
  egress_private_address: refused(403),
  egress_invalid: refused(400),
  egress_too_large: refused(413),
  egress_rate_limited: failed(429),
  egress_timeout: failed(504),
  egress_dns: failed(502),
  egress_unreachable: failed(502),
  http_status: failed(502),

  // Child processes, keys, relays.
  process_failed: failed(500),
  process_output: failed(500),
  memory_limit: failed(507),
  cpu_limit: failed(507),
  sandbox_missing: refused(501),
  sandbox_failed: failed(500),
  key_file_permissions: refused(403),
  key_invalid: refused(422),
  key_store: failed(503),
  passphrase_needed: usage,
  passphrase_wrong: refused(403),
  signer_refused: refused(403),
  signer_answer_wrong: refused(502),
  relay_unreachable: failed(502),
  relay_refused: failed(502),

  // Secrets.
  secret_missing: refused(409),
  secret_invalid: refused(422),
  secret_misplaced: refused(422),
  secret_not_bound: refused(403),
  secret_leak: refused(403),
  vault_locked: refused(409),
  vault_passphrase_wrong: refused(403),
  vault_damaged: failed(500),

  // git.clone.
  git_source_invalid: refused(400),
  git_source_missing: failed(404),
  git_dest_foreign: refused(409),
  git_dest_changed: refused(409),
  git_failed: failed(502),

  // Search and models.
  search_index_missing: refused(404),
  search_index_unfinished: refused(409),
  search_index_damaged: failed(500),
  search_query_invalid: refused(422),
  backend_unavailable: failed(503),
  backend_failed: failed(502),
  embedding_mismatch: refused(422),

  // Runs.
  already_running: refused(409),
  run_finished: refused(409),
  run_not_running: refused(409),
  already_claimed: refused(409),
  missing_claim_token: refused(401),
  lease_token_mismatch: refused(403),
  lease_expired: refused(409),
  lease_lost: failed(409),
  interrupted: failed(500),
  outcome_unknown: failed(500),
  result_invalid: failed(500),
  note_not_posted: failed(502),

  // Installs and pairing.
  signer_unknown: refused(403),
  wrong_recipient: refused(403),
  config_expired: refused(410),
  config_stale: refused(409),
  manifest_hash_mismatch: refused(409),
  permission_hash_mismatch: refused(409),
  author_changed: refused(403),
  key_rotated: refused(409),
  key_revoked: refused(410),
  rotation_invalid: refused(422),
  rotation_conflict: refused(409),
  approval_required: refused(403),
  approval_denied: refused(403),
  approval_missing: refused(409),
  approval_expired: refused(410),
  approval_revoked: refused(403),
  approval_used: refused(409),
  approval_mismatch: refused(409),
  install_quarantined: refused(403),
  policy_denied: refused(403),
  policy_rule_failed: refused(403),
  kill_switch_active: refused(403),
  external_write_requires_approval: refused(403),
  action_zone_mismatch: refused(403),
  action_irreversible_requires_high_stakes: refused(403),
  action_pre_approval_required: refused(403),
  quota_exceeded: refused(429),
  install_disabled: refused(409),
  release_yanked: refused(410),
  release_pinned: refused(409),
  release_too_young: refused(409),
  release_downgrade: refused(409),
  release_set_aside: refused(409),
  inspection_required: refused(409),
  permission_revoked: refused(403),
  channel_not_followed: refused(409),
  pairing_expired: refused(410),
  pairing_used: refused(409),
  pairing_secret_wrong: refused(403),
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof REASONS;
