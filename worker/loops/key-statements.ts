import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { fromEvent, type KeyStatement, keysSince } from "@oa/shared/nostr/03164-key-rotation.ts";
import type { Listing } from "@oa/shared/nostr/30051-manifest.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { SchnorrVerify, VerifiedEvent } from "@oa/shared/nostr/verify.ts";

/** Whom to ask what was said of keys. */
export interface KeyWitness {
  readonly schnorr: SchnorrVerify;
  /** What the holders of these keys said of them; absent without relays. Fault: relay_unreachable. */
  readonly keyStatements?: (keys: readonly string[], signal: AbortSignal) => Promise<readonly VerifiedEvent[]>;
}

/**
 * The keys from one to that which signs for its author today, and the statements that say so. Asks about each key that
 * comes up, until one has no successor. `keys` refused: key_revoked, rotation_conflict.
 */
export async function believedKeys(
  from: string,
  { keyStatements, schnorr }: KeyWitness,
  signal: AbortSignal,
): Promise<{ readonly keys: readonly string[] | Rejection; readonly events: readonly VerifiedEvent[] }> {
  const statements: KeyStatement[] = [];
  const events: VerifiedEvent[] = [];
  let keys: readonly string[] | Rejection = [from];
  for (let asked = 0; keyStatements !== undefined && !isRejection(keys) && asked < keys.length; asked += 1) {
    const said = await keyStatements(keys.slice(asked), signal);
    // A relay gives only so many: whoever holds a key could bury what its author said.
    if (said.length >= LIMITS.key_statements) return { keys: tooMany(keys.at(-1) ?? from), events };
    for (const event of said) {
      const statement = fromEvent(event, schnorr);
      if (isRejection(statement)) continue;
      statements.push(statement);
      events.push(event);
    }
    keys = keysSince(from, statements);
  }
  return { keys, events };
}

/**
 * Null while a listing's author signs with the key it is signed by. Refusals: key_rotated with `successor`, where that
 * key has handed over: nothing new by it is taken; key_revoked, rotation_conflict. Fault: relay_unreachable.
 */
export async function refuseHandedOver(
  { author, manifest }: Pick<Listing, "author" | "manifest">,
  witness: KeyWitness,
  signal: AbortSignal,
): Promise<Rejection | null> {
  const { keys } = await believedKeys(author, witness, signal);
  if (isRejection(keys)) return keys;
  const today = keys.at(-1);
  if (today === undefined || today === author) return null;
  const successor = `${KINDS.manifest.kind}:${today}:${manifest.id}`;
  const message = `its author signs with another key now, and nothing new by the old one is taken; look at it there: oa install ${successor}`;
  return reject("key_rotated", message, { successor });
}

function tooMany(key: string): Rejection {
  return reject(
    "rotation_conflict",
    `too much is said of the key ${key} to tell who has it: nothing new by it is taken`,
  );
}
