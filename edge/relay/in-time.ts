import { LIMITS } from "@oa/shared/core/limits.ts";

/** What a call between the relay's objects came to; throws where it takes longer than any should. */
export async function inTime<T>(call: () => Promise<T>): Promise<T> {
  let timer: number | null = null;
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => refuse(new Error("it did not answer in time")), LIMITS.relay_call_ms);
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    clearTimeout(timer);
  }
}
