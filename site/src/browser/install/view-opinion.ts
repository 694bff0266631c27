import { LIMITS } from "@oa/shared/core/limits.ts";
import { REPORT_REASONS } from "@oa/shared/core/moderation-words.ts";
import { toEvent as reportEvent } from "@oa/shared/nostr/01984-report.ts";
import { toEvent as ratingEvent, STARS } from "@oa/shared/nostr/30054-rating.ts";
import type { App } from "./app.ts";
import { publish } from "./deliver.ts";
import { button, field, keyNotice, make, select } from "./elements.ts";
import type { CheckedUpgrade } from "./orders.ts";
import { nowSeconds } from "./random.ts";
import { ownRelay } from "./relays.ts";

/** What each word of a report says to people. */
const REPORT_WORDS: Readonly<Record<(typeof REPORT_REASONS)[number], string>> = {
  malware: "It harms the machine it runs on",
  spam: "It is an advertisement, a copy or a flood",
  illegal: "It is against the law",
  impersonation: "It passes itself off as another author's",
  nudity: "It shows nudity",
  profanity: "It insults or hates",
  other: "Something else",
};

/** Rating and reporting a listing: in public, in the name of the coordinator's key. */
export function opinionView(app: App, { listing }: CheckedUpgrade, asked: { readonly report: boolean }): HTMLElement {
  const relays = (): readonly string[] => [
    ...new Set([ownRelay(location.origin), ...app.box.read().workers.flatMap((worker) => worker.relays)]),
  ];
  const stars = select(
    "stars",
    [["", "Choose"] as const, ...STARS.map((n) => [String(n), `${"★".repeat(n)} ${n} of 5`] as const)],
    "",
  );
  const review = make("textarea", { name: "review", rows: "3", maxlength: String(LIMITS.rating_review_chars) });
  const done = make("p", { class: "good", role: "status" });
  const rate = async (): Promise<void> => {
    done.textContent = "";
    const chosen = STARS.find((n) => String(n) === stars.value);
    if (chosen === undefined) throw new Error("choose from one to five stars");
    const rating = { listing: listing.address, stars: chosen, review: review.value.trim(), evidence: null };
    const signer = app.session.require();
    await publish(await signer.sign(ratingEvent(rating, { created_at: nowSeconds() })), relays(), app.relays);
    done.textContent = "Your rating is published. It replaces one you gave before.";
  };
  const reason = select(
    "reason",
    REPORT_REASONS.map((word) => [word, REPORT_WORDS[word]] as const),
    "other",
  );
  const text = make("textarea", { name: "text", rows: "3", maxlength: String(LIMITS.report_text_chars) });
  const reported = make("p", { class: "good", role: "status" });
  const report = async (): Promise<void> => {
    reported.textContent = "";
    const chosen = REPORT_REASONS.find((word) => word === reason.value) ?? "other";
    const { address, event_id } = listing;
    const about = { listing: address, manifest_event_id: event_id, reason: chosen, text: text.value.trim() };
    const signer = app.session.require();
    await publish(await signer.sign(reportEvent(about, { created_at: nowSeconds() })), relays(), app.relays);
    reported.textContent = "Your report is published, for moderators to judge.";
  };
  return make(
    "div",
    { class: "opinions" },
    app.session.signer() === null ? keyNotice(app.box.read().key !== null, "Ratings and reports are signed") : null,
    make(
      "details",
      { class: "rate" },
      make("summary", {}, "Rate it"),
      make(
        "p",
        { class: "quiet" },
        "Everybody can read it, with your public key. Without proof of use it is shown apart.",
      ),
      field("Stars", stars),
      field("What you would tell others", review),
      button("Publish the rating", rate),
      done,
    ),
    make(
      "details",
      { class: "report", open: asked.report },
      make("summary", {}, "Report it"),
      make("p", { class: "quiet" }, "Everybody can read it, with your public key."),
      field("What is wrong", reason),
      field("What you saw", text),
      button("Publish the report", report),
      reported,
    ),
  );
}
