import { Fault } from "@oa/shared/core/refusal.ts";
import type { Artifacts } from "../adapters/artifacts.ts";
import type { Secrecy } from "../adapters/secrecy.ts";
import type { EventPublisher } from "../ops/op.ts";
import type { Effects } from "./perform.ts";

/** What a run may do, with secrets kept out of prompts, vectors and what is published. The network has its own guard. */
export function guardedEffects(effects: Effects, secrecy: Secrecy): Effects {
  const { backends } = effects;
  return {
    ...effects,
    backends: {
      ...backends,
      generate: (request) => backends.generate({ ...request, prompt: secrecy.clean(request.prompt) }),
      embed: (request) => backends.embed({ ...request, texts: request.texts.map((text) => secrecy.clean(text)) }),
    },
    events: guardedPublisher(effects.events, secrecy),
  };
}

/** A publisher that refuses to make a secret public. Fault: secret_leak. */
export function guardedPublisher(events: EventPublisher, secrecy: Secrecy): EventPublisher {
  return {
    publish: async (template, options) => {
      const found = secrecy.find(template.content) ?? secrecy.find(JSON.stringify(template.tags));
      if (found === null) return events.publish(template, options);
      throw new Fault("secret_leak", `the event of kind ${template.kind} holds ${found}, so it was not published`);
    },
  };
}

/** Outputs of runs, kept without the secrets that stand in them. */
export function cleanArtifacts(artifacts: Artifacts, secrecy: Secrecy): Artifacts {
  return { ...artifacts, put: async (bytes) => artifacts.put(await secrecy.cleanBytes(bytes)) };
}
