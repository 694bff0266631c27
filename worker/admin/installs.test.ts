import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { ConsentView } from "@oa/shared/api/ports.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlInstallSource, InstallOrder } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { type InstallView, installProjection } from "@oa/shared/install/views.ts";
import { fromEvent as listingFrom, toEvent as listingTo } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as releaseTo } from "@oa/shared/nostr/30052-release.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { quarantineProjection } from "@oa/shared/policy/views.ts";
import { openSqlite } from "../adapters/sqlite.ts";
import { ownerDecides } from "./decide.ts";
import { installsPort } from "./installs.ts";

const NOW = Date.UTC(2026, 0, 1);
const random = (count: number): Uint8Array => randomBytes(count);
const key = (): Uint8Array => random(32);
const signal = new AbortController().signal;
const author = key();
const stranger = key();

function manifestBy(secret: Uint8Array, changes: object = {}) {
  return {
    id: "test.upgrade.watch",
    version: "1.0.0",
    title: "Watch a file",
    author: { npub: hexToNpub(publicKeyOf(secret)) },
    capabilities: { platforms: ["linux", "macos"], backends: ["lexical-v1"] },
    schedule: { type: "manual" },
    inputs: { file: { type: "path" }, times: { type: "integer", default: 1 } },
    pipeline: [{ op: "fs.read", id: "read", path: "${inputs.file}" }],
    ...changes,
  } as const;
}

function published(secret: Uint8Array, changes: object = {}) {
  const manifest = manifestBy(secret, changes);
  const manifest_event = signEvent(listingTo(manifest as never, { created_at: NOW / 1000 }), secret, random(32));
  const verified = verifyEvent(manifest_event, pureSchnorr);
  const listing = isRejection(verified) ? verified : listingFrom(verified);
  assert.ok(!isRejection(listing), JSON.stringify(listing));
  const pinned = {
    author: listing.author,
    manifest_event_id: listing.event_id,
    manifest_sha256: listing.manifest_sha256,
    notes: "",
    channel: "main",
    created_at: NOW / 1000,
  } as const;
  return {
    manifest_event,
    release_event: signEvent(releaseTo(manifest as never, pinned), secret, random(32)),
    listing,
  };
}

/** A worker's installs over an empty log; orders go straight to the rules. */
function worker(
  known: readonly NostrEvent[] = [],
  widened: (version: string) => readonly string[] | null = () => null,
) {
  const sql = openSqlite(":memory:");
  const store = openEventStore(sql, [installProjection, quarantineProjection], random);
  const context = (correlation_id: string): EventContext => ({
    now_ms: NOW,
    workspace_id: "local",
    stream_type: "workspace",
    stream_id: "local",
    actor_type: "user",
    actor_id: "owner",
    correlation_id,
  });
  const [owner_key, own] = [key(), publicKeyOf(key())];
  const port = installsPort({
    ...{ sql, store, catalog: null, states: { size: async () => null } },
    config: { private_allow: [], code_packages: false },
    sandbox: { name: "none", missing: "this is a test" },
    engine: { gates: () => ({ licence: "not_applicable", budget: "not_applicable" }) },
    capabilities: async () => {
      throw new Error("nobody asks what this machine has");
    },
    decide: ownerDecides(sql, store, context),
    home: "/home/me",
    worker: own,
    owner_key,
    schnorr: pureSchnorr,
    authorKey: async () => author,
    lookUp: async () => known,
    now_ms: () => NOW,
    random,
    accept: async (order, signed, { listing, release }) => {
      const { manifest, manifest_sha256 } = listing;
      const { permission_hash, inputs, revision, signer, install_id } = order;
      const found = { manifest_sha256, permission_hash };
      const done = store.handle(context(install_id), [
        task(installDecider, install_id, {
          type: "order",
          signed_by: { signer, revision, config_event_id: signed.id },
          recipient: order.worker,
          worker: own,
          expires_at_ms: order.expires_at * 1000,
          now_ms: NOW,
          ceiling: [],
          named: { manifest_sha256: order.manifest_sha256, permission_hash },
          found,
          grant: ["filesystem:read:/data/a.txt"],
          manifest,
          inputs,
          widened: widened(listing.manifest.version),
          pins: {
            upgrade_address: listing.address,
            upgrade_id: manifest.id,
            upgrade_version: manifest.version,
            title: manifest.title,
            author_pubkey: listing.author,
            manifest_event_id: listing.event_id,
            release_event_id: release.event_id,
            permissions: ["filesystem:read:/data/a.txt", "tool:invoke:fs.read"],
            schedule: manifest.schedule,
          },
        } as never),
      ]);
      return isRejection(done) ? done : null;
    },
  });
  return port;
}

function consent(answer: ConsentView | Rejection): ConsentView {
  assert.ok(!isRejection(answer), JSON.stringify(answer));
  return answer;
}
function code(answer: object | Rejection): string {
  return isRejection(answer) ? answer.code : `no refusal: ${JSON.stringify(answer)}`;
}
const inputs_text: Readonly<Record<string, [string, ...string[]]>> = { file: ["/data/a.txt"] };

test("consent shows who, when, how much and each permission, and what is installed is exactly that", async () => {
  const port = worker();
  const { manifest_event, release_event, listing } = published(author);
  const source: ControlInstallSource = { manifest_event, release_event } as never;
  const shown = consent(await port.preview({ source, inputs_text: { ...inputs_text, times: ["3"] } }, signal));
  assert.deepEqual(
    [shown.address, shown.author_pubkey, shown.price, shown.schedule, shown.inputs],
    [listing.address, listing.author, "free", "only when you start it", { file: "/data/a.txt", times: 3 }],
  );
  assert.deepEqual(
    shown.permissions.map(({ permission }) => permission),
    ["filesystem:read:/data/a.txt", "tool:invoke:fs.read"],
  );
  const { inputs, manifest_sha256, permission_hash } = shown;
  const request = { source, inputs: inputs as InstallOrder["inputs"], accepted: { manifest_sha256, permission_hash } };
  const install = (await port.request(request, signal)) as InstallView;
  assert.equal(install.status, "enabled");
  assert.equal(install.active?.manifest_sha256, manifest_sha256);
  assert.deepEqual(port.list(), [install]);
  // Installing the listing again is an update of the same install, with a higher revision.
  const again = (await port.request(request, signal)) as InstallView;
  assert.equal(again.install_id, install.install_id);
  assert.ok((again.active?.signed_by.revision ?? 0) > (install.active?.signed_by.revision ?? 0));
});

test("consent to another manifest or other permissions installs nothing", async () => {
  const port = worker();
  const { manifest_event, release_event } = published(author);
  const only = { manifest_event, release_event } as never;
  const shown = consent(await port.preview({ source: only, inputs_text }, signal));
  const ask = (accepted: { manifest_sha256: string; permission_hash: string }, inputs: object) =>
    port.request({ source: only, inputs: inputs as InstallOrder["inputs"], accepted }, signal);
  const { manifest_sha256, permission_hash } = shown;
  const other = "0".repeat(64);
  assert.equal(code(await ask({ manifest_sha256: other, permission_hash }, shown.inputs)), "manifest_hash_mismatch");
  assert.equal(code(await ask({ manifest_sha256, permission_hash: other }, shown.inputs)), "permission_hash_mismatch");
  const wider = { ...shown.inputs, file: "/etc/shadow" };
  assert.equal(code(await ask({ manifest_sha256, permission_hash }, wider)), "permission_hash_mismatch");
  assert.deepEqual(port.list(), []);
});

test("an address is looked up, and what others signed under it is not taken", async () => {
  const mine = published(author);
  const forged = published(stranger, { author: { npub: hexToNpub(publicKeyOf(stranger)) }, version: "9.0.0" });
  const altered = { ...mine.manifest_event, content: mine.manifest_event.content.replace("Watch", "Wreck") };
  const port = worker([forged.manifest_event, altered, mine.manifest_event, mine.release_event]);
  const address = mine.listing.address;
  assert.equal(consent(await port.preview({ source: { address }, inputs_text }, signal)).title, "Watch a file");
  assert.equal(code(await port.preview({ source: { address, version: "2.0.0" }, inputs_text }, signal)), "not_found");
  const nobody = `30051:${"a".repeat(64)}:test.upgrade.watch`;
  assert.equal(code(await port.preview({ source: { address: nobody }, inputs_text }, signal)), "not_found");
  for (const wrong of ["a watch", "30052:x:y", "naddr1broken", `30051:${"a".repeat(64)}:UPPER`]) {
    assert.equal(code(await port.preview({ source: { address: wrong }, inputs_text }, signal)), "usage", wrong);
  }
});

test("what is installed is looked at by its name, in the version that is installed, though nobody else has it", async () => {
  const port = worker();
  const { manifest_event, release_event } = published(author);
  const only = { manifest_event, release_event } as never;
  const { inputs, manifest_sha256, permission_hash } = consent(
    await port.preview({ source: only, inputs_text }, signal),
  );
  const accepted = { manifest_sha256, permission_hash };
  const done = await port.request({ source: only, inputs: inputs as InstallOrder["inputs"], accepted }, signal);
  const { install_id } = done as InstallView;
  for (const name of ["watch", "test.upgrade.watch", install_id, manifest_event.id, release_event.id]) {
    const plan = await port.plan({ source: { address: name } }, signal);
    assert.ok(!isRejection(plan), `${name}: ${JSON.stringify(plan)}`);
    assert.deepEqual([plan.title, plan.version], ["Watch a file", "1.0.0"]);
    assert.equal((port.get(name) as InstallView).install_id, install_id);
  }
  // An update by its name is looked for like one by its address: in the catalog and on relays, where nobody has it.
  assert.equal(code(await port.preview({ source: { address: "watch" } }, signal)), "not_found");
  const disabled = await port.change("watch", "disable", {});
  assert.equal((disabled as InstallView).status, "disabled");
  assert.equal(code(await port.change("wotch", "disable", {})), "not_found");
});

test("a manifest in a file is signed here only where this machine is its author", async () => {
  const port = worker();
  const own = { manifest: manifestBy(author) } as ControlInstallSource;
  assert.equal(consent(await port.preview({ source: own, inputs_text }, signal)).author_pubkey, publicKeyOf(author));
  const foreign = { manifest: manifestBy(stranger) } as ControlInstallSource;
  assert.equal(code(await port.preview({ source: foreign, inputs_text }, signal)), "unsigned_manifest");
});

const bad: readonly [string, (events: ReturnType<typeof published>) => object, string][] = [
  [
    "an altered manifest",
    ({ manifest_event: e, release_event }) => ({ manifest_event: { ...e, content: `${e.content} ` }, release_event }),
    "event_id_mismatch",
  ],
  [
    "a forged signature",
    ({ manifest_event: e, release_event }) => ({ manifest_event: { ...e, sig: "0".repeat(128) }, release_event }),
    "signature_invalid",
  ],
  [
    "a release of another manifest",
    ({ manifest_event }) => ({ manifest_event, release_event: published(author, { version: "1.0.1" }).release_event }),
    "event_tag_mismatch",
  ],
  [
    "a release by somebody else",
    ({ manifest_event }) => ({ manifest_event, release_event: published(stranger).release_event }),
    "event_tag_mismatch",
  ],
  ["two releases", ({ release_event }) => ({ manifest_event: release_event, release_event }), "foreign_event"],
  ["a manifest without its release, which nobody has", ({ manifest_event }) => ({ manifest_event }), "not_found"],
];
for (const [what, source, expected] of bad) {
  test(`${what} is refused with ${expected}`, async () => {
    const answer = await worker().preview({ source: source(published(author)) as never, inputs_text }, signal);
    assert.equal(code(answer), expected);
  });
}

test("an invalid manifest is refused with every error", async () => {
  const manifest = manifestBy(author, { pipeline: [{ op: "no.such" }] });
  const answer = await worker().preview({ source: { manifest }, inputs_text }, signal);
  assert.ok(isRejection(answer));
  assert.equal(answer.code, "op_unknown");
});

for (const [texts, expected] of [
  [{}, "input_missing"],
  [{ file: ["/a"], other: ["1"] }, "input_unknown"],
  [{ file: ["/a"], times: ["many"] }, "input_invalid"],
  [{ file: ["/a", "/b"] }, "input_invalid"],
] as const) {
  test(`inputs ${JSON.stringify(texts)} are refused with ${expected}`, async () => {
    const { manifest_event, release_event } = published(author);
    const request = { source: { manifest_event, release_event }, inputs_text: texts } as never;
    assert.equal(code(await worker().preview(request, signal)), expected);
  });
}

test("a relative path is relative to where the command was typed", async () => {
  const { manifest_event, release_event } = published(author);
  const request = {
    source: { manifest_event, release_event },
    inputs_text: { file: ["a.txt"] },
    cwd: "/data",
  } as never;
  assert.equal(consent(await worker().preview(request, signal)).inputs.file, "/data/a.txt");
});

test("an update shows what it changes, keeps the inputs, and is taken as the owner chose", async () => {
  const port = worker([], () => []);
  const first = published(author);
  const next = published(author, { version: "1.1.0", schedule: { type: "cron", expression: "0 3 * * *" } });
  const source = ({ manifest_event, release_event }: typeof first) => ({ manifest_event, release_event }) as never;
  const install = async (from: typeof first, texts: object) => {
    const shown = consent(
      await port.preview({ source: source(from), inputs_text: texts as typeof inputs_text }, signal),
    );
    const { inputs, manifest_sha256, permission_hash } = shown;
    const accepted = { manifest_sha256, permission_hash };
    const done = await port.request(
      { source: source(from), inputs: inputs as never, accepted, auto_update: "narrow" },
      signal,
    );
    assert.ok(!isRejection(done), JSON.stringify(done));
    return { shown, view: done as InstallView };
  };
  const { shown: alone, view } = await install(first, inputs_text);
  assert.equal(alone.update, null);
  assert.deepEqual([view.auto_update, view.channel], ["narrow", "main"]);
  const { shown, view: updated } = await install(next, {});
  assert.equal(shown.inputs.file, "/data/a.txt");
  assert.equal(shown.update?.version, "1.0.0");
  assert.deepEqual(
    shown.update?.diff?.widened.map(({ kind, subject }) => `${kind} ${subject}`),
    ["schedule times"],
  );
  assert.equal(updated.active?.upgrade_version, "1.1.0");
  const other = consent(await port.preview({ source: source(next), inputs_text: { file: ["/etc/passwd"] } }, signal));
  assert.ok(other.update?.diff?.widened.some(({ sentence }) => sentence.includes("/etc/passwd")));
});

test("an address gives only releases of the channel that is followed, and steadier ones", async () => {
  const beta = published(author);
  const pinned = {
    ...{ author: beta.listing.author, manifest_event_id: beta.listing.event_id, channel: "beta" as const, notes: "" },
    ...{ manifest_sha256: beta.listing.manifest_sha256, created_at: NOW / 1000 },
  } as const;
  const release = signEvent(releaseTo(manifestBy(author) as never, pinned), author, random(32));
  const port = worker([beta.manifest_event, release]);
  const source = { address: beta.listing.address };
  assert.equal(code(await port.preview({ source, inputs_text }, signal)), "channel_not_followed");
  assert.equal(code(await port.preview({ source, inputs_text, channel: "main" }, signal)), "channel_not_followed");
  for (const channel of ["beta", "dev"] as const) {
    assert.equal(consent(await port.preview({ source, inputs_text, channel }, signal)).version, "1.0.0");
  }
});
