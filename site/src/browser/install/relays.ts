import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openRelay, type Relay } from "./relay.ts";

/** The connections to relays, one for each address. */
export interface Relays {
  readonly at: (url: string) => Relay;
  readonly close: () => void;
}

export function openRelays(signAuth: (template: EventTemplate) => Promise<NostrEvent>): Relays {
  const open = new Map<string, Relay>();
  return {
    at: (url) => {
      const known = open.get(url);
      if (known !== undefined) return known;
      const made = openRelay(url, signAuth);
      open.set(url, made);
      return made;
    },
    close: () => {
      for (const relay of open.values()) relay.close();
      open.clear();
    },
  };
}

/** The relay that the edge which serves this page is. */
export function ownRelay(origin: string): string {
  return `${origin.replace(/^http/, "ws")}/`;
}
