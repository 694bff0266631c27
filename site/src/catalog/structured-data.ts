import type { Entry } from "./listings.ts";
import { platformsInWords } from "./words.ts";

/** A listing as schema.org knows software (JSON-LD). Its rating is there only where ratings count. */
export function structuredData({ listing, manifest, path }: Entry, site: URL): object {
  const { reputation } = listing;
  const { amount_sats } = listing.pricing;
  return {
    "@context": "https://schema.org",
    "@type": "SoftwareApplication",
    name: listing.title,
    description: listing.summary,
    url: new URL(path, site).href,
    identifier: listing.address,
    softwareVersion: listing.version,
    datePublished: new Date(listing.created_at * 1000).toISOString(),
    operatingSystem: platformsInWords(listing.platforms),
    applicationCategory: listing.categories[0] ?? "UtilitiesApplication",
    keywords: listing.tags.join(", "),
    ...(listing.license === "" ? {} : { license: listing.license }),
    ...(manifest.homepage === undefined ? {} : { sameAs: manifest.homepage }),
    author: { "@type": "Person", name: listing.author_name?.trim() || listing.npub, identifier: listing.npub },
    // Bitcoin has an ISO 4217 style code, and 1 sat is 10⁻⁸ of it.
    offers: { "@type": "Offer", price: (amount_sats / 1e8).toFixed(8), priceCurrency: "XBT" },
    ...(reputation === undefined || reputation.raters === 0
      ? {}
      : {
          aggregateRating: {
            "@type": "AggregateRating",
            ratingValue: (reputation.stars_milli / 1_000).toFixed(2),
            ratingCount: reputation.raters,
            bestRating: 5,
            worstRating: 1,
          },
        }),
  };
}

/** JSON that is safe within a script element. */
export function embedded(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
