import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { knownReason } from "@oa/shared/core/reasons.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { HttpRequestClaim } from "@oa/shared/nostr/27235-http-auth.ts";
import { type Egress, openEgress } from "./egress.ts";

/** Makes the `Authorization` header of a request that a key signs (NIP-98). */
export type SignRequest = (request: HttpRequestClaim) => Promise<string>;

/** The edge's public API. */
export interface EdgeClient {
  /** `T` is what the route's schema says; an answer that says no is a rejection. Faults: those of egress. */
  readonly get: <T extends object>(path: string, signal: AbortSignal, sign?: SignRequest) => Promise<T | Rejection>;
  readonly post: <T extends object>(
    path: string,
    body: object,
    signal: AbortSignal,
    sign?: SignRequest,
  ) => Promise<T | Rejection>;
  /** The edge's clock as it answers, where it tells. */
  readonly health: (signal: AbortSignal) => Promise<{ readonly date_ms: number | null }>;
}

/** Reaches the one host that the owner's settings name as their edge, which may be on this machine. */
export function openEdgeEgress(edge_url: string): Egress {
  const { host, port, protocol, hostname } = new URL(edge_url);
  const private_allow = [`${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`];
  return openEgress([`network:egress:${host}`], { private_allow });
}

export function openEdgeClient(edge_url: string, egress: Pick<Egress, "fetch">): EdgeClient {
  const send = async (path: string, signal: AbortSignal, value?: object, sign?: SignRequest) => {
    const url = `${edge_url}${path}`;
    const method = value === undefined ? "GET" : "POST";
    const body = value === undefined ? {} : { body: JSON.stringify(value) };
    const authorization = sign === undefined ? {} : { authorization: await sign({ url, method, ...body }) };
    return egress.fetch({
      ...{ url, method, ...body },
      headers: {
        ...{ accept: "application/json", ...authorization },
        ...(value === undefined ? {} : { "content-type": "application/json" }),
      },
      timeout_ms: LIMITS.edge_timeout_ms,
      max_bytes: LIMITS.edge_answer_bytes,
      signal,
    });
  };
  const ask = async <T extends object>(
    path: string,
    signal: AbortSignal,
    sent?: object,
    sign?: SignRequest,
  ): Promise<T | Rejection> => {
    const { status, body } = await send(path, signal, sent, sign);
    const parsed = parseStrict(new TextDecoder().decode(body), { bytes: LIMITS.edge_answer_bytes });
    if (isRejection(parsed))
      return reject("unreachable", `${edge_url} answered ${status} with no JSON: is it an edge?`);
    // The edge validates what it stores; signed events are verified again before they are used.
    if (status >= 200 && status < 300) return parsed.value as T;
    const { error } = (parsed.value ?? {}) as {
      readonly error?: { readonly code?: string; readonly message?: string };
    };
    return reject(knownReason(error?.code, "unreachable"), error?.message ?? `${edge_url} answered ${status}`);
  };
  return {
    get: (path, signal, sign) => ask(path, signal, undefined, sign),
    post: (path, body, signal, sign) => ask(path, signal, body, sign),
    health: async (signal) => {
      const { status, headers } = await send("/health", signal);
      if (status !== 200) throw new Error(`it answered ${status}`);
      const date_ms = Date.parse(headers.date ?? "");
      return { date_ms: Number.isNaN(date_ms) ? null : date_ms };
    },
  };
}
