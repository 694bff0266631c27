import { Fault } from "@oa/shared/core/refusal.ts";

/** A model's numbers as a vector of length 1; refuses another count than asked for, and what is no direction. */
export function unitVector(values: readonly number[], dim: number | null, model: string): Float32Array {
  if (dim !== null && values.length !== dim) {
    throw new Fault(
      "embedding_mismatch",
      `${model} makes vectors of ${values.length} numbers, the step asks for dim ${dim}: set dim to ${values.length}`,
    );
  }
  let norm = 0;
  for (const value of values) norm += value * value;
  if (!Number.isFinite(norm) || norm === 0) {
    throw new Fault("backend_failed", `${model} made a vector with no direction`, { retryable: true });
  }
  return Float32Array.from(values, (value) => value / Math.sqrt(norm));
}
