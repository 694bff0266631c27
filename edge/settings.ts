/** What the edge is told in wrangler.toml, and its secrets. */
export interface Settings {
  /** How many shards keep the relay's events, a power of two: one where it is not set. Changed, the events move. */
  readonly RELAY_SHARDS?: string;
  /** How many doors hold the relay's connections: one where it is not set. */
  readonly RELAY_DOORS?: string;
  /** The edge's own secret key in hex, a secret: it signs proofs of receipts. Without it there are none. */
  readonly EDGE_KEY?: string;
  /** Lightning networks whose payments count, with commas between; bitcoin alone where it is not set. */
  readonly LIGHTNING_NETWORKS?: string;
  /** Relays that events are pulled from, with spaces or commas between; none where it is not set. */
  readonly UPSTREAM_RELAYS?: string;
  /** How many seconds lie between two pulls from one relay; ten minutes where it is not set. */
  readonly UPSTREAM_INTERVAL_S?: string;
  /** "1": relays that authors list as theirs (NIP-65) are asked too. */
  readonly FOLLOW_RELAY_LISTS?: string;
  /** "1": what other drafts list (NIP-82, SKL, ContextVM) is kept too, apart from upgrades. */
  readonly EXTERNAL_LISTINGS?: string;
  /** Addresses of relays, with commas between, that relay lists may name though they are not public; for development. */
  readonly LISTED_RELAYS?: string;
  /** The key in hex whose signed list says who moderates; the edge's own where it is not set. */
  readonly OPERATOR?: string;
  /** Keys in hex, with commas between, whose follow lists reputation's web of trust starts from; it is off without. */
  readonly TRUST_ANCHORS?: string;
  /** host:port pairs, with commas between, whose LNURL servers are asked over plain HTTP; for development. */
  readonly LNURL_HOSTS?: string;
  /** Keys in hex, with commas between, that may publish the site, beside the edge's own. */
  readonly SITE_PUBLISHERS?: string;
  /** "1" adds the route that measures bare signature verification. Never set in wrangler.toml. */
  readonly BENCH?: string;
}
