import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { base58, bech32 } from "@scure/base";
import { entropyToMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { SECRET_FORMATS } from "./secret-formats.ts";
import { findSecrets, holdsSecret, withoutSecrets } from "./secrets.ts";

// Put together here, so that no file of this repository looks like one that holds a key.
const a = (count: number): string => "aB3dE6gH9k".repeat(20).slice(0, count);
const lower = (count: number): string => "ab3de6gh9k".repeat(20).slice(0, count);
const hex = (count: number): string => "0123456789abcdef".repeat(100).slice(0, count);
const capitals = (count: number): string => "ABCDEFGHJKMNPQ".repeat(20).slice(0, count);
const charset = (count: number): string => "qpzry9x8gf2tvdw0s3jn54khce6mua7l".repeat(12).slice(0, count);
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const pem = (name: string): string => `-----BEGIN ${name}KEY-----\n${"MIIE".repeat(20)}\n-----END ${name}KEY-----`;
const lnurl = (url: string): string => bech32.encode("lnurl", bech32.toWords(Buffer.from(url)), 2_000);
const wif = (version: number): string => {
  const body = Uint8Array.from([version, ...Buffer.from(hex(64), "hex"), 1]);
  return base58.encode(Uint8Array.from([...body, ...sha256(sha256(body)).subarray(0, 4)]));
};
const phrase = (bytes: number): string =>
  entropyToMnemonic(
    Uint8Array.from({ length: bytes }, (_, at) => (at * 37 + 11) % 256),
    wordlist,
  );

/** What must be caught; `held`: also known for certain wherever it stands, so that a file with it is not indexed. */
const CAUGHT: readonly (readonly [string, string, string, { readonly held: boolean }?])[] = [
  ["a private key", "an RSA key", pem("RSA PRIVATE ")],
  ["a private key", "an unnamed key", pem("PRIVATE ")],
  ["a private key", "an OpenSSH key", pem("OPENSSH PRIVATE ")],
  ["a private key", "an encrypted key", pem("ENCRYPTED PRIVATE ")],
  ["a private key", "a key on one line", pem("EC PRIVATE ").replaceAll("\n", "\\n")],
  ["a Nostr secret key", "nsec", `nsec1${charset(58)}`],
  ["an encrypted Nostr secret key", "ncryptsec", `ncryptsec1${charset(157)}`],
  [
    "a wallet connection (NWC)",
    "an NWC address",
    `nostr+walletconnect://${hex(64)}?relay=wss%3A%2F%2Frelay.example&secret=${hex(64)}`,
  ],
  ["a wallet connection (NWC)", "an old NWC address", `nostrwalletconnect:${hex(64)}?secret=${hex(64)}&relay=x`],
  ["a signer connection (NIP-46)", "a bunker", `bunker://${hex(64)}?relay=wss://r.example&secret=${a(12)}`],
  ["an extended private key", "xprv", `xprv${a(107).replaceAll("0", "1")}`],
  ["a Bitcoin private key", "WIF, compressed", wif(0x80)],
  ["an age secret key", "age", `AGE-SECRET-KEY-1${charset(58).toUpperCase()}`],
  ["an LND macaroon", "an admin macaroon in hex", `0201036c6e64${hex(200)}`],
  ["an LND macaroon", "an admin macaroon in base64", `AgEDbG5k${a(120)}`],
  [
    "a macaroon",
    "a macaroon of version 1",
    `${Buffer.from("0017location x\n").toString("base64").slice(0, 16)}${a(80)}`,
  ],
  ["an L402 token", "L402", `L402 ${a(60)}:${hex(64)}`],
  ["an LNURL", "a withdrawal", lnurl("https://wallet.example/api/withdraw?k1=0123456789abcdef"), { held: false }],
  ["an AWS access key", "an AWS key id", `AKIA${capitals(16)}`],
  ["an AWS access key", "a temporary AWS key id", `ASIA${capitals(16)}`],
  ["an AWS secret key", "an AWS secret", `aws_secret_access_key = ${a(40)}`],
  ["a GitHub token", "a classic token", `ghp_${a(36)}`],
  ["a GitHub token", "an app's token", `ghs_${a(36)}`],
  ["a GitHub token", "a fine-grained token", `github_pat_${a(22)}_${a(59)}`],
  ["a GitLab token", "GitLab", `glpat-${a(20)}`],
  ["a Google API key", "Google", `AIza${a(35)}`],
  ["a Google client secret", "Google OAuth", `GOCSPX-${a(28)}`],
  ["a Google access token", "Google OAuth", `ya29.${a(120)}`],
  ["an npm token", "npm", `npm_${a(36)}`],
  ["a PyPI token", "PyPI", `pypi-AgEIcHlwaS5vcmc${a(80)}`],
  ["a Hugging Face token", "Hugging Face", `hf_${"abCDefGHij".repeat(4).slice(0, 34)}`],
  ["a DigitalOcean token", "DigitalOcean", `dop_v1_${hex(64)}`],
  ["an Anthropic key", "Anthropic", `sk-ant-api03-${a(95)}`],
  ["an OpenAI key", "of a project", `sk-proj-${a(120)}`],
  ["an OpenAI key", "an old one", `sk-${a(20)}T3BlbkFJ${a(20)}`],
  ["an OpenRouter key", "OpenRouter", `sk-or-v1-${hex(64)}`],
  ["a Groq key", "Groq", `gsk_${a(52)}`],
  ["a Slack token", "a bot's token", `xoxb-${"1".repeat(12)}-${"2".repeat(12)}-${a(24)}`],
  ["a Slack token", "an app's token", `xapp-1-A${"1B".repeat(5)}-${"3".repeat(13)}-${hex(64)}`],
  ["a Slack webhook", "a webhook", `https://hooks.slack.com/services/T${capitals(10)}/B${capitals(10)}/${a(24)}`],
  ["a Discord webhook", "a webhook", `https://discord.com/api/webhooks/${"1".repeat(18)}/${a(68)}`],
  ["a Telegram bot token", "Telegram", `${"7".repeat(10)}:AA${a(33)}`],
  ["a SendGrid key", "SendGrid", `SG.${a(22)}.${a(43)}`],
  ["a Stripe key", "a live key", `sk_live_${a(24)}`],
  ["a Stripe key", "a restricted live key", `rk_live_${a(99)}`],
  ["a Stripe webhook secret", "a webhook's secret", `whsec_${a(32)}`],
  ["a Shopify token", "Shopify", `shpat_${hex(32)}`],
  [
    "a JSON web token",
    "a signed token",
    `${b64({ alg: "RS256", typ: "JWT" })}.${b64({ sub: "owner", exp: 1 })}.${a(86)}`,
    { held: false },
  ],
  ["a capability token of a worker", "a token", `oat1.${a(120)}.${a(43)}`, { held: false }],
  ["a seed phrase", "12 words", phrase(16), { held: false }],
  ["a seed phrase", "24 words", phrase(32), { held: false }],
  [
    "a seed phrase",
    "a numbered list",
    phrase(16)
      .split(" ")
      .map((word, at) => `${at + 1}. ${word}`)
      .join("\n"),
    { held: false },
  ],
  ["a seed phrase", "in JSON", phrase(16).replaceAll(" ", "\\n"), { held: false }],
  ["a seed phrase", "in capitals", phrase(16).toUpperCase(), { held: false }],
];

/** Innocent texts that look like them. */
const INNOCENT: Readonly<Record<string, string>> = {
  "a public key": `npub1${charset(58)}`,
  "an event id": `nevent1${charset(80)}`,
  "a commit": hex(40),
  "a SHA-256": hex(64),
  "an integrity hash": `sha512-${a(86)}==`,
  "a UUID": "01234567-89ab-cdef-0123-456789abcdef",
  "a run's id": "run_01JXT21WVGM0ER0FX7C8Y9Q9SB",
  "a certificate": `-----BEGIN CERTIFICATE-----\n${"MIID".repeat(20)}\n-----END CERTIFICATE-----`,
  "a public key in PEM": `-----BEGIN PUBLIC KEY-----\n${"MIIB".repeat(20)}\n-----END PUBLIC KEY-----`,
  "a header alone": "-----BEGIN RSA PRIVATE KEY----- is how such a file begins",
  "an nsec that is too short": `nsec1${charset(57)}`,
  "an nsec within a longer word": `x1nsec1${charset(59)}`,
  "a word that begins like one": "nsec1 and ncryptsec1 are prefixes; ghp_ is GitHub's, sk-ant- Anthropic's",
  "an example of a key id": "AKIA followed by sixteen letters",
  "a constant": `AKIA_${capitals(16)}`,
  "a key id in lower case": `akia${lower(16)}`,
  "a branch": `ghp_${a(35)}`,
  "an npm package": "npm_config_registry and npm_lifecycle_event",
  "a test key of Stripe": `sk_test_${a(24)}`,
  "a public key of Stripe": `pk_live_${a(24)}`,
  "a class name": "sk-fading-circle sk-proj-list sk-or-v1-alpha",
  "a SendGrid-like version": "SG.1.2",
  "a Slack channel": "https://app.slack.com/client/T0123456789/C0123456789",
  "a Slack-like word": "xoxb-short",
  "a Discord channel": `https://discord.com/channels/${"1".repeat(18)}/${"2".repeat(18)}`,
  "a time and a word": "1234567890:AA is not a token",
  "an invoice": `lnbc2500u1p${charset(200)}`,
  "an LNURL for paying": lnurl("https://wallet.example/.well-known/lnurlp/owner"),
  "an LNURL with a wrong checksum": `${lnurl("https://wallet.example/withdraw?k1=0123").slice(0, -1)}z`,
  "a wallet's public part": `nostr+walletconnect://${hex(64)}?relay=wss://relay.example`,
  "a bunker without a secret": `bunker://${hex(64)}?relay=wss://relay.example`,
  "an extended public key": `xpub${a(107).replaceAll("0", "1")}`,
  "a key of a test network": wif(0xef),
  "a Bitcoin address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
  "a word as long as a Bitcoin key": `K${a(51).replaceAll("0", "1")}`,
  "the first half of a JSON web token": b64({ alg: "RS256", typ: "JWT" }),
  "three words with dots": `eyJ${a(30)}.eyJ${a(30)}.${a(43)}`,
  "JSON in base64": b64({ name: "value", list: [1, 2, 3] }),
  "prose of common words":
    "the quick brown fox must walk across the bridge before the winter sun can rise over a silent village and wake the people there".replace(
      /the |a /g,
      "",
    ),
  "twelve words of the list with a wrong checksum": `${phrase(16).split(" ").slice(0, 11).join(" ")} zoo`,
  "a test's seed phrase": `${"abandon ".repeat(11)}about`,
  "the list of words itself": wordlist.slice(0, 60).join("\n"),
  "eleven words": phrase(16).split(" ").slice(0, 11).join(" "),
  "a macaroon, the cake": "MDA, a macaroon, and AgED",
  "a version of something": "oat1.2.3",
  "an AWS setting without a value": "aws_secret_access_key = <your key here>",
};

describe("the scanner catches", () => {
  for (const [name, what, secret, { held } = { held: true }] of CAUGHT) {
    it(`${name}: ${what}`, () => {
      for (const text of [secret, `before ${secret} after`, `{"a":"${secret}"}`, `x=${secret}&y=1`, `\n${secret}\n`]) {
        const found = findSecrets(text);
        assert.ok(
          found.some((one) => one.name === name),
          text,
        );
        assert.equal(holdsSecret(text), held);
        assert.ok(!withoutSecrets(text).includes(secret.slice(-20)), withoutSecrets(text));
      }
    });
  }
  it("every format there is", () => {
    const names = new Set(CAUGHT.map(([name]) => name));
    assert.deepEqual(
      SECRET_FORMATS.map(({ name }) => name).filter((name) => !names.has(name)),
      [],
    );
  });
});

describe("the scanner leaves alone", () => {
  for (const [what, text] of Object.entries(INNOCENT)) {
    it(what, () => {
      assert.deepEqual(findSecrets(`before ${text} after`), []);
      assert.equal(withoutSecrets(text), text);
    });
  }
});

it("scanning takes time that grows with the text alone, also for text that almost matches", () => {
  const almost = [
    ...[
      "eyJaaaaaaaaaaaa.",
      "-eyJ",
      "ghp_",
      "sk-ant-a-",
      "xoxb-1",
      "nostr+walletconnect:",
      "lnurl1",
      "MDAx",
      "AgEDbG5k",
    ],
    ...["-----BEGIN PRIVATE KEY-----\n", "0201036c6e64", "abandon ", "L402 a", "https://hooks.slack.com/services/T"],
    ...["aws_secret_access_key = ", "1234567890:AA", "xprv", "K1", "ya29.", "bunker://", "nsec1"],
    `nostr+walletconnect:${hex(64)}?secret=`,
    `${wordlist.slice(0, 24).reverse().join(" ")} `,
  ];
  const started = process.hrtime.bigint();
  for (const part of almost) findSecrets(part.repeat(Math.ceil(200_000 / part.length)));
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 30_000);
});
