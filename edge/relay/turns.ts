import { LIMITS } from "@oa/shared/core/limits.ts";

/** A message that waits for its turn, or is in hand. */
export interface Said<S> {
  readonly sender: S;
  readonly text: string;
}

/**
 * What senders have said and is not answered: each has its turn, so that whoever says much waits behind nobody but
 * themselves. Nobody may hold more of the room, or have more in hand, than is still free for others.
 */
export interface Turns<S> {
  /** False where there is no room for it: it does not wait. */
  readonly put: (sender: S, text: string) => boolean;
  /** The next messages, of each sender in the order they came: they are in hand from now on. */
  readonly take: (most: number) => readonly Said<S>[];
  /** Its answer is known: another may be taken. */
  readonly answered: (said: Said<S>) => void;
  /** Its answer has left: its room is free. */
  readonly left: (said: Said<S>) => void;
  /** The sender has gone: what waits of it is dropped. */
  readonly drop: (sender: S) => void;
  readonly isWaiting: () => boolean;
}

/** `chars`: what all may hold together. `in_hand`: how many messages may be in hand. */
export function takingTurns<S>({ chars, in_hand }: { readonly chars: number; readonly in_hand: number }): Turns<S> {
  const waiting = new Map<S, string[]>();
  const room = sharedRoom<S>(chars);
  const hands = sharedRoom<S>(in_hand);
  return {
    put: (sender, text) => {
      if (charsOf(text) > room.mayTake(sender)) return false;
      room.add(sender, charsOf(text));
      const texts = waiting.get(sender);
      if (texts === undefined) waiting.set(sender, [text]);
      else texts.push(text);
      return true;
    },
    take: (most) => {
      const taken: Said<S>[] = [];
      const share = Math.max(1, Math.floor(most / Math.max(1, waiting.size)));
      for (const [sender, texts] of [...waiting]) {
        const some = texts.splice(0, Math.min(share, most - taken.length, hands.mayTake(sender)));
        hands.add(sender, some.length);
        for (const text of some) taken.push({ sender, text });
        if (some.length === 0) continue;
        // Behind the others, until it is its turn again.
        waiting.delete(sender);
        if (texts.length > 0) waiting.set(sender, texts);
      }
      return taken;
    },
    answered: ({ sender }) => hands.add(sender, -1),
    left: ({ sender, text }) => room.add(sender, -charsOf(text)),
    drop: (sender) => {
      for (const text of waiting.get(sender) ?? []) room.add(sender, -charsOf(text));
      waiting.delete(sender);
    },
    isWaiting: () => waiting.size > 0,
  };
}

function charsOf(text: string): number {
  return text.length + LIMITS.relay_message_around_chars;
}

/** Room that many share: of what is free each may take so much that as much as they then hold is left. */
function sharedRoom<S>(size: number): {
  readonly mayTake: (sender: S) => number;
  readonly add: (sender: S, amount: number) => void;
} {
  const held = new Map<S, number>();
  let free = size;
  return {
    mayTake: (sender) => Math.max(0, Math.floor((free - (held.get(sender) ?? 0)) / 2)),
    add: (sender, amount) => {
      free -= amount;
      const now = (held.get(sender) ?? 0) + amount;
      if (now === 0) held.delete(sender);
      else held.set(sender, now);
    },
  };
}
