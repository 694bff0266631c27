import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { hostOfUrl, type Permission, permits } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type {
  FixtureClone,
  FixtureEvent,
  FixtureGenerate,
  FixtureHttp,
  GitCloneParams,
  GitCloneResult,
  UpgradeFixtures,
} from "@oa/shared/generated/types.ts";
import type { Egress, EgressRequest } from "../adapters/egress.ts";
import { textOf } from "../adapters/utf8.ts";
import type { ModelBackends } from "../backends/backend.ts";
import type { EventPublisher, Op } from "../ops/op.ts";

/** What stands for the world while an upgrade is tested, and what it was asked for. */
export interface FixtureWorld {
  readonly egress: (grant: readonly Permission[]) => Egress;
  readonly backends: ModelBackends;
  readonly events: EventPublisher;
  readonly gitClone: Op<GitCloneParams, GitCloneResult>;
  readonly published: readonly FixtureEvent[];
  /** Folders that hold clones: what lies in them is not a result. */
  readonly clones: readonly string[];
  /** Recordings that nothing asked for, in sentences. */
  readonly unused: () => readonly string[];
}

/** A world of recordings: no network, no model but the built-in one. Fault: fixture_missing. */
export function replayWorld(
  fixtures: UpgradeFixtures,
  folder: string,
  home: string,
  real: ModelBackends,
): FixtureWorld {
  const http = takeOnce(fixtures.http);
  const generate = takeOnce(fixtures.generate);
  const clones = takeOnce(fixtures.clones);
  const { published, events } = collected();
  const folders: string[] = [];
  return {
    ...{ published, events, clones: folders },
    egress: (grant) => ({
      fetch: async (request) => {
        refuseUngranted(grant, request.url);
        const sha256 = sha256Hex(request.body ?? "");
        const found = http.take(
          ({ method, url, request_sha256 }) =>
            method === request.method && url === request.url && (request_sha256 ?? sha256) === sha256,
        );
        if (found === null) throw missing(`an answer to ${request.method} ${request.url}`);
        const body = new Uint8Array(Buffer.from(found.body, found.encoding));
        if (body.length > request.max_bytes) {
          throw new Fault("egress_too_large", `${request.url} answered with more than ${request.max_bytes} bytes`);
        }
        return {
          status: found.status,
          headers: found.headers as Readonly<Record<string, string>>,
          body,
          url: found.url,
        };
      },
      resolve: async (url) => {
        throw missing(`the addresses of ${url}`);
      },
    }),
    backends: {
      ...real,
      embed: async (request) => {
        if (request.backend === "lexical-v1") return real.embed(request);
        throw missing(`vectors of ${request.backend}; only lexical-v1 is computed in tests`);
      },
      generate: async ({ backend, prompt }) => {
        const sha256 = promptHash(prompt, home);
        const found = generate.take(
          ({ backend: name, prompt_sha256 }) => name === backend && (prompt_sha256 ?? sha256) === sha256,
        );
        if (found === null) throw missing(`an answer of ${backend} to this prompt (sha256 ${sha256})`);
        return { text: found.text, model: found.model };
      },
    },
    gitClone: async ({ repo, dest }, context) => {
      const found = clones.take((clone) => clone.step === context.step_id && clone.repo === repo);
      if (found === null) throw missing(`a clone of ${repo} for step ${context.step_id}`);
      const path = await context.files.resolve(dest, "write");
      await mkdir(path, { recursive: true });
      await cp(join(folder, "clones", found.step), path, { recursive: true, verbatimSymlinks: true });
      folders.push(path);
      return { path: dest, commit: found.commit, branch: found.branch, updated: true };
    },
    unused: () => [
      ...http.left().map(({ method, url }) => `nothing asked for ${method} ${url}`),
      ...generate.left().map(({ backend }) => `nothing asked ${backend} for the text that is recorded`),
      ...clones.left().map(({ step }) => `no step ${step} cloned what is recorded`),
    ],
  };
}

/** The real world, with its answers kept. */
export interface Recorder extends FixtureWorld {
  readonly recorded: () => Pick<UpgradeFixtures, "http" | "generate" | "clones">;
}

/** Records what the world answers; clones are copied below `folder` without git's own files. */
export function recordWorld(
  real: {
    readonly egress: (grant: readonly Permission[]) => Egress;
    readonly backends: ModelBackends;
    readonly gitClone: Op<GitCloneParams, GitCloneResult>;
  },
  folder: string,
  home: string,
): Recorder {
  const http: FixtureHttp[] = [];
  const generate: FixtureGenerate[] = [];
  const clones: FixtureClone[] = [];
  const folders: string[] = [];
  const { published, events } = collected();
  return {
    ...{ published, events, clones: folders, unused: () => [] },
    recorded: () => ({ http, generate, clones }),
    egress: (grant) => {
      const egress = real.egress(grant);
      return { ...egress, fetch: async (request) => keepAnswer(await egress.fetch(request), request, http) };
    },
    backends: {
      ...real.backends,
      generate: async (request) => {
        const { text, model, ...rest } = await real.backends.generate(request);
        const prompt_sha256 = promptHash(request.prompt, home);
        generate.push({ backend: request.backend, prompt_sha256, model, text });
        return { text, model, ...rest };
      },
    },
    gitClone: async (params, context) => {
      const result = await real.gitClone(params, context);
      const path = await context.files.resolve(params.dest, "write");
      const filter = (source: string): boolean => !/\/\.git(?:\/|$)/.test(source.slice(path.length));
      await cp(path, join(folder, "clones", context.step_id), { recursive: true, verbatimSymlinks: true, filter });
      const { commit, branch } = result;
      clones.push({ step: context.step_id, repo: params.repo, commit, branch });
      folders.push(path);
      return result;
    },
  };
}

function keepAnswer(
  answer: Awaited<ReturnType<Egress["fetch"]>>,
  { method, url, body = "" }: EgressRequest,
  http: FixtureHttp[],
): typeof answer {
  // Cookies are credentials; lengths and encodings no longer hold for the body as it is kept.
  const { "set-cookie": _, "content-encoding": __, "content-length": ___, ...headers } = answer.headers;
  const text = textOf(answer.body);
  http.push({
    ...{ method, url, request_sha256: sha256Hex(body), status: answer.status, headers },
    body: text ?? Buffer.from(answer.body).toString("base64"),
    encoding: text === null ? "base64" : "utf8",
  });
  return answer;
}

/** Events are never sent from a test: every one counts as taken. */
function collected(): { readonly published: FixtureEvent[]; readonly events: EventPublisher } {
  const published: FixtureEvent[] = [];
  const publish: EventPublisher["publish"] = async ({ kind, content, tags }) => {
    published.push({ kind, content, tags: tags.map((tag) => [...tag]) });
    const event_id = sha256Hex(JSON.stringify([kind, content, tags]));
    return { event_id, accepted: ["fixture"], refused: [] };
  };
  return { published, events: { publish } };
}

function refuseUngranted(grant: readonly Permission[], url: string): void {
  const host = hostOfUrl(url);
  if (host !== null && permits(grant, `network:egress:${host}`)) return;
  throw new Fault("egress_denied", `${host ?? url} is not among the hosts that were granted`);
}

function promptHash(prompt: string, home: string): string {
  return sha256Hex(prompt.replaceAll(home, "~"));
}

function takeOnce<T>(all: readonly T[]): {
  readonly take: (fits: (one: T) => boolean) => T | null;
  readonly left: () => readonly T[];
} {
  const left = [...all];
  return {
    take: (fits) => {
      const at = left.findIndex(fits);
      return at === -1 ? null : (left.splice(at, 1)[0] ?? null);
    },
    left: () => left,
  };
}

function missing(what: string): Fault {
  return new Fault("fixture_missing", `the fixtures hold no ${what.replace(/^an? /, "")}; record them with --record`);
}
