/** One listing in the search index: what is matched and what a result shows. */
export interface Indexed {
  readonly path: string;
  readonly title: string;
  readonly summary: string;
  readonly author: string;
  readonly labels: readonly string[];
  readonly backends: readonly string[];
  readonly price_sats: number;
  readonly price: string;
  readonly version: string;
}
