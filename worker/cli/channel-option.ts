import type { InstallChannel } from "@oa/shared/generated/types.ts";
import type { TextOption } from "./command.ts";

const CHANNELS: readonly InstallChannel[] = ["main", "beta", "nightly", "dev"];

/** `--channel` of every command that looks at a listing. */
export const CHANNEL_OPTION = {
  type: "text",
  value: "NAME",
  summary: "As a follower of this channel sees the listing; main, or what its install follows, where it is not named",
  choices: CHANNELS,
} as const satisfies TextOption;

/** The channel in a request; nothing where none was named. */
export function channelIn(text: string | undefined): { readonly channel?: InstallChannel } {
  const channel = CHANNELS.find((name) => name === text);
  return channel === undefined ? {} : { channel };
}
