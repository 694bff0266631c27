import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { type Invitation, invitationLink, parseInvitation } from "./invitation.ts";

const invitation: Invitation = {
  worker: "a".repeat(64),
  secret: "Zm9vYmFyYmF6cXV4MTIz",
  relays: ["wss://relay.example/?x=1&y=2", "ws://127.0.0.1:6768"],
  edge_url: "https://edge.example",
  expires_at: 1_766_000_000,
};
const link = invitationLink(invitation, "https://edge.example/install/");
const codeOf = (text: string) => {
  const parsed = parseInvitation(text);
  return isRejection(parsed) ? parsed.code : "read";
};

describe("an invitation", () => {
  it("is read from its link, from its fragment and with the white space of a paste", () => {
    for (const text of [link, link.slice(link.indexOf("#")), link.slice(link.indexOf("#") + 1), `  ${link}\n`]) {
      assert.deepEqual(parseInvitation(text), invitation);
    }
    const bare = { ...invitation, edge_url: null };
    assert.deepEqual(parseInvitation(invitationLink(bare, null)), bare);
  });
  it("stands wholly in the fragment, which no server is sent", () => {
    const { pathname, search, hash } = new URL(link);
    assert.equal(`${pathname}${search}`, "/install/");
    assert.ok(hash.includes(invitation.secret));
  });
  it("is refused without key, secret, relay or end, and where it names what is no relay or edge", () => {
    const without = (part: RegExp) => codeOf(link.replace(part, ""));
    assert.equal(codeOf("https://edge.example/install/"), "usage");
    assert.equal(codeOf(link.replace("a".repeat(64), "a".repeat(63))), "usage");
    assert.equal(without(/\.Zm9[^&]*/), "usage");
    assert.equal(without(/&relay=[^&]*/g), "usage");
    assert.equal(without(/&until=\d+/), "usage");
    assert.equal(codeOf(link.replace(/relay=wss%3A/, "relay=javascript%3A")), "usage");
    assert.equal(codeOf(link.replace(/edge=https%3A/, "edge=javascript%3A")), "usage");
    assert.equal(
      codeOf(
        `${link}${"&relay=wss%3A%2F%2Fr.example"}${Array.from({ length: 8 }, (_, n) => `&relay=wss%3A%2F%2Fr${n}.example`).join("")}`,
      ),
      "usage",
    );
  });
  it("never repeats its secret in a refusal", () => {
    const refused = parseInvitation(link.replace(/&until=\d+/, ""));
    assert.ok(isRejection(refused) && !refused.message.includes(invitation.secret));
  });
});
