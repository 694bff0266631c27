import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { holdsSecret } from "@oa/shared/core/secrets.ts";
import { isSecretName } from "./secrets.ts";

// Put together here, so that this file itself is no such file.
const body = "MIIEpAIBAAKCAQEA".repeat(4);
const begin = (kind: string): string => `-----BEGIN ${kind}PRIVATE KEY-----`;

describe("files that hold credentials", () => {
  for (const path of [
    ".env",
    "app/.env.production",
    "deploy/prod.env",
    "certs/server.pem",
    "server.KEY",
    "a/b/id_rsa",
    "id_ed25519",
    "backup.p12",
    "release.keystore",
    ".netrc",
    "home/.npmrc",
    ".aws/credentials",
    "config/secrets.yaml",
    "service-account-prod.json",
  ]) {
    it(`are known by their name: ${path}`, () => assert.equal(isSecretName(path), true));
  }
  for (const path of [
    ".env.example",
    "src/environment.ts",
    "id_rsa.pub",
    "keys.ts",
    "secret.ts",
    "docs/credentials.md",
    "monkey.js",
    "credentials/index.ts",
  ]) {
    it(`are not suspected by a mere likeness: ${path}`, () => assert.equal(isSecretName(path), false));
  }
  const tokens: Readonly<Record<string, string>> = {
    "a private key": `${begin("RSA ")}\n${body}`,
    "an OpenSSH key": `${begin("OPENSSH ")}\r\n${body}`,
    "an encrypted key with headers": `${begin("RSA ")}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${body}`,
    "a key in a JSON string": `{"key": "${begin("")}\\n${body}"}`,
    "a key put together in source": `"${begin("EC ")}\\n" +\n    "${body}"`,
    "an AWS key id": `aws_access_key_id = AKIA${"ABCDEFGH".repeat(2)}`,
    "a GitHub token": `token: ghp_${"a1B2".repeat(9)}`,
    "a Slack token": `xoxb-${"1".repeat(12)}-${"a".repeat(24)}`,
    "a Stripe key": `sk_live_${"a1".repeat(12)}`,
    "a Nostr secret key": `nsec1${"q".repeat(58)}`,
  };
  for (const [what, text] of Object.entries(tokens)) {
    it(`are known by what is in them: ${what}`, () => assert.equal(holdsSecret(`first line\n${text}\nlast`), true));
  }
  it("are not suspected for speaking about keys", () => {
    assert.equal(holdsSecret(`/${begin("[A-Z ]*")}/ finds a PEM header`), false);
    assert.equal(
      holdsSecret(`if (text.includes("${begin("RSA ")}")) throw new Error("private keys stay at home");`),
      false,
    );
    assert.equal(holdsSecret("const AKIA = 1; ghp_short; nsec1 is a prefix"), false);
  });
});
