import { EDGE_LIMITS } from "./edge-limits.ts";

/**
 * Every queue, loop, retry, body, timeout and lease has its number here, or, where it is about relay, catalog, site and
 * the edge's other objects, in `edge-limits.ts`. Units come last in the names.
 */
export const LIMITS = {
  ...EDGE_LIMITS,

  // SQL: the Durable Object's limits, kept by both adapters.
  sql_params: 100,
  sql_cache_kib: 16_384,
  sql_statement_bytes: 100_000,
  // How many events of the log are read at once, and are checked before others have their turn.
  log_page_events: 500,

  // JSON from outside.
  json_bytes: 1_000_000,
  json_depth: 64,

  // Globs. A longer pattern, or one with more stars and groups, matches nothing; a comparison of patterns that takes more pairs of states says "no".
  glob_chars: 4_096,
  glob_wildcards: 64,
  glob_states: 2_000,
  glob_cover_pairs: 5_000,
  glob_cache_entries: 500,

  // Versions.
  semver_chars: 256,

  // Time.
  cron_chars: 512,
  time_zone_chars: 64,
  time_zone_cache_entries: 1_000,
  schedule_preview_years: 50,
  schedule_previewed: 1_000,

  // Schedule loop. A start later than `late` counts as missed; what was to start longer ago than `catch_up` is not caught
  // up, unless the schedule declares another age, up to `catch_up_max`.
  schedule_sleep_ms: 30_000,
  schedule_retry_ms: 1_000,
  schedule_late_ms: 120_000,
  schedule_catch_up_h: 168,
  schedule_catch_up_max_h: 744,
  schedule_clock_back_ms: 5_000,
  schedule_clock_jump_ms: 5_000,
  schedule_fires_kept: 1_500,
  schedule_batch: 500,
  schedule_wait_ms: 86_400_000,
  schedule_log_ms: 3_024_000_000,
  schedule_simulated: 10_000,
  schedule_simulated_ms: 2_764_800_000,

  // The machine's state: how often it is measured while something waits, and what counts as idle or away.
  machine_measure_ms: 30_000,
  machine_record_ms: 600_000,
  machine_cpu_sample_ms: 1_000,
  machine_sensor_ms: 5_000,
  machine_sensor_bytes: 1_000_000,
  machine_file_bytes: 100_000,
  machine_idle_ms: 300_000,
  machine_away_ms: 60_000,

  // Triggers. A run starts once nothing has changed for `quiet`, or at the latest after `wait`. Files are looked at again
  // now and then even if the system told of no change, more often where it cannot.
  trigger_quiet_ms: 2_000,
  trigger_wait_ms: 60_000,
  trigger_fires: 60,
  trigger_fires_window_ms: 3_600_000,
  trigger_sleep_ms: 30_000,
  trigger_poll_ms: 1_000,
  trigger_rescan_ms: 600_000,
  trigger_rescan_blind_ms: 60_000,
  trigger_files: 200_000,
  trigger_folders: 20_000,
  trigger_way_folders: 500,
  trigger_paths: 20,
  trigger_path_chars: 1_000,
  trigger_event_ids: 1_000,
  trigger_events_per_minute: 60,
  trigger_cursor_step_s: 60,
  trigger_batch: 500,
  trigger_installs: 10_000,

  // The worker as a service: how long after a crash it is started again, and how long it is waited for. After more than
  // `crashes_free` ends in a row it waits itself, twice as long each time, until one run has lasted `healthy`. Settings
  // that were refused it reads again every `settings`.
  service_restart_s: 10,
  service_crashes_free: 2,
  service_wait_ms: 10_000,
  service_wait_ms_max: 300_000,
  service_healthy_ms: 600_000,
  service_settings_ms: 10_000,
  service_stop_s: 30,
  service_command_ms: 60_000,
  service_output_bytes: 200_000,
  service_up_ms: 20_000,

  // Event store.
  event_chars: 500_000,
  state_cache_entries: 2_000,
  stored_state_events: 1_000,
  commit_batch: 256,
  commit_queue: 100_000,

  // Files, network and processes of a run.
  tree_depth: 128,
  tree_turn_entries: 500,
  egress_redirects: 5,
  egress_timeout_ms: 600_000,
  egress_header_bytes: 32_768,
  egress_body_bytes: 67_108_864,
  egress_hosts: 1_000,
  egress_per_host_minute: 120,
  egress_url_chars: 8_192,
  process_kill_ms: 500,
  process_output_bytes: 16_777_216,
  run_memory_bytes: 4_294_967_296,
  run_cpu_ms: 14_400_000,
  process_sample_ms: 500,
  heap_share_max: 0.9,
  sandbox_start_ms: 10_000,
  sandbox_tmp_bytes: 67_108_864,
  code_store_bytes: 1_073_741_824,
  code_run_ms: 3_600_000,
  notarization_ms: 60_000,
  write_ms: 600_000,
  tunnel_sockets: 64,
  tunnel_bytes: 17_179_869_184,
  tunnel_connect_ms: 10_000,
  tunnel_idle_ms: 300_000,
  git_advertisement_bytes: 16_777_216,
  git_marker_bytes: 8_192,
  git_probe_ms: 60_000,
  // Relays, as the worker talks to them.
  relay_frame_chars: 1_000_000,
  relay_connect_ms: 10_000,
  relay_close_ms: 1_000,
  relay_silence_ms: 30_000,
  relay_backoff_ms: 1_000,
  relay_backoff_ms_max: 300_000,
  relay_overlap_s: 3_600,
  relay_overlap_wraps_s: 259_200,
  relay_seen: 50_000,
  relay_pages: 1_000,
  relay_pending_events: 20_000,
  relay_query_events: 20_000,
  git_submodules: 64,
  git_submodule_depth: 4,
  git_ms: 3_600_000,

  // The worker's control API.
  // A whole result of a step, and what a call has around it.
  api_body_bytes: 1_050_000,
  // What a call has around a success and a start: the token and the names.
  api_step_envelope_bytes: 1_000,
  // Of a request's body beyond its limit, what is still read so that its sender hears why.
  body_drained_bytes: 1_000_000,
  api_page: 500,
  api_event_streams: 32,
  api_event_wait_ms: 15_000,
  api_request_ms: 30_000,
  api_headers_ms: 10_000,
  api_header_bytes: 16_384,
  api_connections: 256,
  owner_order_s: 300,
  edge_timeout_ms: 10_000,
  edge_answer_bytes: 4_000_000,
  metric_series: 500,
  metric_batch: 500,
  audit_line_chars: 8_000_000,
  audit_piece_chars: 65_536,
  data_lock_wait_ms: 10_000,

  // Search: what is indexed, how it is cut, what an answer holds.
  search_file_bytes: 5_000_000,
  search_parse_bytes: 1_000_000,
  search_parse_ms: 2_000,
  search_parse_threads: 2,
  search_ignore_file_bytes: 1_000_000,
  search_symbols_per_file: 10_000,
  search_chunk_lines: 60,
  search_chunk_chars: 8_000,
  search_batch_files: 256,
  search_batch_chars: 1_000_000,
  search_files_in_flight: 8,
  search_query_chars: 1_000,
  search_query_trigrams: 48,
  search_exact_hits: 100_000,
  search_candidates: 100,
  search_hits_default: 10,
  search_hits_max: 200,
  search_step_hits: 200,
  search_snippet_lines: 12,
  search_snippet_chars: 800,
  search_text_chars: 24_000,
  search_vector_chunks: 100_000,
  search_stale_reads: 2_000,

  // Models.
  embed_batch: 64,
  embed_text_chars: 6_000,
  lexical_dim_default: 384,
  lexical_dim_max: 2_048,
  model_idle_ms: 300_000,
  model_cancel_ms: 500,
  model_call_ms: 600_000,
  // One call that is for no run: the owner's own search, the model that reads for the policy. Its memory is bounded as a run's.
  own_model_ms: 300_000,
  own_model_cpu_ms: 1_200_000,
  model_response_bytes: 20_000_000,
  model_probe_ms: 3_000,

  // Runs.
  runs_queued: 1_000,
  run_log_lines: 500,
  run_log_chars: 2_000,
  run_artifacts: 200,
  artifact_bytes: 67_108_864,
  artifact_store_bytes: 10_737_418_240,
  artifact_kept_ms: 86_400_000,
  step_result_bytes: 1_000_000,
  step_interruptions: 10,
  step_backoff_ms: 600_000,
  step_stop_ms: 5_000,
  engine_poll_ms: 1_000,
  engine_idle_ms: 30_000,
  run_deadline_ms: 172_800_000,
  run_watch_ms: 5_000,
  run_lease_ms: 60_000,
  engine_answer_ms: 5_000,
  engine_declined_ms: 60_000,
  lease_manifests: 1_000,
  licence_grace_ms: 2_592_000_000,
  licences_weighed: 200,
  note_attempts: 5,
  note_backoff_ms: 30_000,
  note_timeout_ms: 15_000,

  // Secrets: how long one is, how many the vault holds, and what its key costs to work out (scrypt, r = 8, p = 1).
  secret_chars_min: 8,
  secret_chars: 4_096,
  secret_piece_chars: 500_000,
  secret_overlap_chars: 65_536,
  secret_hosts: 16,
  secrets: 200,
  vault_bytes: 4_000_000,
  vault_log_n: 17,
  vault_log_n_max: 18,
  vault_passphrase_chars_min: 12,
  vault_passphrase_bytes: 4_096,

  // The worker's own log: one file, then older ones.
  log_line_chars: 8_000,
  log_file_bytes: 5_000_000,
  log_files: 10,
  log_ms: 1_209_600_000,
  // An error that is said again within this time is counted, not kept; so many different ones are told apart.
  log_again_ms: 60_000,
  log_known_errors: 100,

  // Traces: what waits for a collector, what goes at once, and how long it is tried.
  traces_queued: 1_000,
  traces_batch: 50,
  trace_spans: 200,
  traces_timeout_ms: 10_000,
  traces_backoff_ms: 1_000,
  traces_backoff_ms_max: 300_000,
  traces_close_ms: 2_000,
  telemetry_wait_ms: 15_000,
  telemetry_page: 500,

  // Retention: how often it is looked after, runs deleted in one commit, and how young an output is left alone though
  // no run has it, since one may be about to.
  retention_ms: 3_600_000,
  retention_batch: 100,
  retention_artifact_ms: 3_600_000,

  // Installs, pairing and intake.
  pairing_offer_ms: 600_000,
  pairings: 50,
  install_poll_ms: 15_000,
  install_pending_configs: 100,
  release_check_ms: 3_600_000,
  release_check_ms_min: 60_000,
  intake_events_per_minute: 30,
  releases_kept: 10,
  state_files: 10_000,
  releases_seen: 50,
  rollback_failures: 3,
  rollback_unreached: 3,
  rollback_witness_ms: 7_200_000,
  release_age_h: 72,
  release_clock_skew_ms: 5_000,
  unused_after_runs: 10,
  unused_runs_looked_at: 50,
  install_history_runs: 20,

  // Upgrades. An install config with the events it embeds, encrypted, still fits an event.
  manifest_chars: 64_000,
  install_config_chars: 80_000,
  install_config_days: 30,
  permission_wildcards: 8,
  manifest_errors: 100,
  publish_timeout_ms: 10_000,
  key_rotations: 8,
  key_statements: 500,

  // Dry runs: how much of the granted folders is looked at.
  dry_run_files: 200_000,
  dry_run_ms: 10_000,
  dry_run_starts: 50_000,
  fixture_bytes: 20_000_000,
  fixture_text_chars: 20_000,

  // What a worker measures about itself, and the least free disk it runs upgrades with.
  capabilities_kept_ms: 30_000,
  capabilities_report_ms: 21_600_000,
  capabilities_report_ms_min: 600_000,
  capabilities_report_chars: 20_000,

  // What a worker tells coordinators of their orders and runs; how often one that nobody takes is tried again.
  worker_status_chars: 60_000,
  worker_status_outputs: 50,
  worker_status_attempts: 6,
  worker_status_backoff_ms: 5_000,

  // The coordinator's page: when it locks its key, how long its orders are good, how much it remembers, how long it waits
  // for an edge, and how often it looks into its mailbox there.
  coordinator_idle_ms: 600_000,
  coordinator_order_s: 86_400,
  coordinator_runs: 20,
  coordinator_seen: 1_000,
  coordinator_answer_ms: 15_000,
  coordinator_mailbox_ms: 15_000,
  coordinator_scrypt_log_n: 16,
  worker_disk_mb: 200,

  // Signing elsewhere (NIP-46): how long a signer may take by itself, and with its owner at a web page; and the cost of
  // opening an encrypted key (NIP-49), as scrypt's exponent: 2^20 needs a gigabyte.
  signer_answer_ms: 60_000,
  signer_auth_ms: 300_000,
  signer_answer_bytes: 524_288,
  key_scrypt_log_n: 20,
  key_file_bytes: 10_000,

  // Policy.
  aup_classifier_ms: 30_000,
  /** Of one question, and how many are asked about one thing. */
  aup_classifier_chars: 24_000,
  aup_classifier_questions: 8,
  aup_classifier_tokens: 1_000,
  aup_classifier_why_chars: 500,
  /** How many manifests' answers are kept, and how long starts go without asking a model that gave none. */
  aup_answers_kept: 1_000,
  aup_classifier_retry_ms: 60_000,
  policy_reasons: 50,
  // Approvals: how long a question waits for the owner, how long what was approved holds, and how often.
  approval_request_ms: 86_400_000,
  approval_once_ms: 86_400_000,
  approval_ms: 31_536_000_000,
  approval_uses_per_day: 1_000,
  approvals_open: 100,
  approvals_weighed: 500,
  approval_request_chars: 20_000,
  approvals_expired_batch: 100,
  // Capability tokens.
  capability_chars: 8_000,
  capability_depth: 3,
  // Denials within the window after which an install is quarantined.
  quarantine_denials: 3,
  quarantine_window_ms: 86_400_000,
  // Where the owner sets no others.
  external_writes_per_hour: 120,
  external_writes_per_day: 1_000,
  spend_sats_per_day: 10_000,
} as const;
