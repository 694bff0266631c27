/** Uses that no upgrade may be put to. The names are stable: codes, events and owners' settings hold them. */
export type AupCategoryName =
  | "regulated_healthcare"
  | "regulated_legal"
  | "regulated_financial"
  | "academic_textbook"
  | "training_data_identification"
  | "guardrail_circumvention"
  | "violence"
  | "explicit_content"
  | "self_harm"
  | "fraud"
  | "prohibited_job_type";

export type AupSeverity = "low" | "medium" | "high";

/** One way of putting an upgrade to such a use, and the phrases that show it. */
export interface AupRule {
  /** Stable, unique within its category. */
  readonly name: string;
  /** What it does, after "this": "gives medical advice". */
  readonly says: string;
  /** See `parsePhrase`. */
  readonly phrases: readonly string[];
  /**
   * `act`: the phrase says that something is done, so only what stands in the same half of the sentence can turn it
   * round ("never diagnoses"). `thing`: it names something, which may be what the upgrade works against ("reports
   * phishing kits").
   */
  readonly kind: "act" | "thing";
  /** Words (`stem*` too) that, within the phrase or up to three words beside it, make it mean something else. */
  readonly except?: string;
  /** Words that turn it round when they stand up to six words before it. */
  readonly except_before?: string;
  /** Only where it differs from the category's. */
  readonly severity?: AupSeverity;
  /** The phrase itself says "no" or "without", which then does not turn it round. */
  readonly holds_negation?: true;
}

export interface AupCategory {
  readonly name: AupCategoryName;
  readonly severity: AupSeverity;
  readonly rules: readonly AupRule[];
}
