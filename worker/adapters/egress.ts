import { lookup as systemLookup } from "node:dns/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permits } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cancellation } from "./canceled.ts";
import { type Address, exchange } from "./http-exchange.ts";
import { ipFamily, isPublicAddress } from "./ip-address.ts";
import type { Outgoing, Secrecy } from "./secrecy.ts";

export interface EgressRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For everything: look-up, every redirect, the last byte. */
  readonly timeout_ms: number;
  /** Of the body, decompressed. */
  readonly max_bytes: number;
  readonly signal: AbortSignal;
  /** Told how many bytes of a body have come, as they come: also of an answer that is not taken. */
  readonly onBytes?: (bytes: number) => void;
}

export interface EgressResponse {
  readonly status: number;
  /** Names in lower case, several values joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

/**
 * HTTP to the hosts a grant names, and no others. A name is looked up once and the checked address is the one that is
 * connected to. Addresses of this machine, its network or a cloud's metadata are refused, except an exact host:port of
 * the owner's config, and an address that is granted as such. Each redirect is checked like a first request, and one to
 * another origin carries no credentials. What writes (all but GET and HEAD) follows none to another host.
 *
 * Faults: egress_invalid, egress_denied, egress_private_address, egress_too_large, egress_rate_limited, egress_timeout,
 * egress_dns, egress_unreachable, canceled, and those of `Secrecy.outgoing`.
 */
export interface Egress {
  readonly fetch: (request: EgressRequest) => Promise<EgressResponse>;
  /** The checks alone: the addresses that may be connected to for this URL. For a program that does its own HTTP. */
  readonly resolve: (
    url: string,
    options: { readonly timeout_ms: number; readonly signal: AbortSignal },
  ) => Promise<readonly string[]>;
}

/** Requests per host in the last minute; share one between all grants to count them together. */
export interface HostRate {
  readonly take: (host: string) => void;
}

export interface EgressOptions {
  /** Exact `host:port` of the owner's config that may be on this machine or its network. */
  readonly private_allow: readonly string[];
  readonly rate?: HostRate;
  readonly lookup?: (hostname: string) => Promise<readonly Address[]>;
  /** Puts the owner's secrets where they belong, and lets none leave otherwise. */
  readonly secrets?: Pick<Secrecy, "outgoing" | "named">;
  /** Told which secrets go into a request, and to which host, before it leaves; it does not where this rejects. */
  readonly onSecrets?: (names: readonly string[], host: string) => Promise<void>;
}

const lookupAll = (hostname: string): Promise<readonly Address[]> => systemLookup(hostname, { all: true });
/** What may follow a redirect to another origin. */
const CROSS_ORIGIN = new Set(["accept", "accept-language", "content-type", "user-agent"]);
/** Set by the connection alone: a caller's would smuggle a second request or open a tunnel. */
const RESERVED = /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*)$/;

/** Many servers take the method from these: what reads, or was approved as one thing, would do another. */
const OTHER_METHOD = /^x[-_](http[-_])?method([-_]override)?$/;

export function openHostRate(): HostRate {
  const recent = new Map<string, number[]>();
  return {
    take: (host) => {
      const now = performance.now();
      const times = (recent.get(host) ?? []).filter((time) => now - time < 60_000);
      if (times.length >= LIMITS.egress_per_host_minute) {
        const retry_after_ms = Math.ceil(60_000 - (now - (times[0] ?? now)));
        const message = `${host} was asked ${times.length} times in a minute, the most that is allowed`;
        throw new Fault("egress_rate_limited", message, { retryable: true, details: { retry_after_ms } });
      }
      times.push(now);
      recent.set(host, times);
      if (recent.size <= LIMITS.egress_hosts) return;
      for (const [other, asked] of recent) if (now - (asked.at(-1) ?? 0) >= 60_000) recent.delete(other);
    },
  };
}

export function openEgress(grant: readonly Permission[], options: EgressOptions): Egress {
  const rate = options.rate ?? openHostRate();
  const lookup = options.lookup ?? lookupAll;
  const privateAllow = new Set(options.private_allow.map((entry) => entry.toLowerCase()));

  /** What is sent at this hop. Before the look-up: a name that is looked up has been told to others. */
  const prepared = (request: Outgoing): Outgoing => {
    const { url } = request;
    if (!exactly(url).some((needed) => permits(grant, needed))) {
      throw new Fault("egress_denied", `${url.host} is not among the hosts that may be contacted`);
    }
    return options.secrets?.outgoing(request, grant) ?? request;
  };

  const addressesOf = async (url: URL, signal: AbortSignal): Promise<readonly Address[]> => {
    const { hostname, withPort } = hostOf(url);
    const exact = exactly(url);
    const family = ipFamily(hostname);
    const addresses = family === 0 ? await lookUp(hostname, lookup, signal) : [{ address: hostname, family }];
    const ownerAllows = privateAllow.has(withPort) || (family !== 0 && exact.some((one) => grant.includes(one)));
    const closed = ownerAllows ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
    if (closed !== undefined) {
      throw new Fault(
        "egress_private_address",
        `${url.host} leads to ${closed.address}, on this machine or its network: the owner can allow ${withPort} in the worker's settings`,
      );
    }
    return addresses;
  };

  const follow = async (request: EgressRequest, signal: AbortSignal): Promise<EgressResponse> => {
    let url = parseUrl(request.url);
    let { method, body } = { method: request.method.toUpperCase(), body: request.body };
    let headers = requestHeaders(request.headers);
    const size = body === undefined ? 0 : Buffer.byteLength(body);
    if (size > LIMITS.egress_body_bytes) {
      const message = `${size} bytes would be sent to ${url.host}; at most ${LIMITS.egress_body_bytes} are`;
      throw new Fault("egress_too_large", message);
    }
    for (let redirects = 0; ; redirects += 1) {
      const sent = prepared({ url, headers, body });
      const addresses = await addressesOf(url, signal);
      rate.take(url.host);
      const named = options.secrets?.named({ url, headers, body }) ?? [];
      if (named.length > 0) await options.onSecrets?.(named, hostOf(url).withPort);
      const { max_bytes, onBytes } = request;
      const response = await exchange({ ...sent, method, addresses, max_bytes, signal, onBytes });
      const location = response.headers.location;
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) {
        return { ...response, url: url.href };
      }
      if (redirects === LIMITS.egress_redirects) {
        throw new Fault("egress_invalid", `${parseUrl(request.url).host} redirected more than ${redirects} times`);
      }
      const next = redirectTarget(url, location);
      if (next.origin !== url.origin) headers = keep(headers, (name) => CROSS_ORIGIN.has(name));
      if (response.status === 303 ? method !== "HEAD" : method === "POST" && response.status < 303) {
        method = "GET";
        body = undefined;
        headers = keep(headers, (name) => !name.startsWith("content-"));
      }
      if (method !== "GET" && method !== "HEAD") refuseElsewhere(method, url, next);
      url = next;
    }
  };

  return {
    fetch: (request) => bounded(request.url, request, (signal) => follow(request, signal)),
    resolve: (text, limits) =>
      bounded(text, limits, async (signal) => {
        const url = parseUrl(text);
        prepared({ url, headers: {}, body: undefined });
        const addresses = await addressesOf(url, signal);
        rate.take(url.host);
        return addresses.map(({ address }) => address);
      }),
  };
}

/** Runs `body` with a signal that ends with the caller's, or at the deadline as egress_timeout. */
async function bounded<T>(
  url: string,
  limits: { readonly timeout_ms: number; readonly signal: AbortSignal },
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    const host = URL.canParse(url) ? new URL(url).host : "the host";
    const message = `${host} did not answer within ${limits.timeout_ms} ms`;
    deadline.abort(new Fault("egress_timeout", message, { retryable: true }));
  }, limits.timeout_ms);
  try {
    const signal = AbortSignal.any([limits.signal, deadline.signal]);
    if (signal.aborted) throw cancellation(signal, "the request");
    return await body(signal);
  } finally {
    clearTimeout(timer);
  }
}

function parseUrl(text: string): URL {
  if (text.length > LIMITS.egress_url_chars || !URL.canParse(text)) {
    throw new Fault("egress_invalid", `${JSON.stringify(text.slice(0, 200))} is not a web address`);
  }
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Fault("egress_invalid", `${url.protocol}// is not spoken: only http and https are`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new Fault("egress_invalid", `the address of ${url.host} holds a user name or password: use a header`);
  }
  // "example.com." is example.com to DNS, and must be to the grant.
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.slice(0, -1);
  return url;
}

function redirectTarget(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) {
    throw new Fault("egress_invalid", `${from.host} redirected to ${JSON.stringify(location.slice(0, 200))}`);
  }
  const next = parseUrl(new URL(location, from).href);
  if (from.protocol === "https:" && next.protocol === "http:") {
    throw new Fault("egress_denied", `${from.host} redirected to ${next.host} without encryption`);
  }
  return next;
}

/** What writes was approved for one host, and another that may be read is not it. Fault: egress_denied. */
function refuseElsewhere(method: string, from: URL, to: URL): void {
  if (hostOf(to).withPort === hostOf(from).withPort) return;
  const message = `${from.host} redirected a ${method} to ${to.host}; what writes goes where it was meant to go: name that address`;
  throw new Fault("egress_denied", message);
}

function hostOf(url: URL): { readonly hostname: string; readonly withPort: string } {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), withPort: `${url.hostname}:${port}` };
}

/** The permissions of which one is needed. */
function exactly(url: URL): readonly Permission[] {
  return [`network:egress:${url.host}`, `network:egress:${hostOf(url).withPort}`];
}

function requestHeaders(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (RESERVED.test(lower)) throw new Fault("egress_invalid", `the header ${lower} is set by the connection`);
    if (OTHER_METHOD.test(lower)) {
      throw new Fault(
        "egress_invalid",
        `the header ${lower} would make the request another one: say its method itself`,
      );
    }
    headers[lower] = value;
  }
  return headers;
}

function keep(
  headers: Readonly<Record<string, string>>,
  wanted: (name: string) => boolean,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => wanted(name)));
}

/** The system's resolver cannot be stopped, so what it answers after the deadline is dropped. */
async function lookUp(
  hostname: string,
  lookup: (hostname: string) => Promise<readonly Address[]>,
  signal: AbortSignal,
): Promise<readonly Address[]> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancellation(signal, `looking up ${hostname}`));
  });
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const addresses = await Promise.race([lookup(hostname), aborted]);
    if (addresses.length === 0) throw new Error("it has no address");
    return addresses;
  } catch (error) {
    if (error instanceof Fault) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
    throw new Fault("egress_dns", `${hostname} could not be looked up (${why})`, { retryable: true, cause: error });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
