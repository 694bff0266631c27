import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";

/** One class of attacks: every attack is refused with a code, and the same act without malice is done. */
export interface AttackClass {
  /** The attack gives a rejection or throws a fault, with one of these codes; anything else, success above all, fails. */
  readonly fails: (what: string, codes: string | readonly string[], attack: () => unknown) => void;
  /** The attack is carried out and comes to nothing, as the body asserts. */
  readonly harmless: (what: string, body: () => unknown) => void;
  /** The legitimate act that the same words can mean. */
  readonly works: (what: string, act: () => unknown) => void;
}

/** Declares a class; its last test says in one line how many attacks failed and how many legitimate acts worked. */
export function attackClass(title: string, declare: (of: AttackClass) => void): void {
  const count = { attacks: 0, acts: 0 };
  const attacked = (what: string, body: () => unknown): void => {
    it(`fails: ${what}`, async () => {
      await body();
      count.attacks += 1;
    });
  };
  describe(title, () => {
    declare({
      fails: (what, codes, attack) => attacked(what, () => refused(attack, [codes].flat())),
      harmless: attacked,
      works: (what, act) => {
        it(`works: ${what}`, async () => {
          await act();
          count.acts += 1;
        });
      },
    });
    it("in numbers", (test) => {
      test.diagnostic(`${title}: ${count.attacks} attacks failed, ${count.acts} legitimate acts worked`);
      assert.ok(count.attacks > 0 && count.acts > 0, "both kinds are tried");
    });
  });
}

/** Runs an attack to its refusal. */
export async function refused(attack: () => unknown, codes: readonly string[]): Promise<void> {
  let done: unknown;
  try {
    done = await attack();
  } catch (error) {
    assert.ok(error instanceof Fault, `refused by accident: ${error instanceof Error ? error.stack : error}`);
    done = { rejected: true, code: error.code, message: error.message };
  }
  assert.ok(isRejection(done), `the attack succeeded: ${JSON.stringify(done)?.slice(0, 500)}`);
  assert.ok(codes.includes(done.code), `${done.code}: ${done.message}`);
}
