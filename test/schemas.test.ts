import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { parseStrict } from "@oa/shared/core/json.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import validators, { type Validator } from "@oa/shared/generated/validators.cjs";
import * as noteEvent from "@oa/shared/nostr/00001-note.ts";
import * as reportEvent from "@oa/shared/nostr/01984-report.ts";
import * as attestationEvent from "@oa/shared/nostr/01985-run-attestation.ts";
import * as configEvent from "@oa/shared/nostr/24051-install-config.ts";
import * as proofEvent from "@oa/shared/nostr/24054-receipt-proof.ts";
import * as manifestEvent from "@oa/shared/nostr/30051-manifest.ts";
import * as releaseEvent from "@oa/shared/nostr/30052-release.ts";
import * as receiptEvent from "@oa/shared/nostr/30053-license-receipt.ts";
import * as ratingEvent from "@oa/shared/nostr/30054-rating.ts";
import * as reputationEvent from "@oa/shared/nostr/30384-reputation.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { STEP_FIELDS } from "@oa/shared/upgrade/op-schema.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "schemas");
const examples = join(folder, "examples");
const table: Readonly<Record<string, Validator<unknown> | undefined>> = validators;

interface SchemaFile {
  readonly path: string;
  readonly title: string;
  readonly op?: string;
  readonly params?: { readonly properties?: Readonly<Record<string, unknown>> };
}

const files: readonly SchemaFile[] = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".json") && /^(manifest|nostr|event|api|op|job)\//.test(path))
  .sort()
  .map((path) => ({ path, ...(read(join(folder, path)) as Omit<SchemaFile, "path">) }));

function read(path: string): unknown {
  const parsed = parseStrict(readFileSync(path, "utf8"));
  assert.ok(!isRejection(parsed), `${relative(root, path)} is strict JSON`);
  return parsed.value;
}

function examplesOf(
  path: string,
  verdict: "valid" | "invalid",
): readonly { readonly name: string; readonly value: unknown }[] {
  const at = join(examples, path.replace(/\.json$/, ""), verdict);
  if (!existsSync(at)) return [];
  return readdirSync(at)
    .sort()
    .map((name) => ({ name: `${relative(root, at)}/${name}`, value: read(join(at, name)) }));
}

/** Schemas that only describe other schema files or rows of the store, and which no outside value has to keep. */
const INTERNAL = ["manifest/op-definition.json", "event/envelope.json"];

test("generated code is what the schemas say", () => {
  execFileSync(process.execPath, [join(folder, "codegen.ts"), "--check"], { cwd: root, stdio: "pipe" });
});

for (const { path, title, op } of files) {
  const validate = table[op === undefined ? `is${title}` : `is${title}Params`];
  test(`${path} accepts its valid examples and refuses its invalid ones`, () => {
    assert.ok(validate !== undefined, `a validator is generated for ${title}`);
    if (INTERNAL.includes(path)) return;
    const valid = examplesOf(path, "valid");
    const invalid = examplesOf(path, "invalid");
    assert.ok(valid.length >= 1 && invalid.length >= 2, `${path} has at least one valid example and two invalid ones`);
    for (const { name, value } of valid) {
      assert.ok(validate(value), `${name} is valid: ${JSON.stringify(validate.errors)}`);
    }
    for (const { name, value } of invalid) {
      const { why, value: refused } = value as { readonly why?: unknown; readonly value?: unknown };
      assert.equal(typeof why, "string", `${name} says why it is invalid`);
      assert.ok(!validate(refused), `${name} is invalid: ${why}`);
    }
  });
}

test("every op's declaration keeps the op schema, and no parameter hides behind a step's own field", () => {
  for (const { path, op, params } of files.filter((file) => file.op !== undefined)) {
    const { $id: _, $schema: __, ...definition } = read(join(folder, path)) as Readonly<Record<string, unknown>>;
    assert.ok(validators.isOpDefinition(definition), `${path}: ${JSON.stringify(validators.isOpDefinition.errors)}`);
    const hidden = Object.keys(params?.properties ?? {}).filter((name) => STEP_FIELDS.includes(name));
    assert.deepEqual(hidden, [], `${op} names a parameter like a field that every step has`);
  }
});

test("every folder of examples belongs to a schema", () => {
  const folders = readdirSync(examples, { recursive: true, encoding: "utf8" })
    .filter((path) => /\/(valid|invalid)$/.test(path))
    .map((path) => `${path.replace(/\/(valid|invalid)$/, "")}.json`);
  const known = new Set(files.map(({ path }) => path));
  assert.deepEqual(
    folders.filter((path) => !known.has(path)),
    [],
  );
});

test("the example upgrades and every valid manifest pass the whole validation, asking for neither more nor less than they need", () => {
  const files = readdirSync(join(examples, "upgrades")).filter((name) => name.endsWith(".json"));
  const upgrades = files.map((name) => ({
    name,
    value: read(join(examples, "upgrades", name)),
  }));
  assert.ok(upgrades.length >= 3);
  for (const { name, value } of upgrades) {
    const report = validateManifest(value);
    assert.deepEqual(report.errors, [], name);
    assert.deepEqual({ over: report.over_ask, under: report.under_ask }, { over: [], under: [] }, name);
  }
  for (const { name, value } of examplesOf("manifest/upgrade-manifest.json", "valid")) {
    assert.deepEqual(validateManifest(value).errors, [], name);
  }
});

test("every invalid manifest gets at least one error with a place, a code and a sentence", () => {
  for (const { name, value } of examplesOf("manifest/upgrade-manifest.json", "invalid")) {
    const report = validateManifest((value as { readonly value: unknown }).value);
    assert.equal(report.valid, false, name);
    assert.ok(report.errors.length > 0, name);
    for (const { path, message } of report.errors) {
      assert.match(path, /^(?:\/(?:[^~/]|~[01])*)*$/, name);
      assert.match(message, /^\S.*\S$/, name);
    }
  }
});

test("every example event of ours verifies, is read, and is written the same again", () => {
  const events = (path: string): readonly VerifiedEvent[] =>
    examplesOf(path, "valid").map(({ name, value }) => {
      const event = verifyEvent(value, pureSchnorr);
      assert.ok(!isRejection(event), name);
      return event;
    });
  const same = (event: VerifiedEvent, again: EventTemplate): void => {
    const { kind, created_at, tags, content } = event;
    assert.deepEqual(again, { kind, created_at, tags, content });
  };
  const manifests = new Map<string, UpgradeManifest>();
  for (const event of events("nostr/30051-manifest.json")) {
    const listing = manifestEvent.fromEvent(event);
    assert.ok(!isRejection(listing), event.id);
    manifests.set(event.id, listing.manifest);
    same(event, manifestEvent.toEvent(listing.manifest, event));
  }
  for (const event of events("nostr/30052-release.json")) {
    const release = releaseEvent.fromEvent(event);
    assert.ok(!isRejection(release), event.id);
    const manifest = manifests.get(release.manifest_event_id);
    assert.ok(manifest !== undefined, event.id);
    same(event, releaseEvent.toEvent(manifest, release));
  }
  for (const event of events("nostr/30053-license-receipt.json")) {
    const receipt = receiptEvent.fromEvent(event);
    assert.ok(!isRejection(receipt), event.id);
    same(event, receiptEvent.toEvent(receipt, receipt));
  }
  for (const event of events("nostr/24054-receipt-proof.json")) {
    const proof = proofEvent.fromEvent(event);
    assert.ok(!isRejection(proof), event.id);
    same(event, proofEvent.toEvent(proof));
  }
  for (const event of events("nostr/00001-note.json")) {
    const note = noteEvent.fromEvent(event);
    assert.ok(!isRejection(note), event.id);
    same(event, noteEvent.toEvent(note, event));
  }
  for (const [path, { fromEvent, toEvent }] of [
    ["nostr/01984-report.json", reportEvent],
    ["nostr/01985-run-attestation.json", attestationEvent],
    ["nostr/30054-rating.json", ratingEvent],
    ["nostr/30384-reputation.json", reputationEvent],
  ] as const) {
    for (const event of events(path)) {
      const said = fromEvent(event);
      assert.ok(!isRejection(said), path);
      same(event, toEvent(said as never, event));
    }
  }
  for (const event of events("nostr/24051-install-config.json")) {
    const config = parseStrict(event.content);
    assert.ok(!isRejection(config) && validators.isInstallConfig(config.value), event.id);
    same(event, configEvent.toEvent(config.value));
  }
});
