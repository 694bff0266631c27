import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRejection } from "./refusal.ts";
import { compareSemver, parseSemver, type SemVer } from "./semver.ts";

function parsed(text: string): SemVer {
  const version = parseSemver(text);
  assert.ok(!isRejection(version), text);
  return version;
}
const order = (a: string, b: string): number => Math.sign(compareSemver(parsed(a), parsed(b)));

test("versions of SemVer 2.0.0 parse into their parts", () => {
  assert.deepEqual(parsed("1.20.3-alpha.1.x-y+build.007"), {
    major: "1",
    minor: "20",
    patch: "3",
    prerelease: ["alpha", "1", "x-y"],
    build: ["build", "007"],
  });
  for (const text of ["0.0.0", "1.0.0--", "1.0.0-0a", "1.0.0+001", "99999999999999999999.0.0", "1.0.0-a-b.0"])
    parsed(text);
});

test("anything else is refused with version_invalid", () => {
  const bad = ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "v1.2.3", "1.2.3-", "1.2.3+", "1.2.3-01"];
  bad.push("1.2.3-a..b", "1.2.3+a+b", " 1.2.3", "1.2.3\n", "1.2.3-é", "-1.0.0", `1.2.3-${"a".repeat(300)}`);
  for (const text of bad) {
    const refusal = parseSemver(text);
    assert.ok(isRejection(refusal) && refusal.code === "version_invalid", text);
  }
});

test("precedence follows the specification's own chain", () => {
  const chain = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"];
  chain.push("1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.9.0", "1.10.0", "2.0.0", "10.0.0", "90071992547409930.0.0");
  chain.push("90071992547409931.0.0");
  for (const [i, a] of chain.entries()) {
    for (const [j, b] of chain.entries()) assert.equal(order(a, b), Math.sign(i - j), `${a} ${b}`);
  }
});

test("build metadata does not count, numbers sort below words, case counts", () => {
  assert.equal(order("1.0.0+a", "1.0.0+b"), 0);
  assert.equal(order("1.0.0-9", "1.0.0-a"), -1);
  assert.equal(order("1.0.0-B", "1.0.0-a"), -1);
});

test("precedence is a total order", () => {
  const part = fc.constantFrom("0", "1", "2", "10");
  const tail = fc.constantFrom("", "-0", "-1", "-a", "-a.1", "-a.b", "-b", "-a-b");
  const version = fc.tuple(part, part, part, tail).map(([a, b, c, d]) => parsed(`${a}.${b}.${c}${d}`));
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareSemver(a, b)), -Math.sign(compareSemver(b, a)) + 0);
      if (compareSemver(a, b) <= 0 && compareSemver(b, c) <= 0) assert.ok(compareSemver(a, c) <= 0);
    }),
  );
});
