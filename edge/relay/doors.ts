import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert } from "@oa/shared/core/refusal.ts";
import type { Env } from "../env.ts";
import type { RelayDoor } from "../objects/relay-door.ts";
import { limitedAddress } from "./rates.ts";

/** How many doors the relay has, from its setting; one where nothing is set. A setting that is no such number throws. */
export function relayDoors(setting: string | undefined): number {
  const count = setting === undefined || setting === "" ? 1 : Number(setting);
  assert(
    Number.isInteger(count) && count >= 1 && count <= LIMITS.relay_doors,
    `RELAY_DOORS is ${setting}, not a whole number from 1 to ${LIMITS.relay_doors}`,
  );
  return count;
}

/** The door for a client: the same for all from its address, so that limits for addresses hold; any where none does. */
export function doorFor(env: Env, request: Request): DurableObjectStub<RelayDoor> {
  const count = relayDoors(env.RELAY_DOORS);
  const address = limitedAddress(request);
  const spread =
    address === null
      ? crypto.getRandomValues(new Uint32Array(1))[0]
      : Number.parseInt(sha256Hex(address).slice(0, 8), 16);
  return env.RELAY_DOOR.getByName(String((spread ?? 0) % count));
}
