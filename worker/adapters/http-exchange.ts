import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cancellation } from "./canceled.ts";
import { ipFamily } from "./ip-address.ts";

export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  /** The only ones that are connected to. */
  readonly addresses: readonly Address[];
  readonly max_bytes: number;
  readonly signal: AbortSignal;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface ExchangeResult {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * One HTTP request and its answer, on a connection of its own to one of the given addresses: no proxy, no kept
 * connection, no redirect. The body is decompressed and bounded while it arrives.
 */
export function exchange(request: Exchange): Promise<ExchangeResult> {
  const { url, signal } = request;
  const encrypted = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void =>
      reject(signal.aborted ? cancellation(signal, url.host) : asFault(error, url));
    const options: https.RequestOptions = {
      method: request.method,
      headers: {
        "user-agent": "openagents-worker",
        "accept-encoding": "gzip, deflate, br",
        ...request.headers,
        // Said of every body: without it Node sends one of a DELETE as if it were another request.
        ...(request.body === undefined ? {} : { "content-length": Buffer.byteLength(request.body) }),
        connection: "close",
      },
      // Its own agent: the shared one may be told by the environment to use a proxy.
      agent: encrypted ? new https.Agent() : new http.Agent(),
      lookup: pinnedLookup(request.addresses),
      maxHeaderSize: LIMITS.egress_header_bytes,
      insecureHTTPParser: false,
      signal,
      ...(encrypted ? { rejectUnauthorized: true, ...serverName(url) } : {}),
    };
    try {
      const sent = (encrypted ? https : http).request(url, options, (response) => {
        collect(response, request).then(resolve, (error) => {
          response.destroy();
          fail(error);
        });
      });
      sent.on("error", fail);
      sent.end(request.body);
    } catch (error) {
      fail(error);
    }
  });
}

/** A look-up that answers with the checked addresses only. */
export function pinnedLookup(addresses: readonly Address[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (first === undefined) callback(new Error("no address"), "", 0);
    else if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
}

/** TLS names a host, never an address. */
function serverName(url: URL): { readonly servername: string } | Record<string, never> {
  return ipFamily(url.hostname) === 0 ? { servername: url.hostname } : {};
}

async function collect(
  response: http.IncomingMessage,
  { url, method, max_bytes, onBytes }: Exchange,
): Promise<ExchangeResult> {
  const tooLarge = new Fault("egress_too_large", `${url.host} answered with more than ${max_bytes} bytes`);
  const declared = Number(response.headers["content-length"] ?? 0);
  const encoding = (response.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (method !== "HEAD" && encoding === "identity" && declared > max_bytes) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const empty = method === "HEAD" || response.statusCode === 204 || response.statusCode === 304;
  for await (const chunk of empty ? response : decoded(response, encoding, url)) {
    bytes += (chunk as Uint8Array).length;
    onBytes?.((chunk as Uint8Array).length);
    // Counted after decompression, piece by piece: a small body that unpacks to a huge one stops here.
    if (bytes > max_bytes) throw tooLarge;
    chunks.push(chunk as Uint8Array);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  if (!empty && encoding !== "identity") {
    // They describe the compressed form.
    delete headers["content-encoding"];
    delete headers["content-length"];
  }
  return { status: response.statusCode ?? 0, headers, body: new Uint8Array(Buffer.concat(chunks)) };
}

function decoded(response: http.IncomingMessage, encoding: string, url: URL): Readable {
  const decoder = decoderOf(encoding, url);
  if (decoder === null) return response;
  response.on("error", (error) => decoder.destroy(error));
  decoder.on("close", () => response.destroy());
  return response.pipe(decoder);
}

function decoderOf(encoding: string, url: URL): ReturnType<typeof createGunzip> | null {
  switch (encoding) {
    case "identity":
    case "":
      return null;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      throw new Fault("egress_unreachable", `${url.host} answered in the encoding ${JSON.stringify(encoding)}`);
  }
}

function asFault(error: unknown, url: URL): Fault {
  if (error instanceof Fault) return error;
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  if (code === "ERR_INVALID_CHAR" || code === "ERR_INVALID_HTTP_TOKEN" || code === "ERR_UNESCAPED_CHARACTERS") {
    return new Fault("egress_invalid", `the request to ${url.host} cannot be sent: ${message}`, { cause: error });
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    const limit = LIMITS.egress_header_bytes;
    return new Fault("egress_too_large", `${url.host} answered with more than ${limit} bytes of headers`);
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code);
  const why = code === "ECONNREFUSED" ? "nothing listens there" : code || message;
  return new Fault(
    "egress_unreachable",
    certificate ? `${url.host} has no certificate that can be trusted (${code})` : `${url.host} failed: ${why}`,
    { retryable: !certificate, cause: error },
  );
}
