import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import { detailOf, EXTERNAL_KINDS, listingOf } from "./external.ts";
import { kindOf } from "./kinds.ts";
import type { VerifiedEvent } from "./verify.ts";

const AUTHOR = "a".repeat(64);
const event = (kind: number, tags: readonly (readonly string[])[], content = ""): VerifiedEvent =>
  ({
    id: "b".repeat(64),
    pubkey: AUTHOR,
    created_at: 1_780_000_000,
    kind,
    tags,
    content,
    sig: "",
  }) as unknown as VerifiedEvent;
const HASH = "c".repeat(64);
const app = [
  ["d", "com.example.reader"],
  ["name", "Reader"],
  ["summary", "Reads"],
  ["t", "Reading"],
];
const skill = [
  ["d", "summarise"],
  ["name", "Summarise"],
  ["version", "1.2.0"],
  ["manifest_hash", HASH],
  ["t", "agent-skill"],
];
const server = JSON.stringify({
  protocolVersion: "2025-06-18",
  capabilities: {},
  serverInfo: { name: "weather", version: "2" },
  instructions: "Ask.",
});

describe("what other drafts list is read as an external listing", () => {
  it("an application of NIP-82", () => {
    const listing = listingOf(event(32267, [...app, ["repository", "https://example.com/reader"]], "long text"));
    assert.ok(!isRejection(listing));
    assert.deepEqual(listing, {
      ...{ draft: "nip-82", kind: 32267, address: `32267:${AUTHOR}:com.example.reader`, pubkey: AUTHOR },
      ...{ event_id: "b".repeat(64), created_at: 1_780_000_000, title: "Reader", summary: "Reads", version: null },
      ...{ url: "https://example.com/reader", tags: ["reading"] },
    });
  });
  it("a skill of SKL and an MCP server of ContextVM", () => {
    const found = [
      listingOf(event(33400, skill)),
      listingOf(event(11316, [["website", "https://example.com"]], server)),
    ];
    assert.deepEqual(
      found.map((one) => (isRejection(one) ? one.code : [one.draft, one.title, one.version, one.address])),
      [
        ["skl", "Summarise", "1.2.0", `33400:${AUTHOR}:summarise`],
        ["contextvm", "weather", "2", `11316:${AUTHOR}:`],
      ],
    );
  });
  it("releases, version logs and lists of tools, as facts about a listing of the same author", () => {
    const release = detailOf(
      event(30063, [
        ["d", "com.example.reader@2.0.0"],
        ["i", "com.example.reader"],
        ["version", "2.0.0"],
      ]),
    );
    assert.deepEqual(release, { about: `32267:${AUTHOR}:com.example.reader`, version: "2.0.0", tools: [] });
    const log = detailOf(
      event(33401, [
        ["d", "summarise:1.3.0"],
        ["version", "1.3.0"],
        ["manifest_hash", HASH],
      ]),
    );
    assert.deepEqual(log, { about: `33400:${AUTHOR}:summarise`, version: "1.3.0", tools: [] });
    const tools = detailOf(event(11317, [], JSON.stringify({ tools: [{ name: "forecast" }, { name: 5 }, "x"] })));
    assert.deepEqual(tools, { about: `11316:${AUTHOR}:`, version: null, tools: ["forecast"] });
  });
});

describe("what others use the same numbers for, and what is hostile, is left out or made harmless", () => {
  const foreign: Readonly<Record<string, VerifiedEvent>> = {
    "an application without a name": event(32267, [["d", "x"]]),
    "an escrow service of kind 33400": event(33400, [
      ["d", "x"],
      ["name", "Escrow"],
    ]),
    "an exercise template of kind 33401": event(33401, [["d", "squat"]]),
    "a skill whose hash is none": event(33400, [
      ...skill.filter(([name]) => name !== "manifest_hash"),
      ["manifest_hash", "zz"],
    ]),
    "an announcement that is no JSON": event(11316, [], "{"),
    "an announcement without a protocol": event(11316, [["name", "x"]], "{}"),
    "a note": event(1, []),
  };
  for (const [what, given] of Object.entries(foreign)) {
    it(what, () => {
      const found = listingOf(given);
      assert.ok(isRejection(found) && found.code === "foreign_event");
    });
  }
  it("a set of files of kind 30063 that is no release adds nothing", () => {
    assert.ok(isRejection(detailOf(event(30063, [["d", "files"]]))));
  });
  it("links are https without a password, and texts are cut", () => {
    for (const url of [
      "javascript:alert(1)",
      "http://example.com",
      "https://a:b@example.com",
      'https://example.com/"><script>',
      "data:text/html,x",
    ]) {
      const listing = listingOf(event(32267, [...app, ["repository", url]]));
      assert.ok(!isRejection(listing));
      assert.equal(listing.url, null, url);
    }
    const many = Array.from({ length: 100 }, (_, index) => ["t", `${index}`.repeat(100)]);
    const long = listingOf(
      event(32267, [["d", "x"], ["name", "n".repeat(5_000)], ["summary", "s".repeat(4_000)], ...many]),
    );
    assert.ok(!isRejection(long));
    assert.equal(long.title.length, LIMITS.external_title_chars);
    assert.equal(long.summary.length, LIMITS.external_summary_chars);
    assert.equal(long.tags.length, LIMITS.external_tags);
  });
  it("none of their kinds is one of ours", () => {
    assert.deepEqual(
      EXTERNAL_KINDS.filter((kind) => kindOf(kind) !== undefined),
      [],
    );
  });
});
