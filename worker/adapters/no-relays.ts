import type { RelayPool } from "./relay-pool.ts";

/** No relay at all, for a worker that its owner keeps to this machine: nothing is sent and nothing is asked. */
export const NO_RELAYS: RelayPool = {
  publish: async (_event, relays) =>
    relays.map((relay) => ({ relay, accepted: false, message: "this worker is local only" })),
  subscribe: () => {},
  query: async () => [],
  close: () => {},
};
