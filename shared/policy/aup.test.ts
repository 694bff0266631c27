import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { type AupMode, assessManifest, assessTexts, foundBy, refuseDenied, unheard, withFound } from "./aup/assess.ts";
import { AUP_CATEGORIES } from "./aup/categories.ts";
import type { AupSeverity } from "./aup/category.ts";
import { parsePhrase } from "./aup/pattern.ts";
import { wordsOf } from "./aup/words.ts";

interface Texts {
  readonly caught: readonly string[];
  readonly innocent: readonly string[];
}

function textsFor(name: string): Texts {
  return JSON.parse(readFileSync(new URL(`../../test/vectors/aup/${name}.json`, import.meta.url), "utf8"));
}

const assess = (text: string, mode: AupMode = "strict") => assessTexts([{ where: "/title", text }], mode);

for (const { name } of AUP_CATEGORIES) {
  const { caught, innocent } = textsFor(name.replaceAll("_", "-"));
  test(`${name}: what breaks it is denied, and named as what it is`, () => {
    assert.ok(caught.length >= 10);
    for (const text of caught) {
      const { verdict, reasons } = assess(text);
      assert.equal(verdict, "deny", text);
      assert.ok(
        reasons.some(({ code, category }) => code === `aup_${name}` && category === name),
        `${text}: ${reasons.map(({ code }) => code).join()}`,
      );
    }
  });
  test(`${name}: innocent texts with the same words are allowed`, () => {
    assert.ok(innocent.length >= 10);
    for (const text of innocent) assert.deepEqual(assess(text), { verdict: "allow", reasons: [] }, text);
  });
}

test("everyday upgrades are allowed", () => {
  for (const text of textsFor("everyday").innocent)
    assert.deepEqual(assess(text), { verdict: "allow", reasons: [] }, text);
});

test("strict denies every breach, balanced and permissive only those of high severity", () => {
  const severities = {
    low: "Solve captchas for ticket sites",
    medium: "Write a textbook on chemistry",
    high: "How to build a bomb",
  };
  const verdicts = (mode: AupMode) => Object.values(severities).map((text) => assess(text, mode).verdict);
  assert.deepEqual(verdicts("strict"), ["deny", "deny", "deny"]);
  assert.deepEqual(verdicts("balanced"), ["flag", "flag", "deny"]);
  assert.deepEqual(verdicts("permissive"), ["allow", "allow", "deny"]);
  for (const [severity, text] of Object.entries(severities)) {
    assert.equal(assess(text, "permissive").reasons[0]?.severity, severity, "what passes is still said");
  }
});

test("a reason names its rule, its place and the words", () => {
  const [reason] = assessTexts([{ where: "/pipeline/0/prompt", text: "Please write fake reviews" }], "strict").reasons;
  assert.deepEqual(reason, {
    code: "aup_fraud",
    rule: "fraud/forgery",
    category: "fraud",
    severity: "high",
    message: 'this forges papers, money or reviews, which is not allowed: "fake reviews"',
    where: "/pipeline/0/prompt",
  });
});

const manifest: UpgradeManifest = {
  id: "me.digest",
  version: "1.0.0",
  title: "Digest",
  author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
  capabilities: { platforms: ["macos"], backends: [] },
  schedule: { type: "manual" },
  pipeline: [{ op: "model.generate", prompt: "Summarise ${inputs.topic}" }],
  inputs: { topic: { type: "string", default: "the news" } },
};

test("every part of a manifest that says what it is for is read", () => {
  const places: readonly (readonly [string, Partial<UpgradeManifest>])[] = [
    ["/id", { id: "me.phishing-kit" }],
    ["/title", { title: "Phishing kit" }],
    ["/summary", { summary: "A phishing kit" }],
    ["/tags/1", { tags: ["mail", "phishing-kit"] }],
    ["/categories/0", { categories: ["Phishing Kit"] }],
    ["/homepage", { homepage: "https://phishing-kit.example/" }],
    ["/author/name", { author: { ...manifest.author, name: "Phishing Kit Ltd" } }],
    ["/inputs/topic/description", { inputs: { topic: { type: "string", description: "Which phishing kit" } } }],
    ["/inputs/phishing_kit", { inputs: { phishing_kit: { type: "string" } } }],
    ["/artifacts/0/title", { artifacts: [{ type: "readme", url: "https://a.example/", title: "Phishing kit" }] }],
    ["/pipeline/0/prompt", { pipeline: [{ op: "model.generate", prompt: "Make a phishing kit" }] }],
    ["/pipeline/0/op", { pipeline: [{ op: "phishing.kit" }] }],
    [
      "/pipeline/0/body/messages/0/content",
      { pipeline: [{ op: "x.y", body: { messages: [{ content: "phishing kit" }] } }] },
    ],
    ["/pipeline/0/path", { pipeline: [{ op: "fs.write", path: "~/phishing kit/${run.id}.html" }] }],
  ];
  for (const [where, part] of places) {
    const { verdict, reasons } = assessManifest({ ...manifest, ...part }, { mode: "strict" });
    assert.equal(verdict, "deny", where);
    assert.ok(
      reasons.some((reason) => reason.where === where),
      `${where}: ${reasons.map((reason) => reason.where).join()}`,
    );
  }
  assert.deepEqual(assessManifest(manifest, { mode: "strict" }), { verdict: "allow", reasons: [] });
});

test("a prompt put together out of harmless halves is read whole", () => {
  const pipeline = [{ op: "model.generate", prompt: "How to build a ${inputs.a}${inputs.b}" }] as const;
  const inputs = { a: { type: "string", default: "bo" }, b: { type: "string", default: "mb" } } as const;
  assert.equal(assessManifest({ ...manifest, pipeline, inputs }, { mode: "strict" }).verdict, "deny");
  const given = { ...manifest, pipeline: [{ op: "model.generate", prompt: "How to build a ${inputs.topic}" }] };
  assert.equal(assessManifest(given, { mode: "strict" }).verdict, "allow");
  assert.equal(assessManifest(given, { mode: "strict", inputs: { topic: "bomb" } }).verdict, "deny");
  const around = { ...manifest, pipeline: [{ op: "model.generate", prompt: "build a ${steps.a.text} bomb" }] };
  assert.equal(assessManifest(around, { mode: "strict" }).verdict, "deny");
});

test("what an author claims of himself neither saves nor condemns", () => {
  const claims = { policy: { aup_flags: ["no_legal_advice", "no_regulated_health"] } };
  assert.equal(assessManifest({ ...manifest, ...claims }, { mode: "strict" }).verdict, "allow");
  assert.equal(assessManifest({ ...manifest, ...claims, title: "Legal advice" }, { mode: "strict" }).verdict, "deny");
});

test("a word is only ever found whole", () => {
  for (const word of ["essex", "stock", "contract", "hack", "assassin", "therapist", "grape", "cumulative", "analog"]) {
    assert.equal(assess(word).verdict, "allow", word);
  }
});

test("a phrase does not reach from one sentence into the next", () => {
  assert.equal(assess("Things to build. A bomb shelter plan follows").verdict, "allow");
  assert.equal(assess("Make a list; explosives are stored elsewhere").verdict, "allow");
});

test("letters written to slip past are read as what they look like", () => {
  const words = ["ＰＯＲＮ", "p\u043ern", "po\u200brn", "p0rn", "pörn", "p o r n", "p.o.r.n", "PORN"];
  for (const word of words) assert.equal(assess(`${word} site`).verdict, "deny", word);
  assert.deepEqual(
    wordsOf("can't").map(({ forms }) => forms),
    [["cant"]],
  );
});

test("more breaches than can be listed deny in any mode", () => {
  const texts = Array.from({ length: 200 }, (_, index) => ({ where: `/tags/${index}`, text: "solve captchas" }));
  const { verdict, reasons } = assessTexts(texts, "permissive");
  assert.equal(verdict, "deny");
  assert.equal(reasons.length, LIMITS.policy_reasons + 1);
  assert.equal(reasons.at(-1)?.code, "aup_too_many");
});

test("reading takes work in proportion to the text, however it is written", () => {
  // As many words as phrases can begin with, over and over: each is looked at once for each phrase it may begin.
  for (const text of ["how to build a ", "not no never ", "a ", "ignore ", "((((", "x@", "\u0301a"]) {
    const long = text.repeat(Math.ceil(1_000_000 / text.length));
    assert.ok(assess(long).reasons.length < 20);
  }
});

test("a phrase that could match anything is no phrase", () => {
  for (const bad of ["", "~3 bomb", "~9", "*", "a b|", "(a+)+$", "a ~8 b ~8 c", "Bomb", "a  b"]) {
    assert.throws(() => parsePhrase(bad), bad);
  }
});

const BY_MODEL = { category: "fraud", explanation: "it smells", where: "/title" } as const;
const found = (...severities: AupSeverity[]) =>
  foundBy(
    "small-model",
    severities.map((severity) => ({ ...BY_MODEL, severity })),
  );

test("what a model finds can only make a verdict stricter, in any mode", () => {
  const judge = (mode: AupMode, text: string, ...severities: AupSeverity[]) =>
    withFound(assess(text, mode), found(...severities), mode);
  assert.equal(judge("strict", "Digest", "low").verdict, "deny");
  assert.equal(judge("balanced", "Digest", "low").verdict, "flag");
  assert.equal(judge("permissive", "Digest", "low").verdict, "allow");
  assert.equal(judge("permissive", "Digest", "high").verdict, "deny");
  const rank = { allow: 0, flag: 1, deny: 2 };
  for (const mode of ["strict", "balanced", "permissive"] as const) {
    for (const text of ["Digest", "solve captchas", "How to build a bomb"]) {
      for (const severities of [[], ["low"], ["medium"], ["high"], ["low", "high"]] as AupSeverity[][]) {
        const alone = assess(text, mode);
        const both = judge(mode, text, ...severities);
        assert.ok(rank[both.verdict] >= rank[alone.verdict], `${mode} ${text} ${severities}`);
        assert.deepEqual(both.reasons.slice(0, alone.reasons.length), alone.reasons);
      }
    }
  }
});

test("a model's finding is told with its name, its words and the place", () => {
  assert.deepEqual(
    withFound(assess("How to build a bomb"), found("low"), "balanced").reasons.map(({ rule }) => rule),
    ["violence/weapons", "model/small-model"],
  );
  assert.deepEqual(refuseDenied(withFound(assess("Digest"), found("high"), "strict"))?.code, "policy_denied");
});

test("a model that gave no answer denies in every mode, and the refusal says what ends that", () => {
  for (const mode of ["strict", "balanced", "permissive"] as const) {
    const silent = withFound(assess("Digest", mode), unheard("small-model", "nobody listens"), mode);
    const refused = refuseDenied(silent);
    assert.equal(refused?.code, "classifier_unavailable", mode);
    assert.match(
      refused?.message ?? "",
      /small-model, which aup_classifier .* gave no answer \(nobody listens\): see that it runs, or/,
    );
  }
});
