/** What a message is answered with: frames now, or later. */
export type Answer = readonly string[] | Promise<LateAnswer>;

/** Made when its frames leave, once all answers before them have left. */
export type LateAnswer = () => readonly string[];

/** Answers of one connection that have not left: they leave in the order of what they answer. */
export type Replies = Slot[];

interface Slot {
  /** Null until it is known. */
  frames: LateAnswer | null;
  readonly left: () => void;
}

/** Puts an answer behind those before it; `send` gets each frame when it is its turn, and `left` is called after it. */
export function reply(replies: Replies, answer: Answer, send: (frame: string) => void, left: () => void): void {
  const slot: Slot = { frames: null, left };
  replies.push(slot);
  const known = (frames: LateAnswer): void => {
    slot.frames = frames;
    for (let next = replies[0]; next !== undefined && next.frames !== null; next = replies[0]) {
      replies.shift();
      for (const frame of next.frames()) send(frame);
      next.left();
    }
  };
  if (answer instanceof Promise) void answer.then(known);
  else known(() => answer);
}
