import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { HttpRequestParams, HttpRequestResult } from "@oa/shared/generated/types.ts";
import { textOf } from "../adapters/utf8.ts";
import type { OpContext } from "./op.ts";

const MAX_BYTES_DEFAULT = 200_000;

/**
 * Makes one HTTP request through the run's egress. What is not GET or HEAD carries an `Idempotency-Key` that is the same
 * on every attempt of the step. Faults: http_status, and those of `Egress`.
 */
export async function httpRequest(params: HttpRequestParams, context: OpContext): Promise<HttpRequestResult> {
  const { url, method = "GET" } = params;
  // More than a step may give is not fetched at all: reading it would hold up everything else.
  const max_bytes = Math.min(params.max_bytes ?? MAX_BYTES_DEFAULT, LIMITS.step_result_bytes);
  const response = await context.egress.fetch({
    url,
    method,
    ...content(params, method, context.idempotency_key),
    timeout_ms: LIMITS.egress_timeout_ms,
    max_bytes,
    signal: context.signal,
  });
  const { status } = response;
  if (!(params.expect_status?.includes(status) ?? (status >= 200 && status < 300))) {
    const wanted = params.expect_status?.join(" or ") ?? "200 to 299";
    throw new Fault("http_status", `${new URL(response.url).host} answered ${status}; expected ${wanted}`, {
      retryable: status === 408 || status === 425 || status === 429 || status >= 500,
      details: { status },
    });
  }
  const text = textOf(response.body);
  // A cookie is a credential: it does not enter the run's record.
  const { "set-cookie": _, ...headers } = response.headers;
  return {
    status,
    url: response.url,
    headers,
    body: text ?? Buffer.from(response.body).toString("base64"),
    encoding: text === null ? "base64" : "utf8",
    ...parsed(text, headers["content-type"], max_bytes, context),
    bytes: response.body.length,
  };
}

function content(
  params: HttpRequestParams,
  method: string,
  idempotency_key: string,
): { readonly headers: Readonly<Record<string, string>>; readonly body?: string } {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(params.headers ?? {})) {
    if (value !== undefined) headers[name.toLowerCase()] = value;
  }
  const reads = method === "GET" || method === "HEAD";
  if (!reads) headers["idempotency-key"] ??= idempotency_key;
  if (params.body === undefined) return { headers };
  if (reads) throw new Fault("egress_invalid", `a ${method} request has no body`);
  if (typeof params.body === "string") return { headers, body: params.body };
  headers["content-type"] ??= "application/json";
  return { headers, body: JSON.stringify(params.body) };
}

/** JSON that has no one exact reading (duplicate keys, unsafe numbers) stays text. */
function parsed(
  text: string | null,
  type: string | undefined,
  bytes: number,
  context: OpContext,
): Pick<HttpRequestResult, "json"> {
  if (text === null || text === "" || !/^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(type ?? "")) return {};
  const result = parseStrict(text, { bytes });
  if (!isRejection(result)) return { json: result.value as HttpRequestResult["json"] & {} };
  context.log("warn", `the answer is kept as text: ${result.message}`, { code: result.code });
  return {};
}
