/** The numbers of what the edge keeps and serves, and of what everybody may send it; part of `LIMITS`. */
export const EDGE_LIMITS = {
  // Site.
  site_build_timeout_ms: 1_800_000,
  build_output_bytes: 1_000_000,

  // Nostr events from outside.
  nostr_content_bytes: 131_072,
  nostr_tags: 2_000,
  nostr_tag_values: 64,
  nostr_tag_value_bytes: 4_096,
  nostr_created_at_s: 253_402_300_799,
  nostr_ahead_s: 900,
  nostr_auth_skew_s: 600,
  schnorr_keys: 512,

  // NIP-98.
  http_auth_skew_s: 60,
  http_auth_header_bytes: 8_192,

  // Filters (NIP-01, 50).
  filter_values: 500,
  filter_tags: 8,
  filter_search_chars: 256,

  // Relay, for one connection.
  relay_message_chars: 262_144,
  // What a message that waits holds beside its text: many small ones need memory too.
  relay_message_around_chars: 200,
  relay_subscriptions: 20,
  relay_filters: 10,
  relay_filter_chars: 300_000,
  relay_subscription_id_chars: 64,
  relay_limit: 500,
  relay_limit_default: 500,
  relay_answer_chars: 16_000_000,
  relay_attachment_chars: 900,
  relay_authenticated_keys: 8,
  relay_rate_burst: 100_000,
  relay_rate_per_s: 5_000,
  relay_read_cost: 20,

  // Into how many ranges the relay can cut the keys: what their first two digits tell apart.
  relay_shards: 256,
  // The relay's doors, which hold the connections, and its shards, which hold the events: what a call between them may
  // take and carry, for how long a shard may answer a door nothing, and not one call of many.
  relay_doors: 64,
  relay_call_ms: 10_000,
  relay_silent_ms: 5_000,
  relay_answer_ms: 30_000,
  relay_call_chars: 8_000_000,
  // What a shard keeps in memory of what is new until all doors know, and how many events it tells a door that was away.
  relay_outbox_chars: 16_000_000,
  relay_owed_events: 10_000,
  // How long a shard wakes for the sake of a door that it cannot reach.
  relay_away_ms: 86_400_000,
  // How often in a row a door that fails is called before it waits for the next look, or for its own asking.
  relay_tell_calls: 2,
  relay_heard_ms: 1_000,
  // What a shard gives another in one call when the number of shards has changed.
  relay_move_chars: 1_000_000,
  relay_move_rows: 500,
  relay_move_banned: 50,
  // How many such calls one alarm makes (Cloudflare allows 1,000 requests), and how many at once: all may be for one shard.
  relay_move_calls: 500,
  relay_move_at_once: 4,
  // How many messages a door has in hand, and how many new events wait for the stored ones before them.
  relay_in_hand: 2_048,
  relay_waiting_events: 1_000,
  relay_waiting_chars: 4_000_000,

  // Relay, for all connections together.
  relay_queue_chars: 48_000_000,
  relay_filters_chars: 24_000_000,
  relay_answers_chars: 48_000_000,
  relay_batch: 256,
  relay_connections: 2_000,
  relay_connections_per_address: 100,
  // What one address and one author may do, in messages and events, beside what one connection may.
  relay_address_burst: 20_000,
  relay_address_per_s: 500,
  relay_key_burst: 2_000,
  relay_key_per_s: 5,
  relay_allowances: 20_000,
  // What one address is sent: one large event goes to each of its subscriptions, and what it does not read waits here.
  relay_sent_burst_chars: 48_000_000,
  relay_sent_chars_per_s: 4_000_000,
  // Searches and counts that meet more than this look no further.
  relay_search_candidates: 2_000,
  // A filter's authors or kinds that are walked one by one, and how rare a tag must be to be looked up first.
  relay_branches: 16,
  relay_tag_rows: 1_000,
  relay_count_max: 100_000,
  // Sealed deposits that nobody fetches go.
  gift_wrap_kept_s: 2_592_000,
  relay_handover_batch: 50,
  relay_handover_retry_ms: 5_000,
  // How many events that are not for a lane it looks at more than once.
  relay_handover_skipped: 1_000,

  // Comparing sets of events (NIP-77): what one message carries, what one comparison covers, how many are open, and how
  // many events they hold together.
  sync_frame_bytes: 60_000,
  sync_events: 50_000,
  sync_sessions: 8,
  sync_held_events: 200_000,
  sync_idle_ms: 60_000,
  sync_cost: 200,
  sync_sessions_per_connection: 2,

  // Pulling from other relays: when, how much of it at a time, and how much of what makes no sense is borne.
  relay_list_relays: 20,
  relay_url_chars: 256,
  upstream_relays: 50,
  upstream_listed: 30,
  upstream_listed_authors: 500,
  upstream_authors: 20_000,
  upstream_authors_per_filter: 200,
  upstream_authors_page: 2_000,
  upstream_interval_ms: 600_000,
  upstream_interval_ms_min: 1_000,
  upstream_soon_ms: 10_000,
  upstream_backoff_ms: 60_000,
  upstream_backoff_ms_max: 21_600_000,
  upstream_full_s: 86_400,
  upstream_at_once: 4,
  upstream_connect_ms: 10_000,
  upstream_answer_ms: 15_000,
  upstream_sync_ms: 5_000,
  upstream_pull_ms: 60_000,
  upstream_events: 20_000,
  upstream_chars: 64_000_000,
  upstream_frame_chars: 1_000_000,
  upstream_page: 500,
  upstream_second_page: 5_000,
  upstream_batch: 100,
  upstream_bad_events: 50,
  upstream_sync_rounds: 500,
  upstream_refused: 50_000,
  upstream_error_chars: 300,

  // Building the edge's bundle.
  edge_build_timeout_ms: 120_000,
  edge_build_kept_ms: 3_600_000,

  // Catalog.
  catalog_page_default: 20,
  // What few enough listings meet is looked at one by one; of words that very many have, the latest are ranked; what has
  // expired is removed so many at a time; and nothing new is taken where the object is nearly full (10 GB).
  catalog_narrow: 2_000,
  catalog_ranked: 10_000,
  catalog_sweep: 100,
  catalog_bytes: 9_000_000_000,
  catalog_releases: 1_000,
  catalog_channels: 16,
  // What other drafts list: how much of each is shown, and how many are kept.
  external_title_chars: 120,
  external_summary_chars: 2_000,
  external_url_chars: 500,
  external_tags: 20,
  external_tag_chars: 64,
  external_tools: 100,
  external_listings: 100_000,
  external_per_key: 200,
  catalog_history: 50,
  snapshot_page: 100,
  snapshot_page_chars: 1_000_000,
  snapshot_listings: 1_000_000,
  snapshot_part_bytes: 4_000_000,
  site_list_page: 60,
  // Cloudflare takes 20,000 static assets of a Worker.
  site_files: 20_000,
  site_pictures_at_once: 4,
  site_object_bytes: 24_000_000,
  // What a pack is to hold at least and at most on average, as the site grows, and in no case more than.
  site_pack_bytes_min: 262_144,
  site_pack_bytes: 8_388_608,
  site_pack_bytes_max: 16_000_000,
  site_indexes_cached: 128,
  site_manifest_bytes: 1_500_000,
  site_upload_timeout_ms: 120_000,

  // Install mailbox of one worker.
  mailbox_signers: 64,
  mailbox_deposits: 500,
  mailbox_deposits_per_signer: 50,
  mailbox_body_bytes: 200_000,
  mailbox_page: 20,
  mailbox_deposit_ms: 2_592_000_000,

  // Reputation. A listing's ratings are reckoned again once nothing came for `quiet`, or after `wait`, and once a day.
  rating_review_chars: 2_000,
  report_text_chars: 2_000,
  reputation_quiet_ms: 1_000,
  reputation_wait_ms: 30_000,
  reputation_refresh_ms: 86_400_000,
  // All inputs of a listing are in memory while it is reckoned, of which an object has 128 MB.
  reputation_inputs: 20_000,
  reputation_inputs_per_key: 400,
  reputation_anchors: 50,
  reputation_raters_shown: 100,
  reputation_page: 2_000,
  lnurl_timeout_ms: 5_000,
  lnurl_bytes: 20_000,
  lnurl_chars: 2_000,
  lnurl_kept_ms: 86_400_000,
  lnurl_failed_ms: 3_600_000,
  attestation_attempts: 5,
  attestation_backoff_ms: 30_000,
  attestation_batch: 50,

  // Moderation. What is kept of any one case, key or list, so that nobody can fill the rest.
  moderation_note_chars: 2_000,
  moderation_people: 500,
  moderation_decision_ahead_s: 900,
  moderation_decision_old_s: 3_600,
  moderation_reports_per_case: 200,
  moderation_reports_unknown: 50,
  moderation_reports_per_key_day: 20,
  moderation_cases_unknown: 1_000,
  moderation_decisions_per_case: 200,
  moderation_decisions_per_key: 200,
  moderation_decisions_per_curator: 20_000,
  moderation_decisions_per_offered: 2_000,
  moderation_decisions_heard: 2_000,
  moderation_decisions: 100_000,
  moderation_lists: 10_000,
  moderation_chosen: 10,
  moderation_offered: 50,
  moderation_kept: 2_000,
  // How many pages of what a key signed a reader's browser asks the edge for.
  moderation_pages_followed: 50,
  moderation_views_cached: 32,
  moderation_page: 100,
  moderation_body_bytes: 50_000,
  curated_title_chars: 120,
  curated_description_chars: 2_000,
  curated_listings: 500,
  curated_lists_per_key: 50,
  relay_bans: 10_000,
  relay_ban_batch: 500,

  // Lightning invoices and licence receipts. The first is the most that fits a QR code.
  invoice_chars: 7_089,
  receipts_per_request: 25,
  receipt_body_bytes: 1_000_000,
  receipt_shard_digits: 3,
  receipt_proof_s: 86_400,
} as const;
