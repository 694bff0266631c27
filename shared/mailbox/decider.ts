import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { MailboxEvent } from "../generated/types.ts";

/** The install mailbox of one worker: who may leave sealed configs in it, and which wait to be taken. */
export interface MailboxState {
  readonly signers: ReadonlySet<string>;
  /** Who left each waiting deposit, by its id. */
  readonly waiting: ReadonlyMap<string, string>;
}

/** `by` is the key that signed the request; `worker` the one the mailbox belongs to. */
export type MailboxCommand = { readonly by: string; readonly worker: string } & (
  | { readonly command: "set_signers"; readonly signers: readonly string[] }
  | { readonly command: "deposit"; readonly deposit_id: string; readonly recipient: string | undefined }
  | { readonly command: "acknowledge"; readonly deposit_id: string }
  /** What has waited too long, by the mailbox's own clock. */
  | { readonly command: "expire"; readonly deposit_ids: readonly string[] }
);

/**
 * Only the worker names signers and takes deposits; only named signers leave them. A repeat changes nothing.
 * Refusals: not_permitted, schema_invalid, mailbox_full, not_found.
 */
export const mailbox: Decider<MailboxState, MailboxEvent, MailboxCommand> = {
  initial: { signers: new Set(), waiting: new Map() },

  evolve(state, event) {
    switch (event.event_type) {
      case "mailbox.signers_set": {
        const signers = new Set(event.data.signers);
        return { signers, waiting: new Map([...state.waiting].filter(([, signer]) => signers.has(signer))) };
      }
      case "mailbox.deposited":
        return { ...state, waiting: new Map([...state.waiting, [event.data.deposit_id, event.data.signer]]) };
      case "mailbox.acknowledged": {
        const waiting = new Map(state.waiting);
        waiting.delete(event.data.deposit_id);
        return { ...state, waiting };
      }
      case "mailbox.expired": {
        const gone = new Set(event.data.deposit_ids);
        return { ...state, waiting: new Map([...state.waiting].filter(([id]) => !gone.has(id))) };
      }
      default:
        return assertNever(event);
    }
  },

  decide(state, command) {
    switch (command.command) {
      case "set_signers":
        if (command.by !== command.worker) return notTheWorker(command.worker);
        if (sameSet(state.signers, command.signers)) return [];
        return [{ event_type: "mailbox.signers_set", data: { signers: [...command.signers] } }];
      case "deposit":
        return deposit(state, command);
      case "acknowledge":
        if (command.by !== command.worker) return notTheWorker(command.worker);
        if (!state.waiting.has(command.deposit_id)) {
          return reject("not_found", `no deposit ${command.deposit_id} is waiting`);
        }
        return [{ event_type: "mailbox.acknowledged", data: { deposit_id: command.deposit_id } }];
      case "expire": {
        const deposit_ids = command.deposit_ids.filter((id) => state.waiting.has(id));
        return deposit_ids.length === 0 ? [] : [{ event_type: "mailbox.expired", data: { deposit_ids } }];
      }
      default:
        return assertNever(command);
    }
  },
};

function deposit(
  state: MailboxState,
  { by, worker, deposit_id, recipient }: Extract<MailboxCommand, { readonly command: "deposit" }>,
): readonly MailboxEvent[] | Rejection {
  if (!state.signers.has(by)) return reject("not_permitted", `${by} is not paired with worker ${worker}`);
  if (recipient !== worker) return reject("schema_invalid", `the sealed event's p tag is not the worker ${worker}`);
  if (state.waiting.has(deposit_id)) return [];
  const own = [...state.waiting.values()].filter((signer) => signer === by).length;
  if (state.waiting.size >= LIMITS.mailbox_deposits || own >= LIMITS.mailbox_deposits_per_signer) {
    return reject("mailbox_full", `worker ${worker} has not taken what waits in its mailbox: there is no room`);
  }
  return [{ event_type: "mailbox.deposited", data: { deposit_id, signer: by } }];
}

function notTheWorker(worker: string): Rejection {
  return reject("not_permitted", `only worker ${worker} may do this with its mailbox`);
}

function sameSet(current: ReadonlySet<string>, wanted: readonly string[]): boolean {
  return current.size === wanted.length && wanted.every((signer) => current.has(signer));
}
