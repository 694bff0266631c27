import type { Decider } from "../core/decider.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { OutwardEnded, OutwardEvent, OutwardWrite } from "../generated/types.ts";

/** One thing that left in the name of the owner, an author or this worker, outside of any run, or was to. */
export interface OutwardState {
  readonly status: "none" | "begun" | "refused" | "ended";
}

export type OutwardCommand =
  /** `refusal`: what the policy has against it; null: nothing. */
  | {
      readonly type: "begin";
      readonly write: OutwardWrite;
      readonly refusal: Pick<Rejection, "code" | "message"> | null;
      readonly now_ms: number;
    }
  | ({ readonly type: "end"; readonly now_ms: number } & Pick<OutwardEnded["data"], "accepted" | "refused">);

/** The record of it: begun or refused before it is sent, ended once it was. Refusals: already_decided, not_found. */
export const outwardDecider: Decider<OutwardState, OutwardEvent, OutwardCommand> = {
  initial: { status: "none" },
  evolve: (_, event) => {
    switch (event.event_type) {
      case "outward.begun":
        return { status: "begun" };
      case "outward.refused":
        return { status: "refused" };
      case "outward.ended":
        return { status: "ended" };
      default:
        return assertNever(event);
    }
  },
  decide: ({ status }, command): readonly OutwardEvent[] | Rejection => {
    const { now_ms: at_ms } = command;
    if (command.type === "begin") {
      const { write, refusal } = command;
      if (status !== "none") return reject("already_decided", "this was begun or refused before");
      if (refusal === null) return [{ event_type: "outward.begun", data: { write, at_ms } }];
      const { code, message } = refusal;
      return [{ event_type: "outward.refused", data: { write, code, message, at_ms } }];
    }
    if (status === "none") return reject("not_found", "nothing was begun under this id");
    if (status !== "begun") return reject("already_decided", `this was ${status} before`);
    const { accepted, refused } = command;
    return [{ event_type: "outward.ended", data: { accepted, refused, at_ms } }];
  },
};
