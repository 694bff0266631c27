import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { CatalogPage, ControlInstallSource } from "@oa/shared/generated/types.ts";
import { getInstall, type InstallView, installsHolding, listInstalls } from "@oa/shared/install/views.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { type ListingAddress, parseAddress } from "./upgrade-source.ts";

/** One page of the catalog; null where no edge is set. */
export type CatalogList = (query: URLSearchParams, signal: AbortSignal) => Promise<CatalogPage | Rejection>;

export interface NamingOptions {
  readonly sql: Sql;
  /** Whose listings a refusal names as what may have been meant. */
  readonly catalog: CatalogList | null;
}

/** What a name stands for. */
export interface NamedListing {
  readonly address: ListingAddress;
  readonly install: InstallView | null;
  /** Of the release that an event id names; null: a listing is named, not a release of it. */
  readonly version: string | null;
}

/** A name as the listing's address in full, `30051:<key>:<name>`. Refusals: those of `listingNamed`. */
export type AddressNamed = (name: string, signal: AbortSignal) => Promise<string | Rejection>;

interface Match {
  readonly install: InstallView;
  readonly version: string | null;
}

/**
 * The install that is meant: by its id, its listing's address, the id of a manifest or release event of it, its
 * upgrade's name, or the last part of that where one install alone has it. Refusals: not_found with `known`, usage with
 * `candidates` where several have the name.
 */
export function installNamed(name: string, sql: Sql): InstallView | Rejection {
  if (name.startsWith("install_")) return getInstall(sql, name) ?? reject("not_found", `there is no install ${name}`);
  const [one, ...more] = matches(name, sql);
  if (one === undefined) return notInstalled(name, sql);
  return more.length === 0 ? one.install : ambiguous(name, [one, ...more]);
}

/**
 * The listing that is meant: by its address, or by anything that names an install of it. A listing that is not installed
 * has its address alone: a name is its author's choice, and anybody may choose the same. Refusals: usage, and not_found
 * with the `candidates` that the catalog has.
 */
export async function listingNamed(
  name: string,
  { sql, catalog }: NamingOptions,
  signal: AbortSignal,
): Promise<NamedListing | Rejection> {
  const written = parseAddress(name);
  if (!isRejection(written)) {
    return { address: written, install: matches(addressText(written), sql)[0]?.install ?? null, version: null };
  }
  if (!NAME.test(name) || BECH32.test(name)) return written;
  const found = name.startsWith("install_") ? byId(name, sql) : matches(name, sql);
  if (isRejection(found)) return found;
  const addresses = new Set(found.map(({ install }) => pinsOf(install)?.upgrade_address ?? ""));
  const [one] = found;
  if (one === undefined) return notListed(name, catalog, signal);
  if (addresses.size > 1) return ambiguous(name, found);
  const address = parseAddress([...addresses][0] ?? "");
  return isRejection(address) ? address : { address, ...one };
}

export async function addressNamed(
  name: string,
  options: NamingOptions,
  signal: AbortSignal,
): Promise<string | Rejection> {
  const named = await listingNamed(name, options, signal);
  return isRejection(named) ? named : addressText(named.address);
}

/**
 * A source whose name is an address. What names an install or a release of it is about the version that it names:
 * with `installed`, the one that is installed. Refusals: those of `listingNamed`.
 */
export async function sourceNamed(
  source: ControlInstallSource,
  options: NamingOptions,
  signal: AbortSignal,
  { installed }: { readonly installed: boolean },
): Promise<ControlInstallSource | Rejection> {
  if (!("address" in source) || !isRejection(parseAddress(source.address))) return source;
  const named = await listingNamed(source.address, options, signal);
  if (isRejection(named)) return named;
  const own = installed && named.install !== null ? pinsOf(named.install)?.upgrade_version : undefined;
  const version = source.version ?? named.version ?? own;
  return { ...source, address: addressText(named.address), ...(version === undefined ? {} : { version }) };
}

/** `30051:<key>:<name>`. */
export function addressText({ author, slug }: Pick<ListingAddress, "author" | "slug">): string {
  return `${KINDS.manifest.kind}:${author}:${slug}`;
}

/** A name, an event's id or an install's: nothing that a path or an address needs. */
const NAME = /^[A-Za-z0-9_.-]{1,128}$/;
/** What Nostr writes other things as (NIP-19), whole or mistyped. */
const BECH32 = /^(naddr|nevent|note|nprofile|npub|nsec)1/;

function byId(name: string, sql: Sql): readonly Match[] | Rejection {
  const install = getInstall(sql, name);
  const pins = install === null ? null : pinsOf(install);
  if (install === null) return reject("not_found", `there is no install ${name}`);
  return pins === null ? reject("not_found", `nothing of ${name} is installed any more`) : [{ install, version: null }];
}

function matches(name: string, sql: Sql): readonly Match[] {
  const address = parseAddress(name);
  const text = isRejection(address) ? name : addressText(address);
  const installs = installsHolding(sql, text);
  if (isHex32(name)) {
    return installs.flatMap((install) => {
      const release = releasesOf(install).find(
        ({ manifest_event_id, release_event_id }) => manifest_event_id === name || release_event_id === name,
      );
      return release === undefined ? [] : [{ install, version: release.upgrade_version }];
    });
  }
  const all = installs.map((install) => ({ install, version: null }));
  if (!isRejection(address)) return all.filter(({ install }) => pinsOf(install)?.upgrade_address === text);
  const exact = all.filter(({ install }) => pinsOf(install)?.upgrade_id === name);
  return exact.length > 0
    ? exact
    : all.filter(({ install }) => pinsOf(install)?.upgrade_id.endsWith(`.${name}`) === true);
}

/** What an install is of: what runs, else what waits for approval. */
function pinsOf(install: InstallView): InstallView["active"] {
  return install.active ?? install.pending;
}

function releasesOf({ active, pending, candidate, earlier }: InstallView) {
  return [active, pending, candidate, ...earlier].flatMap((release) => (release === null ? [] : [release]));
}

function notInstalled(name: string, sql: Sql): Rejection {
  const known = listInstalls(sql, { limit: LIMITS.api_page }).flatMap((install) => pinsOf(install)?.upgrade_id ?? []);
  return reject("not_found", `nothing called ${name.slice(0, 200)} is installed`, { known });
}

function ambiguous(name: string, found: readonly Match[]): Rejection {
  const candidates = found.map(({ install }) => ({
    install_id: install.install_id,
    address: pinsOf(install)?.upgrade_address ?? "",
  }));
  // Addresses of 140 characters that are all the same tell nobody which is meant.
  const same = new Set(candidates.map(({ address }) => address)).size === 1;
  const which = found
    .map(({ install: one }) => {
      const { upgrade_address = "", upgrade_version = "" } = pinsOf(one) ?? {};
      return `${one.install_id} (${same ? `${upgrade_version}, ${one.status}` : upgrade_address})`;
    })
    .join(", ");
  return reject("usage", `${name} is installed more than once; name one of ${which}`, { candidates });
}

const CANDIDATES = 5;

async function notListed(name: string, catalog: CatalogList | null, signal: AbortSignal): Promise<Rejection> {
  const none = `nothing called ${name} is installed`;
  const page = catalog === null ? null : await asked(name, catalog, signal);
  if (page === null) return reject("not_found", `${none}; name it by its address (30051:<key>:<name> or naddr1…)`);
  if (isRejection(page)) return reject("not_found", `${none}, and the catalog did not answer: ${page.message}`);
  const candidates = page.listings
    .filter(({ slug }) => slug === name || slug.endsWith(`.${name}`))
    .slice(0, CANDIDATES)
    .map(({ address, title }) => ({ address, title }));
  if (candidates.length === 0) {
    return reject("not_found", `${none}, and the catalog has no listing of that name; see oa market search`);
  }
  const which = candidates.map(({ address, title }) => `${address} (${title})`).join(", ");
  return reject("not_found", `${none}; name what you mean by its address: ${which}`, { candidates });
}

/** The whole name or its last part: words are what the catalog finds names by. A silent edge is part of the answer. */
async function asked(name: string, catalog: CatalogList, signal: AbortSignal): Promise<CatalogPage | Rejection> {
  try {
    return await catalog(new URLSearchParams({ text: name }), signal);
  } catch (error) {
    if (error instanceof Fault && !signal.aborted) return reject(error.code, error.message);
    throw error;
  }
}
