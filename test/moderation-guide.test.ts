/** The guide on moderation names the same words as the tables that are enforced. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DECISION_DAYS, MODERATION_REASONS, MODERATION_ROLES } from "@oa/shared/core/moderation-words.ts";
import { REPORT_WEIGHTS } from "@oa/shared/moderation/reports.ts";

const docs = join(import.meta.dirname, "../site/src/content/docs");
const guide = readFileSync(join(docs, "guides/moderation.md"), "utf8");
const decision = readFileSync(join(docs, "adr/0014-curators-and-plural-moderators.md"), "utf8");

/** The rows of the table under a heading, without its head. */
function rows(heading: string): readonly (readonly string[])[] {
  const [, part = ""] = guide.split(`${heading}\n`);
  const lines = (part.split("\n#")[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

test("the guide lists every reason, with the sentence that is told", () => {
  assert.deepEqual(
    rows("### Reasons"),
    Object.entries(MODERATION_REASONS).map(([code, { sentence }]) => [code, sentence]),
  );
});

test("the guide lists every role, and the longest that each measure holds", () => {
  const roles = rows("## As a curator");
  assert.deepEqual(
    roles.map(([role]) => role),
    [...MODERATION_ROLES],
  );
  const said = new Map(roles.map(([role = "", what = ""]) => [role, what]));
  assert.match(said.get("hold") ?? "", new RegExp(`at most ${DECISION_DAYS.hold} days`));
  assert.match(said.get("feature") ?? "", new RegExp(`at most ${DECISION_DAYS.feature} days`));
});

test("the decision record gives the weights of reports as they are", () => {
  const { curator, buyer, trusted_author, attested, unknown } = REPORT_WEIGHTS;
  const said = `curator ${curator.toLocaleString("en")}, buyer ${buyer}, trusted author ${trusted_author}, attested run ${attested}, unknown ${unknown}`;
  assert.ok(decision.includes(said), said);
});
