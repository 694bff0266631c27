import type { ModelGenerateParams, ModelGenerateResult } from "@oa/shared/generated/types.ts";
import type { OpContext } from "./op.ts";

/** Asks a model for text. Faults: backend_unavailable, backend_failed, canceled. */
export async function modelGenerate(params: ModelGenerateParams, context: OpContext): Promise<ModelGenerateResult> {
  const { backend, prompt, max_tokens, temperature = null, model = null } = params;
  const { signal } = context;
  const progress = (tokens: number): void => context.progress(tokens, max_tokens, "tokens");
  return context.backends.generate({ backend, prompt, max_tokens, temperature, model, signal, progress });
}
