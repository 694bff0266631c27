/**
 * A FAKE model server for tests. It speaks the OpenAI-compatible protocol over real HTTP (models, chat completions,
 * embeddings) and answers with fixed text and hashed numbers: no model runs behind it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeModelServer {
  /** To be configured as base_url. */
  readonly base_url: string;
  /** Every request so far: path and body. */
  readonly requests: readonly { readonly path: string; readonly body: unknown }[];
  readonly close: () => Promise<void>;
}

export interface FakeModelOptions {
  /** The reply to a prompt. */
  readonly reply?: (prompt: string) => string;
  /** Answer every request with this status and an error body. */
  readonly fail_status?: number;
  /** Accept requests and never answer. */
  readonly hang?: boolean;
  readonly dim?: number;
}

export async function openFakeModelServer(options: FakeModelOptions = {}): Promise<FakeModelServer> {
  const { reply = (prompt) => `You said: ${prompt}`, dim = 8 } = options;
  const requests: { path: string; body: unknown }[] = [];
  const server = createServer((request, response) => {
    readJson(request).then(
      (body) => {
        const path = request.url ?? "";
        requests.push({ path, body });
        if (options.hang === true) return;
        if (options.fail_status !== undefined) {
          send(response, options.fail_status, {
            error: { message: "the fake was told to fail", type: "server_error" },
          });
        } else if (path === "/v1/models") {
          send(response, 200, { object: "list", data: [{ id: "fake-chat", object: "model" }] });
        } else if (path === "/v1/chat/completions") {
          send(response, 200, completion(body, reply));
        } else if (path === "/v1/embeddings") {
          send(response, 200, embeddings(body, dim));
        } else send(response, 404, { error: { message: `no route ${path}` } });
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base_url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function completion(body: unknown, reply: (prompt: string) => string): object {
  const { model, messages } = body as {
    readonly model: string;
    readonly messages: readonly { readonly content: unknown }[];
  };
  const last = messages.at(-1)?.content;
  const prompt = typeof last === "string" ? last : ((last as readonly { readonly text: string }[])[0]?.text ?? "");
  const content = reply(prompt);
  const usage = { prompt_tokens: words(prompt), completion_tokens: words(content), total_tokens: 0 };
  return {
    id: "fake",
    object: "chat.completion",
    created: 0,
    model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens },
  };
}

function embeddings(body: unknown, dim: number): object {
  const { model, input } = body as { readonly model: string; readonly input: string | readonly string[] };
  const texts = typeof input === "string" ? [input] : input;
  const data = texts.map((text, index) => {
    const embedding = new Array<number>(dim).fill(0.01);
    for (const char of text) {
      const place = (char.codePointAt(0) ?? 0) % dim;
      embedding[place] = (embedding[place] ?? 0) + 1;
    }
    return { object: "embedding", index, embedding };
  });
  return { object: "list", model, data, usage: { prompt_tokens: texts.length, total_tokens: texts.length } };
}

function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? null : JSON.parse(text);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
