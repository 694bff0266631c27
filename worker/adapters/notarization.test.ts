import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { checkNotarized } from "./notarization.ts";
import type { Processes, ProcessResult } from "./process.ts";

/** Answers as macOS 15 gives them, by the last word that matters; no test here has run on macOS. */
const VALID: ProcessResult = { code: 0, stdout: "", stderr: "" };
const ACCEPTED: ProcessResult = {
  code: 0,
  stdout: "",
  stderr: "/data/code/2c26: accepted\nsource=Notarized Developer ID\n",
};
const SIGNED: ProcessResult = {
  code: 0,
  stdout: "",
  stderr:
    "Executable=/data/code/2c26\nIdentifier=summary\nFormat=Mach-O thin (arm64)\nCodeDirectory v=20500 size=500 flags=0x10000(runtime)\nSignature size=8980\nTimestamp=1 Nov 2026 at 10:00:00\nTeamIdentifier=ABCDE12345\nRuntime Version=15.0.0\n",
};
const UNSIGNED: ProcessResult = {
  code: 1,
  stdout: "",
  stderr: "/data/code/2c26: code object is not signed at all\n",
};
const NOT_NOTARIZED: ProcessResult = {
  code: 3,
  stdout: "",
  stderr: "test-requirement: code failed to satisfy specified code requirement(s)\n",
};
const REJECTED: ProcessResult = {
  code: 3,
  stdout: "",
  stderr: "/data/code/2c26: rejected\nsource=no usable signature\n",
};
const AD_HOC: ProcessResult = { ...SIGNED, stderr: "Signature=adhoc\nTeamIdentifier=not set\n" };

function answering(verify: ProcessResult, assess = ACCEPTED, display = SIGNED) {
  const calls: string[][] = [];
  const run: Processes["run"] = async (command, args) => {
    calls.push([command, ...args]);
    if (command === "/usr/sbin/spctl") return assess;
    return args.includes("--verify") ? verify : display;
  };
  return { processes: { run }, calls };
}
const check = (...answers: Parameters<typeof answering>) =>
  checkNotarized("/data/code/2c26", answering(...answers).processes, AbortSignal.timeout(1_000));
const refuses = (action: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, "code_not_notarized");
    assert.match(error.message, pattern);
    return true;
  });

test("a program that is signed, notarized and let through passes, and its team is told", async () => {
  assert.deepEqual(await check(VALID), { team: "ABCDE12345" });
  const { processes, calls } = answering(VALID);
  await checkNotarized("/data/code/2c26", processes, AbortSignal.timeout(1_000));
  for (const call of calls) {
    assert.match(call[0] ?? "", /^\/usr\/s?bin\//, "the system's own program, not one of the PATH");
    assert.equal(call.at(-1), "/data/code/2c26");
  }
});

test("an unsigned, a signed but not notarized, a rejected and an ad hoc signed program are refused with what was said", async () => {
  await refuses(check(UNSIGNED), /not signed at all/);
  await refuses(check(NOT_NOTARIZED), /failed to satisfy/);
  await refuses(check(VALID, REJECTED), /Gatekeeper: source=no usable signature/);
  await refuses(check(VALID, ACCEPTED, AD_HOC), /nobody in particular/);
});
