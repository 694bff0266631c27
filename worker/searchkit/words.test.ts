import assert from "node:assert/strict";
import { it } from "node:test";
import { matchingLines, trigramExpression } from "./exact.ts";
import { identifierParts, queryTerms, splitIdentifiers } from "./words.ts";

it("identifiers fall apart where people see words", () => {
  assert.deepEqual(identifierParts("parseHTTPRequest_v2"), ["parse", "HTTP", "Request", "v", "2"]);
  assert.deepEqual(identifierParts("snake_case_name"), ["snake", "case", "name"]);
  assert.deepEqual(identifierParts("größeÄndern"), ["größe", "Ändern"]);
  assert.deepEqual(identifierParts("__"), []);
});

it("only compound identifiers are split for the index, and data is not", () => {
  assert.equal(splitIdentifiers("const fooBar = plain;"), "foo Bar");
  assert.equal(splitIdentifiers(`x = "${"aB".repeat(100)}"`), "");
});

it("a query's terms are its words, whole and in parts, once each", () => {
  assert.deepEqual(queryTerms("openSqlite opens"), ["opensqlite", "open", "sqlite", "opens"]);
  assert.deepEqual(queryTerms('"; DROP TABLE --'), ["drop", "table"]);
  assert.deepEqual(queryTerms("+++"), []);
});

it("the lines that contain a text are found once each", () => {
  assert.deepEqual(matchingLines("ab\nab ab\n\nb\nxab", "ab"), [0, 1, 4]);
  assert.deepEqual(matchingLines("ab", "abc"), []);
  assert.deepEqual(matchingLines("", "a"), []);
});

it("a text of three characters or more has a trigram expression, quotes and all", () => {
  assert.equal(trigramExpression("ab"), null);
  assert.equal(trigramExpression("😀😀"), null);
  assert.equal(trigramExpression('a"b'), '"a""b"');
  assert.equal(trigramExpression("abcd"), '"abc" AND "bcd"');
  assert.ok(
    (trigramExpression(
      "abcdefghij"
        .repeat(50)
        .split("")
        .map((c, at) => c + at)
        .join(""),
    )?.split(" AND ").length ?? 0) <= 48,
  );
});
