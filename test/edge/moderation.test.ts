import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type {
  CatalogPage,
  CuratedListPage,
  ModerationCase,
  ModerationCasePage,
  ModerationDecision,
  ModerationLedger,
  ModerationRoles,
  SnapshotPage,
  UpgradeManifest,
} from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { toEvent as reportEvent } from "@oa/shared/nostr/01984-report.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { type HttpRequestClaim, httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { type Person, toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as kindMutes } from "@oa/shared/nostr/30007-kind-mutes.ts";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as curatedEvent } from "@oa/shared/nostr/30267-curated.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

const [operator, mo, bo, author, stranger] = [0, 0, 0, 0, 0].map(() => generateSecretKey()) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const DAY = 86_400;
const EVIDENCE = "ab".repeat(32);
let host: TestEdge;
let client: Client;
let example: UpgradeManifest;

const person = (key: Uint8Array, ...roles: Person["roles"]): Person => ({ pubkey: getPublicKey(key), name: "", roles });
const CURATORS = [person(mo, "hold", "label", "take_down", "feature"), person(bo, "hold", "take_down", "restore")];
const sign = (template: EventTemplate, by: Uint8Array): NostrEvent =>
  signed(by, { ...template, tags: template.tags.map((tag) => [...tag]) });
const publish = async (event: NostrEvent): Promise<void> => {
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
};

before(async () => {
  example = JSON.parse(await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"));
  host = await openTestEdge({ OPERATOR: getPublicKey(operator) });
  client = await connect(host.edge().relay_url);
  await publish(sign(peopleEvent({ list: "curators", people: CURATORS }, { created_at: NOW - 10 }), operator));
  await eventually(async () => (await get<ModerationRoles>("/v1/moderation/roles")).curators.length === 2);
});
after(async () => {
  await client.close();
  await host.close();
});

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${host.edge().url}${path}`)).json()) as T;
}
interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
}
async function send(by: Uint8Array, method: string, path: string, value?: object): Promise<Answer> {
  const url = `${host.edge().url}${path}`;
  const body = value === undefined ? {} : { body: JSON.stringify(value) };
  const claim: HttpRequestClaim = { url, method, ...body };
  const at = Math.floor(Date.now() / 1000);
  const authorization = httpAuthHeader(finalizeEvent(httpAuthTemplate(claim, at, randomUUID()), by));
  const headers = { authorization, "content-type": "application/json" };
  const response = await fetch(url, { method, headers, ...body });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}
const codeOf = ({ status, body }: Answer): string =>
  body.error === undefined ? `${status}` : `${status} ${body.error.code}`;

type Said = Omit<ModerationDecision, "event_id" | "created_at" | "moderator">;
const about = (address: string, change: Partial<Said> = {}): Said => ({
  ...{ action: "take_down", target: { kind: "listing", value: address }, reason: "malware", status: null },
  ...{ blast_radius: null, evidence_sha256: EVIDENCE, expires_at: NOW + 30 * DAY, answers: null },
  ...{ appeal: "possible", note: "" },
  ...change,
});
const label = (said: Said, by: Uint8Array, created_at = NOW): NostrEvent =>
  sign(decisionEvent(said, { created_at }), by);
const path = (said: Said): string => `/v1/moderation/${said.action.replace("_", "-")}`;
const say = (said: Said, by: Uint8Array): Promise<Answer> => send(by, "POST", path(said), { event: label(said, by) });
const answering = (event_id: string, address: string, action: "restore" | "uphold" | "appeal"): Said =>
  about(address, { action, reason: null, evidence_sha256: null, expires_at: null, answers: event_id });

let made = 0;
/** Lists an upgrade and gives its address. */
async function list(by = author): Promise<string> {
  made += 1;
  const id = `moderated.upgrade-${made}`;
  const npub = hexToNpub(getPublicKey(by));
  const manifest = { ...example, id, title: `Moderated ${made}`, author: { name: "Ada", npub } };
  await publish(sign(manifestEvent(manifest, { created_at: NOW }), by));
  const address = `30051:${getPublicKey(by)}:${id}`;
  await eventually(async () => (await statusOf(address)) === 200);
  return address;
}
const statusOf = async (address: string, query = ""): Promise<number> => {
  const response = await fetch(`${host.edge().url}/v1/listings/${address}${query}`);
  await response.body?.cancel();
  return response.status;
};
const becomes = (address: string, status: number) => eventually(async () => (await statusOf(address)) === status);
const listed = async (address: string, query = ""): Promise<boolean> => {
  const slug = address.split(":")[2] ?? "";
  const { listings } = await get<CatalogPage>(`/v1/listings?slug=${slug}${query}`);
  return listings.length === 1;
};
const caseOf = ({ body }: Answer): ModerationCase => {
  const value: unknown = body;
  assert.ok(validators.isModerationCase(value), JSON.stringify(value));
  return value;
};
async function ledgerOf(address: string): Promise<ModerationLedger["entries"]> {
  const ledger = await get<ModerationLedger>("/v1/moderation/ledger");
  assert.ok(validators.isModerationLedger(ledger), JSON.stringify(validators.isModerationLedger.errors));
  return ledger.entries.filter(({ decision }) => decision.target.value === address);
}

test("who may decide is a list that the operator signed, which anybody can check", async () => {
  const roles = await get<ModerationRoles>("/v1/moderation/roles");
  assert.ok(validators.isModerationRoles(roles));
  assert.equal(roles.operator, getPublicKey(operator));
  assert.equal(roles.event?.pubkey, roles.operator);
  const forged = peopleEvent({ list: "curators", people: [person(stranger, "take_down")] }, { created_at: NOW });
  await publish(sign(forged, stranger));
  assert.equal(codeOf(await say(about(await list()), stranger)), "403 not_permitted");
});

test("a taken-down listing answers 410 with its reason, is in no list, and is named in the ledger", async () => {
  const address = await list();
  const shown = await get<SnapshotPage>("/v1/snapshot");
  const done = caseOf(await say(about(address, { note: "It mines." }), mo));
  assert.equal(done.status, "decided");
  await becomes(address, 410);
  const gone = await get<{ error: { code: string; message: string; details: { decision: ModerationDecision } } }>(
    `/v1/listings/${address}`,
  );
  assert.equal(gone.error.code, "listing_taken_down");
  assert.match(gone.error.message, /harms the machine.*malware.*It mines/);
  assert.equal(gone.error.details.decision.moderator, getPublicKey(mo));
  assert.equal((await fetch(`${host.edge().url}/v1/listings/${address}/event`)).status, 410);
  assert.equal(await listed(address), false);
  const snapshot = await get<SnapshotPage>("/v1/snapshot");
  assert.ok(snapshot.version > shown.version);
  assert.equal(snapshot.listings_total, shown.listings_total - 1);
  assert.ok(snapshot.details.every(({ listing }) => listing.address !== address));
  const [entry] = await ledgerOf(address);
  assert.deepEqual([entry?.state, entry?.appeal, entry?.decision.reason], ["standing", "possible", "malware"]);
});

test("the signed label is on the relay for everybody, as its curator signed it", async () => {
  const address = await list();
  const said = about(address);
  const event = label(said, mo);
  assert.equal(codeOf(await send(mo, "POST", path(said), { event })), "200");
  assert.deepEqual(await client.query({ kinds: [1985], "#a": [address], "#L": ["openagents.moderation"] }), [event]);
  assert.equal(codeOf(await send(mo, "POST", path(said), { event })), "200", "handing it in again changes nothing");
  assert.equal((await ledgerOf(address)).length, 1);
});

test("a decision that its curator sent to the relay itself counts the same", async () => {
  const address = await list();
  await publish(label(about(address), mo));
  await becomes(address, 410);
  await eventually(async () => (await ledgerOf(address)).length === 1);
});

test("readers choose whose decisions apply", async () => {
  const address = await list();
  await say(about(address), mo);
  await becomes(address, 410);
  const [own, none, other] = [getPublicKey(mo), "none", getPublicKey(stranger)];
  assert.equal(await statusOf(address, `?moderators=${own}`), 410);
  assert.equal(await statusOf(address, `?moderators=${hexToNpub(own)}`), 410);
  assert.equal(await statusOf(address, `?moderators=${none}`), 200);
  assert.equal(await statusOf(address, `?moderators=${other}`), 200);
  assert.equal(await statusOf(address, `?moderators=${other},${own}`), 410);
  assert.equal(await listed(address, "&moderators=none"), true);
  assert.equal(await listed(address, `&moderators=${own}`), false);
  for (const wrong of ["somebody", `${own},`, Array.from({ length: 11 }, () => own).join()]) {
    const response = await fetch(`${host.edge().url}/v1/listings/${address}?moderators=${wrong}`);
    assert.equal(response.status, 400, wrong);
  }
});

test("anybody's decisions apply to those who choose them, and to nobody else", async () => {
  const address = await list();
  await publish(label(about(address), stranger));
  await eventually(async () => (await statusOf(address, `?moderators=${getPublicKey(stranger)}`)) === 410);
  assert.equal(await statusOf(address), 200);
  assert.deepEqual(await ledgerOf(address), []);
});

test("a blocklist hides its authors from those who choose its signer", async () => {
  const spammer = generateSecretKey();
  const address = await list(spammer);
  await publish(sign(kindMutes([getPublicKey(spammer)], { created_at: NOW }), stranger));
  await eventually(async () => (await statusOf(address, `?moderators=${getPublicKey(stranger)}`)) === 410);
  assert.equal(await statusOf(address), 200);
});

test("each curator decides within their roles, under their own name, and not about their own", async () => {
  const address = await list();
  const feature = about(address, { action: "feature", reason: null, evidence_sha256: null });
  assert.equal(codeOf(await say(feature, bo)), "403 not_permitted");
  assert.equal(codeOf(await say(feature, mo)), "200");
  const said = about(address);
  assert.equal(codeOf(await send(bo, "POST", path(said), { event: label(said, mo) })), "403 not_permitted");
  assert.equal(codeOf(await send(mo, "POST", "/v1/moderation/hold", { event: label(said, mo) })), "400 usage");
  const own = await list(mo);
  assert.equal(codeOf(await say(about(own), mo)), "403 own_listing");
  const old = label(said, mo, NOW - 7_200);
  assert.equal(codeOf(await send(mo, "POST", path(said), { event: old })), "409 decision_stale");
  const forged = { ...label(said, mo), content: "forged" };
  assert.equal(codeOf(await send(mo, "POST", path(said), { event: forged })), "400 event_id_mismatch");
  assert.equal(codeOf(await send(mo, "POST", path(said), { event: 1 })), "422 schema_invalid");
  assert.equal(await statusOf(address), 200);
});

test("an author appeals, another curator hears it, and the listing is back", async () => {
  const address = await list();
  const down = caseOf(await say(about(address), mo)).decisions[0]?.decision.event_id ?? "";
  await becomes(address, 410);
  assert.equal(codeOf(await say(answering(down, address, "appeal"), stranger)), "403 not_permitted");
  const appealed = caseOf(await say({ ...answering(down, address, "appeal"), appeal: "open" }, author));
  assert.equal(appealed.status, "appealed");
  assert.equal(codeOf(await say(answering(down, address, "restore"), mo)), "200", "one's own, always");
  await becomes(address, 200);
  const [entry] = await ledgerOf(address);
  assert.deepEqual([entry?.state, entry?.appeal], ["reversed", "restored"]);
  const second = about(address, { evidence_sha256: "cd".repeat(32) });
  const again = caseOf(await say(second, mo)).decisions[0]?.decision.event_id ?? "";
  await becomes(address, 410);
  assert.equal(codeOf(await say(answering(again, address, "restore"), bo)), "200");
  await becomes(address, 200);
  assert.equal(
    codeOf(await say({ ...second, note: "still" }, mo)),
    "409 already_decided",
    "not again on the same evidence",
  );
});

test("a hold hides for a while, and a label warns without hiding", async () => {
  const address = await list();
  const until = Math.floor(Date.now() / 1000) + 3;
  await say(about(address, { action: "hold", expires_at: until }), mo);
  await becomes(address, 403);
  await becomes(address, 200); // it ended by itself
  const warns = about(address, { action: "label", reason: "disputed", status: "risky", blast_radius: "money" });
  await say({ ...warns, evidence_sha256: null }, mo);
  await eventually(async () => {
    const { listings } = await get<CatalogPage>(`/v1/listings?slug=${address.split(":")[2]}`);
    const said = listings[0]?.moderation?.labels[0];
    return said?.status === "risky" && said.blast_radius === "money";
  });
});

test("reports open a case, one of each key, and take nothing down however many there are", async () => {
  const address = await list();
  const said = { listing: address, manifest_event_id: null, reason: "malware", text: "It mines." } as const;
  const reporters = Array.from({ length: 60 }, () => generateSecretKey());
  for (const by of [...reporters, ...reporters.slice(0, 5)]) {
    await client.publish(sign(reportEvent(said, { created_at: NOW }), by));
  }
  await publish(sign(reportEvent({ ...said, text: "I read it." }, { created_at: NOW }), bo));
  let found: ModerationCase | undefined;
  await eventually(async () => {
    const { body } = await send(mo, "GET", "/v1/moderation/cases");
    const page: unknown = body;
    assert.ok(validators.isModerationCasePage(page), JSON.stringify(validators.isModerationCasePage.errors));
    found = (page as ModerationCasePage).cases.find(({ target }) => target.value === address);
    return found?.reports.some(({ standing }) => standing === "curator") ?? false;
  });
  assert.equal(found?.status, "open");
  assert.equal(found?.reports_total, 51, "fifty unknown keys, and the curator");
  assert.equal(found?.weight, 1_200);
  assert.equal(await statusOf(address), 200);
  const dismissed = caseOf(
    await say(about(address, { action: "dismiss", reason: null, evidence_sha256: null, expires_at: null }), mo),
  );
  assert.deepEqual([dismissed.status, dismissed.weight], ["dismissed", 0]);
});

test("a report of what is not listed, or of one's own listing, opens nothing", async () => {
  const address = await list();
  const said = { manifest_event_id: null, reason: "spam", text: "" } as const;
  await publish(sign(reportEvent({ ...said, listing: `${address}-none` }, { created_at: NOW }), stranger));
  await publish(sign(reportEvent({ ...said, listing: address }, { created_at: NOW }), author));
  const other = await list();
  await publish(sign(reportEvent({ ...said, listing: other }, { created_at: NOW }), stranger));
  await eventually(async () => {
    const cases = (await send(mo, "GET", "/v1/moderation/cases")).body as unknown as ModerationCasePage;
    const values = cases.cases.map(({ target }) => target.value);
    return values.includes(other) && !values.includes(address) && !values.includes(`${address}-none`);
  });
});

test("cases are for curators, each request signed once", async () => {
  assert.equal(codeOf(await send(stranger, "GET", "/v1/moderation/cases")), "403 not_permitted");
  assert.equal((await fetch(`${host.edge().url}/v1/moderation/cases`)).status, 401);
  const url = `${host.edge().url}/v1/moderation/cases`;
  const claim = { url, method: "GET" };
  const at = Math.floor(Date.now() / 1000);
  const authorization = httpAuthHeader(finalizeEvent(httpAuthTemplate(claim, at, randomUUID()), mo));
  const statuses = [];
  for (let time = 0; time < 2; time += 1) statuses.push((await fetch(url, { headers: { authorization } })).status);
  assert.deepEqual(statuses, [200, 401]);
  assert.equal(codeOf(await send(mo, "GET", `/v1/moderation/cases/case_${"0".repeat(32)}`)), "404 not_found");
});

test("curated lists by those one trusts are read with the events they were signed as", async () => {
  const address = await list();
  const top = { name: "top", title: "Top", description: "What we run.", listings: [address] };
  const event = sign(curatedEvent(top, { created_at: NOW }), mo);
  await publish(event);
  await publish(sign(curatedEvent({ ...top, title: "Mine" }, { created_at: NOW }), stranger));
  await eventually(async () => (await get<CuratedListPage>("/v1/lists")).lists.length === 1);
  const page = await get<CuratedListPage>("/v1/lists");
  assert.ok(validators.isCuratedListPage(page), JSON.stringify(validators.isCuratedListPage.errors));
  assert.deepEqual([page.lists[0]?.listings, page.lists[0]?.event], [[address], event]);
  await eventually(async () => {
    const chosen = await get<CuratedListPage>(`/v1/lists?moderators=${getPublicKey(stranger)}`);
    return chosen.lists[0]?.title === "Mine";
  });
  const deletion = { kind: 5, tags: [["a", `30267:${getPublicKey(mo)}:top`]] };
  await publish(signed(mo, deletion));
  await eventually(async () => (await get<CuratedListPage>("/v1/lists")).lists.length === 0);
});

test("the page of a taken-down listing is 410 with the reason, and nothing said in it is run", async () => {
  const address = await list();
  await say(about(address, { note: "<script>alert(1)</script>" }), mo);
  await becomes(address, 410);
  const [, key, slug] = address.split(":");
  for (const page of [`/upgrades/${key}/${slug}/`, `/upgrades/${key}/${slug}`]) {
    const response = await fetch(`${host.edge().url}${page}`);
    const text = await response.text();
    assert.equal(response.status, 410);
    assert.match(text, /harms the machine it runs on \(malware\)/);
    assert.doesNotMatch(text, /<script/);
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  }
  const head = await fetch(`${host.edge().url}/upgrades/${key}/${slug}/`, { method: "HEAD" });
  assert.equal(head.status, 410);
});

test("the order in which decisions, answers to them and the list of curators arrive changes nothing", async () => {
  const address = await list();
  const late = generateSecretKey();
  const decision = label(about(address), late);
  const answer = label(answering(decision.id, address, "restore"), bo);
  for (const event of [answer, decision]) await publish(event);
  assert.deepEqual(await ledgerOf(address), []);
  const people = [person(late, "take_down"), ...CURATORS];
  await publish(sign(peopleEvent({ list: "curators", people }, { created_at: NOW - 9 }), operator));
  const found = async () => (await ledgerOf(address)).find((one) => one.decision.event_id === decision.id);
  await eventually(async () => (await found())?.answered?.event_id === answer.id);
  assert.equal((await found())?.state, "reversed");
});

test("whoever is taken off the list decides nothing any more, and what they decided is void", async () => {
  const address = await list();
  await say(about(address), mo);
  await becomes(address, 410);
  const people = [person(bo, "hold", "take_down", "restore")];
  await publish(sign(peopleEvent({ list: "curators", people }, { created_at: NOW }), operator));
  await becomes(address, 200);
  await eventually(async () => (await ledgerOf(address))[0]?.state === "void");
  assert.equal(codeOf(await say(about(address, { note: "still" }), mo)), "403 not_permitted");
  const back = [person(mo, "hold", "label", "take_down", "feature"), ...people];
  await publish(sign(peopleEvent({ list: "curators", people: back }, { created_at: NOW + 1 }), operator));
  await becomes(address, 410);
});

test("all of it is there after a restart", async () => {
  const address = await list();
  await say(about(address), mo);
  await becomes(address, 410);
  await client.close();
  await host.restart();
  client = await connect(host.edge().relay_url);
  assert.equal(await statusOf(address), 410);
  assert.equal((await ledgerOf(address)).length, 1);
  assert.equal((await get<ModerationRoles>("/v1/moderation/roles")).curators.length, 2);
});
