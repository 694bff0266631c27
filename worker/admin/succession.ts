import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import type { Listing } from "@oa/shared/nostr/30051-manifest.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { believedKeys, type KeyWitness, refuseHandedOver } from "../loops/key-statements.ts";
import { installOf } from "./install-inputs.ts";

/** The install that a listing is of, if there is one, and by what right where it was another author's. */
export interface Succession {
  readonly known: InstallView | null;
  /** What led from the author of the install to that of the listing; none where they are the same. */
  readonly rotations: readonly VerifiedEvent[];
}

/**
 * Whose install a listing updates: one of the same address, or one by a key that named this author as its successor.
 * Refusals: key_rotated with `successor`, where the listing's own key has handed over, key_revoked, rotation_conflict.
 * Fault: relay_unreachable, where relays are set and none answers: what was said of a key must not be missed.
 */
export async function successionOf(
  listing: Listing,
  options: KeyWitness & { readonly sql: Sql },
  signal: AbortSignal,
): Promise<Succession | Rejection> {
  const { author, address, manifest } = listing;
  const handedOver = await refuseHandedOver(listing, options, signal);
  if (handedOver !== null) return handedOver;
  const known = installOf(address, options.sql);
  if (known !== null) return { known, rotations: [] };
  for (const install of listInstalls(options.sql, { limit: LIMITS.api_page })) {
    const pins = install.active ?? install.pending;
    if (pins === null || pins.upgrade_id !== manifest.id) continue;
    const { keys, events } = await believedKeys(pins.author_pubkey, options, signal);
    if (isRejection(keys)) {
      // Two authors may use one name: only what is said of this one matters here.
      if ((keys.details?.successors as readonly string[] | undefined)?.includes(author) === true) return keys;
    } else if (keys.includes(author)) return { known: install, rotations: events };
  }
  return { known: null, rotations: [] };
}
