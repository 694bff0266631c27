import curatedList from "@oa/schemas/api/edge-curated-list.json" with { type: "json" };
import curatedListPage from "@oa/schemas/api/edge-curated-list-page.json" with { type: "json" };
import apiError from "@oa/schemas/api/edge-error.json" with { type: "json" };
import externalListing from "@oa/schemas/api/edge-external-listing.json" with { type: "json" };
import listing from "@oa/schemas/api/edge-listing.json" with { type: "json" };
import listingDetail from "@oa/schemas/api/edge-listing-detail.json" with { type: "json" };
import listingModeration from "@oa/schemas/api/edge-listing-moderation.json" with { type: "json" };
import listingPage from "@oa/schemas/api/edge-listing-page.json" with { type: "json" };
import listingQuery from "@oa/schemas/api/edge-listing-query.json" with { type: "json" };
import listingReputation from "@oa/schemas/api/edge-listing-reputation.json" with { type: "json" };
import mailboxDeposit from "@oa/schemas/api/edge-mailbox-deposit.json" with { type: "json" };
import mailboxPage from "@oa/schemas/api/edge-mailbox-page.json" with { type: "json" };
import mailboxSigners from "@oa/schemas/api/edge-mailbox-signers.json" with { type: "json" };
import moderationCase from "@oa/schemas/api/edge-moderation-case.json" with { type: "json" };
import moderationCasePage from "@oa/schemas/api/edge-moderation-case-page.json" with { type: "json" };
import moderationDecision from "@oa/schemas/api/edge-moderation-decision.json" with { type: "json" };
import moderationLedger from "@oa/schemas/api/edge-moderation-ledger.json" with { type: "json" };
import moderationRoles from "@oa/schemas/api/edge-moderation-roles.json" with { type: "json" };
import moderationSubmission from "@oa/schemas/api/edge-moderation-submission.json" with { type: "json" };
import receiptBatch from "@oa/schemas/api/edge-receipt-batch.json" with { type: "json" };
import receiptBundle from "@oa/schemas/api/edge-receipt-bundle.json" with { type: "json" };
import receiptClaim from "@oa/schemas/api/edge-receipt-claim.json" with { type: "json" };
import receiptClaimed from "@oa/schemas/api/edge-receipt-claimed.json" with { type: "json" };
import receiptReport from "@oa/schemas/api/edge-receipt-report.json" with { type: "json" };
import receiptVerification from "@oa/schemas/api/edge-receipt-verification.json" with { type: "json" };
import reputation from "@oa/schemas/api/edge-reputation.json" with { type: "json" };
import reputationInputs from "@oa/schemas/api/edge-reputation-inputs.json" with { type: "json" };
import snapshotPage from "@oa/schemas/api/edge-snapshot-page.json" with { type: "json" };
import upstreamPage from "@oa/schemas/api/edge-upstream-page.json" with { type: "json" };
import moderationEvent from "@oa/schemas/event/moderation.json" with { type: "json" };
import nostrEvent from "@oa/schemas/nostr/event.json" with { type: "json" };
import rollUp from "@oa/schemas/nostr/reputation-content.json" with { type: "json" };
import { componentsOf, jsonContent, type SchemaFile } from "@oa/shared/core/openapi.ts";

const FILES: readonly SchemaFile[] = [
  apiError,
  listing,
  externalListing,
  listingDetail,
  listingPage,
  listingReputation,
  reputation,
  reputationInputs,
  rollUp,
  mailboxDeposit,
  mailboxPage,
  mailboxSigners,
  receiptBatch,
  receiptBundle,
  receiptClaim,
  receiptClaimed,
  receiptReport,
  receiptVerification,
  snapshotPage,
  upstreamPage,
  nostrEvent,
  curatedList,
  curatedListPage,
  listingModeration,
  moderationCase,
  moderationCasePage,
  moderationDecision,
  moderationEvent,
  moderationLedger,
  moderationRoles,
  moderationSubmission,
];

const ok = (description: string, title: string) => ({
  "200": { description, content: jsonContent(title) },
  default: { description: "No, and why", content: jsonContent(apiError.title) },
});
const path = (name: string, description: string) => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
});
const ADDRESS = path("address", "kind:pubkey:d of the manifest");
const WORKER = path("pubkey", "The worker's key in hex");
const SIGNED = [{ nip98: [] }];
const CURSOR = { name: "cursor", in: "query", schema: { type: "string" } };
const MODERATORS = { name: "moderators", in: "query", schema: listingQuery.properties.moderators };

/** What each decision does, by its path. */
const DECISIONS = {
  hold: "Hide a target for a while, as a curator",
  label: "Show a target with a warning: its status and its blast radius",
  "take-down": "Take a target down",
  feature: "Recommend a listing",
  restore: "Reverse a decision",
  uphold: "Let a decision stand on appeal",
  dismiss: "Judge the reports to be unfounded",
  appeal: "Appeal against a decision, as the author it is about",
} as const;

function decisionPaths(): object {
  const entries = Object.entries(DECISIONS).map(([name, summary]) => {
    const body = { required: true, content: jsonContent(moderationSubmission.title) };
    const post = { summary, security: SIGNED, requestBody: body, responses: ok("The case", moderationCase.title) };
    return [`/v1/moderation/${name}`, { post }] as const;
  });
  return Object.fromEntries(entries);
}

/** The edge's HTTP interface as OpenAPI 3.1, from the schemas that validate it. */
export function openApi(origin: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "OpenAgents upgrades: catalog and install mailbox",
      version: "1",
      description: `A Nostr relay answers at ${origin.replace(/^http/, "ws")}/.`,
    },
    servers: [{ url: origin }],
    paths: {
      "/health": { get: { summary: "Whether the edge answers", responses: { "200": { description: "It does" } } } },
      "/v1/listings": {
        get: {
          summary: "Search the catalog",
          parameters: Object.entries(listingQuery.properties).map(([name, schema]) => ({ name, in: "query", schema })),
          responses: ok("A page of listings", listingPage.title),
        },
      },
      "/v1/listings/{address}": {
        get: {
          summary: "One listing, with its signed events",
          parameters: [ADDRESS, MODERATORS],
          responses: {
            ...ok("The listing", listingDetail.title),
            "410": { description: "It was taken down, and why", content: jsonContent(apiError.title) },
          },
        },
      },
      "/v1/listings/{address}/event": {
        get: {
          summary: "The manifest event as its author signed it",
          parameters: [ADDRESS],
          responses: ok("The event", nostrEvent.title),
        },
      },
      "/v1/snapshot": {
        get: {
          summary: "The whole catalog with its signed events, for mirrors",
          parameters: [{ name: "cursor", in: "query", schema: { type: "string" } }],
          responses: ok("A page of the catalog", snapshotPage.title),
        },
      },
      "/v1/upstreams": {
        get: {
          summary: "The relays that events are pulled from, and how that goes",
          responses: ok("The relays", upstreamPage.title),
        },
      },
      "/v1/receipts/verify": {
        post: {
          summary: "Verify licence receipts: every check of each, and a proof for the valid ones",
          requestBody: { required: true, content: jsonContent(receiptBatch.title) },
          responses: ok("What was found of each, in order", receiptVerification.title),
        },
      },
      "/v1/receipts/claim": {
        post: {
          summary: "Claim a receipt's payment, as its buyer: once in the world, a repeat gives the same answer",
          security: SIGNED,
          requestBody: { required: true, content: jsonContent(receiptBundle.title) },
          responses: ok("The payment is held by this receipt", receiptClaimed.title),
        },
      },
      "/v1/receipts/{payment_hash}": {
        get: {
          summary: "Which receipt holds a payment",
          parameters: [path("payment_hash", "64 hex digits")],
          responses: ok("The claim", receiptClaim.title),
        },
      },
      "/v1/listings/{address}/reputation": {
        get: {
          summary: "Its score, why it is so, and the signed roll-up",
          parameters: [ADDRESS],
          responses: ok("The reputation", reputation.title),
        },
      },
      "/v1/listings/{address}/reputation/inputs": {
        get: {
          summary: "The ids of the events the score was reckoned from",
          parameters: [ADDRESS, { name: "after", in: "query", schema: { type: "string" } }],
          responses: ok("A page of ids", reputationInputs.title),
        },
      },
      "/v1/lists": {
        get: {
          summary: "Curated lists by the moderators that the reader chose",
          parameters: [MODERATORS],
          responses: ok("The lists, each with its signed event", curatedListPage.title),
        },
      },
      "/v1/moderation/roles": {
        get: {
          summary: "Who may decide here, by the list that the operator signed",
          responses: ok("The roles", moderationRoles.title),
        },
      },
      "/v1/moderation/ledger": {
        get: {
          summary: "Every hold, label and take-down: who, why, until when, and what became of an appeal",
          parameters: [CURSOR],
          responses: ok("A page, the latest first", moderationLedger.title),
        },
      },
      "/v1/moderation/events": {
        get: {
          summary: "The signed decisions, appeals and lists themselves, for who checks or mirrors them",
          parameters: [CURSOR, MODERATORS],
          responses: { "200": { description: "{events, next_cursor}" } },
        },
      },
      "/v1/moderation/cases": {
        get: {
          summary: "What waits for curators, by whom it was reported rather than how often",
          security: SIGNED,
          parameters: [CURSOR],
          responses: ok("A page of cases", moderationCasePage.title),
        },
      },
      "/v1/moderation/cases/{case}": {
        get: {
          summary: "One case with its reports and decisions",
          security: SIGNED,
          parameters: [path("case", "The case's id")],
          responses: ok("The case", moderationCase.title),
        },
      },
      ...decisionPaths(),
      "/v1/workers/{pubkey}/signers": {
        put: {
          summary: "Name the signers whose install configs the mailbox takes",
          security: SIGNED,
          parameters: [WORKER],
          requestBody: { required: true, content: jsonContent(mailboxSigners.title) },
          responses: acted("Named"),
        },
      },
      "/v1/workers/{pubkey}/installs": {
        get: {
          summary: "Deposits that wait for the worker",
          security: SIGNED,
          parameters: [WORKER, { name: "after", in: "query", schema: { type: "integer", minimum: 0 } }],
          responses: ok("A page of deposits", mailboxPage.title),
        },
        post: {
          summary: "Leave a sealed install config",
          security: SIGNED,
          parameters: [WORKER],
          requestBody: { required: true, content: jsonContent(mailboxDeposit.title) },
          responses: acted("Left", "201"),
        },
      },
      "/v1/workers/{pubkey}/installs/{deposit_id}": {
        delete: {
          summary: "Acknowledge a deposit",
          security: SIGNED,
          parameters: [WORKER, path("deposit_id", "The sealed event's id")],
          responses: acted("Acknowledged"),
        },
      },
    },
    components: {
      schemas: componentsOf(FILES),
      securitySchemes: {
        nip98: {
          type: "http",
          scheme: "Nostr",
          description: "NIP-98; payload is mandatory with a body, ids single-use",
        },
      },
    },
  };
}

function acted(description: string, status = "200") {
  return { [status]: { description }, default: { description: "No, and why", content: jsonContent(apiError.title) } };
}
