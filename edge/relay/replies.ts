/** What a message is answered with: frames now, or later. */
export type Answer = readonly string[] | Promise<LateAnswer>;

export interface LateAnswer {
  /** Made when they leave, once all answers before them have left. */
  readonly frames: () => readonly string[];
  /** What follows when the answer is known, after its frames where they can leave at once. */
  readonly then_do?: () => void;
}

/** Answers of one connection that have not left: they leave in the order of what they answer. */
export type Replies = Slot[];

interface Slot {
  /** Null until it is known. */
  frames: (() => readonly string[]) | null;
  readonly left: () => void;
}

/** Puts an answer behind those before it; `send` gets each frame when it is its turn, and `left` is called after it. */
export function reply(replies: Replies, answer: Answer, send: (frame: string) => void, left: () => void): void {
  const slot: Slot = { frames: null, left };
  replies.push(slot);
  const known = ({ frames, then_do }: LateAnswer): void => {
    slot.frames = frames;
    for (let next = replies[0]; next !== undefined && next.frames !== null; next = replies[0]) {
      replies.shift();
      for (const frame of next.frames()) send(frame);
      next.left();
    }
    then_do?.();
  };
  if (answer instanceof Promise) void answer.then(known);
  else known({ frames: () => answer });
}
