import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { AddressNamed } from "../admin/naming.ts";
import type { CommandContext, TextOption } from "./command.ts";

/** `--signer` of every command that says something in its owner's name. */
export const OWNER_SIGNER = {
  type: "text",
  value: "SIGNER",
  summary:
    "What signs instead of this machine's owner: a key file (nsec, hex, ncryptsec), bunker://…, or local (its author)",
} as const satisfies TextOption;

/** What a curator does, wherever the curator's key is. */
export interface OwnModeration
  extends Pick<ControlPorts["moderation"], "roles" | "cases" | "case" | "decide" | "list" | "curate"> {
  readonly close: () => void;
}

/** A command with `--signer`. */
export type SignedContext = Omit<CommandContext, "args" | "options"> & {
  readonly options: { readonly signer: string | undefined };
};

type Context = Pick<CommandContext, "api" | "cwd" | "data_dir" | "env" | "signal" | "note" | "progress">;

/**
 * Moderates as the owner of the data folder's worker; with a signer that was named, as its key, by the same functions in
 * this process: a signer may have to ask somebody who sits here. Refusals: those of `openSigner` and `ownGate`.
 */
export async function openModeration(named: string | undefined, context: Context): Promise<OwnModeration | Rejection> {
  return named === undefined ? overApi(context) : signedHere(named, context);
}

async function overApi({ api }: Context): Promise<OwnModeration> {
  const { get, post } = await api();
  const at = (part: string): string => `/v1/moderation/${part}`;
  return {
    roles: (signal) => get(at("roles"), signal),
    cases: (cursor, signal) =>
      get(at(`cases${cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`}`), signal),
    case: (id, signal) => get(at(`cases/${encodeURIComponent(id)}`), signal),
    decide: (request, signal) => post(at("decisions"), request, signal),
    list: (name, signal) => get(at(`lists/${encodeURIComponent(name)}`), signal),
    curate: (request, signal) => post(at("lists"), request, signal),
    close: () => {},
  };
}

async function signedHere(named: string, context: Context): Promise<OwnModeration | Rejection> {
  const [{ readConfig }, { moderationPort }, { ownRelays }, { openSigner }, { ownGate }] = await Promise.all([
    import("../config.ts"),
    import("../admin/moderation.ts"),
    import("../admin/reputation.ts"),
    import("./author-signer.ts"),
    import("./live-policy.ts"),
  ]);
  const [{ openEdgeClient, openEdgeEgress }, { openRelayPool }, { loadSchnorr }, { openRandom }] = await Promise.all([
    import("../adapters/edge-client.ts"),
    import("../adapters/relay-pool.ts"),
    import("../adapters/schnorr.ts"),
    import("../adapters/random.ts"),
  ]);
  const config = await readConfig(context.data_dir, context.env);
  const gate = await ownGate(context, config);
  if (isRejection(gate)) return gate;
  const signer = await openSigner(named, config, context);
  if (isRejection(signer)) return signer;
  const pool = openRelayPool({ schnorr: await loadSchnorr() });
  const { edge_url } = config;
  const moderation = moderationPort({
    ...{ ...gate, pool, signer, author: async () => signer, random: openRandom() },
    relays: ownRelays(config.relays, edge_url),
    addressNamed: addressOverApi(context),
    edge: edge_url === null ? null : openEdgeClient(edge_url, openEdgeEgress(edge_url)),
  });
  const close = (): void => {
    signer.close();
    pool.close();
  };
  return { ...moderation, close };
}

/** What is not an address names an install, and those are the worker's to know. */
function addressOverApi({ api }: Context): AddressNamed {
  return async (name, signal) => {
    if (/^(30051:|naddr1)/.test(name)) {
      const [{ parseAddress }, { addressText }] = await Promise.all([
        import("../admin/upgrade-source.ts"),
        import("../admin/naming.ts"),
      ]);
      const address = parseAddress(name);
      return isRejection(address) ? address : addressText(address);
    }
    type Found = { readonly address: string };
    const found = await (await api()).post<Found>("/v1/upgrades/manifest", { source: { address: name } }, signal);
    return isRejection(found) ? found : found.address;
  };
}

/** Does one thing with it and closes it, whatever came of it. */
export async function moderating<T extends object>(
  named: string | undefined,
  context: Context,
  what: (moderation: OwnModeration) => Promise<T | Rejection>,
): Promise<T | Rejection> {
  const moderation = await openModeration(named, context);
  if (isRejection(moderation)) return moderation;
  try {
    return await what(moderation);
  } finally {
    moderation.close();
  }
}
