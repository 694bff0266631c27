import { componentsOf, jsonContent, type ReadSchema, type SchemaFile } from "../core/openapi.ts";
import { APPROVAL_STATUSES, type InstallAction } from "./ports.ts";
import { scopesOf } from "./scopes.ts";

/** One route of the control API, beside its method and path. */
export interface ControlRoute {
  readonly summary: string;
  /** The file of its body's schema, by name: `api/<body>.json`. */
  readonly body?: string;
  /** What the query string may say, by name. */
  readonly query?: Readonly<Record<string, object>>;
  /** Of a yes; 200 where absent. */
  readonly status?: number;
  /** Of an answer that is no JSON. */
  readonly media?: string;
}

const COUNT = { type: "integer", minimum: 0 };
const TEXT = { type: "string" };
const CHANGES: Readonly<Record<InstallAction, string>> = {
  inspect: "Look at what waits, which approving it needs",
  approve: "Approve what waits",
  deny: "Deny what waits",
  enable: "Let it run",
  disable: "Stop it from running",
  remove: "Remove it",
  updates: "Choose how it is updated",
  caps: "Choose the most that a run may use",
  pin: "Keep the release that runs",
  unpin: "Let updates take its place again",
  rollback: "Go back to an earlier release",
  narrow: "Take permissions away, or give them back",
  override: "Run it all the same, whatever a moderator decided",
};
const installChanges = Object.entries(CHANGES).map(
  ([action, summary]) => [`POST /v1/installs/:id/${action}`, { summary, body: "control-install-change" }] as const,
);

/** Every route of the control API: the method and the path as the routes themselves write it. */
export const CONTROL_ROUTES: Readonly<Record<string, ControlRoute>> = {
  "GET /health": { summary: "Whether the worker answers; needs no token" },
  "GET /openapi.json": { summary: "This document" },
  "GET /metrics": { summary: "Figures in Prometheus' text format", media: "text/plain" },
  "GET /v1/worker": { summary: "Which worker this is, and what it has" },
  "GET /v1/doctor": { summary: "What is wrong with this machine, and what fixes it" },
  "GET /v1/installs": { summary: "What is installed" },
  "GET /v1/installs/:id": { summary: "One install, by its id or any other name of it" },
  "GET /v1/installs/:id/history": { summary: "Every consent and what became of it" },
  "GET /v1/installs/:id/use": { summary: "Which of its permissions its runs used" },
  "GET /v1/installs/:id/state": { summary: "What its releases keep for themselves" },
  "GET /v1/installs/:id/diff": { summary: "What the update that waits changes" },
  "POST /v1/installs": { summary: "Install or update", body: "control-install-request", status: 201 },
  "POST /v1/installs/preview": { summary: "What consent would be to", body: "control-install-preview" },
  "POST /v1/installs/plan": { summary: "What it would touch here", body: "control-install-preview" },
  "POST /v1/installs/why-not": { summary: "Every reason why it cannot run here", body: "control-install-preview" },
  "POST /v1/installs/why-not/all": { summary: "The same of every paired worker", body: "control-install-preview" },
  "POST /v1/installs/:id/trial": { summary: "Start the release on trial", status: 201 },
  ...Object.fromEntries(installChanges),
  "GET /v1/updates": { summary: "Where every install stands with its updates" },
  "POST /v1/updates/check": { summary: "Look for updates now" },
  "POST /v1/upgrades/diff": { summary: "What one upgrade changes of another", body: "control-upgrade-diff" },
  "POST /v1/upgrades/manifest": { summary: "A manifest to look at", body: "control-install-preview" },
  "GET /v1/runs": { summary: "Past and present runs", query: { install_id: TEXT, limit: COUNT } },
  "GET /v1/runs/:id": { summary: "One run" },
  "GET /v1/runs/:id/steps": { summary: "What became of its steps" },
  "POST /v1/runs": { summary: "Start a run", body: "control-run-request", status: 202 },
  "POST /v1/runs/:id/cancel": { summary: "Cancel a run", body: "control-run-cancel" },
  "POST /v1/runs/:id/pause": { summary: "Pause a run", body: "control-run-pause" },
  "POST /v1/runs/:id/resume": { summary: "Resume a run", body: "control-run-pause" },
  "POST /v1/runs/claim": { summary: "Claim a run under a lease, as another engine", body: "control-run-claim" },
  "POST /v1/runs/:id/lease/heartbeat": { summary: "Keep the lease", body: "control-run-lease" },
  "POST /v1/runs/:id/lease/release": { summary: "Give the run back", body: "control-run-lease" },
  "POST /v1/runs/:id/start": { summary: "Begin a claimed run", body: "control-run-start" },
  "POST /v1/runs/:id/steps": { summary: "Record what became of a step", body: "control-run-step" },
  "POST /v1/runs/:id/complete": { summary: "End a claimed run well", body: "control-run-lease" },
  "POST /v1/runs/:id/fail": { summary: "End a claimed run as failed", body: "control-run-fail" },
  "GET /v1/events": {
    summary: "Events after a number: a page, or with Accept: text/event-stream a stream that Last-Event-ID resumes",
    query: { from_seq: COUNT, limit: COUNT, wait_ms: COUNT },
  },
  "GET /v1/market/listings": { summary: "The edge's catalog; takes the edge's query string" },
  "GET /v1/market/listings/:address": { summary: "One listing of the edge" },
  "GET /v1/reputation/:address": { summary: "What is said of a listing" },
  "POST /v1/reputation/:address/rating": { summary: "Rate it", body: "control-rating" },
  "POST /v1/reputation/:address/report": { summary: "Report it", body: "control-report" },
  "POST /v1/reputation/:address/verify": { summary: "Reckon its score again", body: "control-reputation-verify" },
  "GET /v1/moderation/roles": { summary: "Who may decide at the edge" },
  "GET /v1/moderation/ledger": { summary: "What was decided there", query: { cursor: TEXT } },
  "GET /v1/moderation/cases": { summary: "What waits for curators", query: { cursor: TEXT } },
  "GET /v1/moderation/cases/:id": { summary: "One case" },
  "POST /v1/moderation/decisions": {
    summary: "Decide as a curator, or appeal as an author",
    body: "control-moderation",
  },
  "GET /v1/moderation/lists/:name": { summary: "A list of the owner's" },
  "POST /v1/moderation/lists": { summary: "Put a list together", body: "control-curate" },
  "POST /v1/search": { summary: "Search the code indexes", body: "control-search-request" },
  "GET /v1/schedule": { summary: "Every schedule, the next start first" },
  "POST /v1/schedule/preview": { summary: "When an expression fires", body: "control-schedule-preview" },
  "GET /v1/schedule/:id": { summary: "What it runs by, and its next times", query: { from: TEXT, count: COUNT } },
  "POST /v1/schedule/:id": { summary: "Choose a schedule in place of its own", body: "control-schedule-set" },
  "GET /v1/schedule/:id/why": { summary: "Why it did or did not run", query: { at: TEXT } },
  "POST /v1/schedule/:id/simulate": { summary: "What a schedule would have done", body: "control-schedule-simulation" },
  "GET /v1/audit/verify": { summary: "Check the log's hash chain" },
  "GET /v1/audit/export": { summary: "The chain as JSON Lines", media: "application/jsonl" },
  "GET /v1/pairings": { summary: "Which coordinators may order installs" },
  "POST /v1/pairings": { summary: "Offer a pairing", body: "control-pairing-request", status: 201 },
  "POST /v1/pairings/:id/confirm": { summary: "Confirm the key that claimed it", body: "control-pairing-change" },
  "POST /v1/pairings/:id/remove": { summary: "End a pairing", body: "control-pairing-change" },
  "POST /v1/pairings/:id/share": { summary: "Choose what it is told", body: "control-pairing-change" },
  "GET /v1/policy": { summary: "The rules and the settings" },
  "GET /v1/policy/kill-switch": { summary: "Whether everything is stopped" },
  "POST /v1/policy/kill-switch": { summary: "Stop everything, or let it go on", body: "control-kill-switch" },
  "GET /v1/policy/installs/:id": { summary: "What the policy says of an install's steps" },
  "POST /v1/policy/installs/:id": { summary: "Set its zone, quarantine or lift it", body: "control-policy-change" },
  "POST /v1/policy/evaluate": { summary: "What the policy would say", body: "policy-evaluation" },
  "GET /v1/approvals": {
    summary: "What waits for the owner, and what was decided",
    query: { status: { type: "string", enum: APPROVAL_STATUSES }, install_id: TEXT, limit: COUNT },
  },
  "GET /v1/approvals/:id": { summary: "One approval" },
  "POST /v1/approvals/:id/decide": { summary: "Approve, deny or revoke", body: "control-approval-decision" },
  "POST /v1/outward": { summary: "Have something judged that leaves this machine", body: "control-outward" },
  "POST /v1/outward/:id/end": { summary: "Say what became of it", body: "control-outward-end" },
  "GET /v1/tokens": { summary: "Capability tokens" },
  "POST /v1/tokens": { summary: "Make one", body: "control-token-request", status: 201 },
  "POST /v1/tokens/delegate": { summary: "Make a narrower one of one", body: "control-token-delegation", status: 201 },
  "POST /v1/tokens/:id/revoke": { summary: "Revoke one", body: "control-token-change" },
  "GET /v1/secrets": { summary: "The vault's secrets by name" },
  "POST /v1/secrets": { summary: "Set one", body: "control-secret-set", status: 201 },
  "POST /v1/secrets/remove": { summary: "Remove one", body: "control-secret-remove" },
  "POST /v1/secrets/unlock": { summary: "Open the vault", body: "control-vault-unlock" },
  "POST /v1/secrets/passphrase": { summary: "Change its passphrase", body: "control-vault-passphrase" },
  "GET /v1/receipts": { summary: "The licences this worker holds" },
  "POST /v1/receipts": { summary: "Add a receipt", body: "control-receipt-add", status: 201 },
};

const ERROR = "api/edge-error.json";

/** The control API as OpenAPI 3.1, from the schemas that validate it and the routes it has. */
export function controlOpenApi(origin: string, read: ReadSchema): object {
  const bodies = Object.values(CONTROL_ROUTES).flatMap(({ body }) => (body === undefined ? [] : [`api/${body}.json`]));
  const files = withReferred([ERROR, ...bodies], read);
  const titleOf = (path: string): string => files.get(path)?.title ?? path;
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries(CONTROL_ROUTES)) {
    const [method = "", written = ""] = name.split(" ");
    const path = written.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, path, route, titleOf) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "OpenAgents upgrades: a worker's control API",
      version: "1",
      description: "It answers on this machine alone, to the admin token in the data folder and to capability tokens.",
    },
    servers: [{ url: origin }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: componentsOf([...files.values()]),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf(
  method: string,
  path: string,
  { summary, body, query = {}, status = 200, media = "application/json" }: ControlRoute,
  titleOf: (path: string) => string,
): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    return { name, in: "path", required: true, schema: TEXT };
  });
  const inQuery = Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema }));
  const scopes = scopesOf(method, path);
  const whose = scopes.length === 0 ? "The admin token alone." : `Capability tokens with ${scopes.join(" or ")}, too.`;
  return {
    summary,
    ...(path === "/health" ? { security: [] } : { description: whose }),
    parameters: [...inPath, ...inQuery],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: jsonContent(titleOf(`api/${body}.json`)) } }),
    responses: {
      [status]: { description: "What was asked for", content: { [media]: {} } },
      default: { description: "No, and why", content: jsonContent(titleOf(ERROR)) },
    },
  };
}

const BASE = "https://openagents.dev/schemas/";

/** Schema files with all that they refer to, by path. */
function withReferred(paths: readonly string[], read: ReadSchema): ReadonlyMap<string, SchemaFile> {
  const files = new Map<string, SchemaFile>();
  const open = [...paths];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    const file = read(path);
    files.set(path, file);
    for (const [, other = ""] of JSON.stringify(file).matchAll(/"\$ref":"([^"#]+)/g))
      open.push(other.replace(BASE, ""));
  }
  return files;
}
