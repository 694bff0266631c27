import type { Invitation } from "@oa/shared/pairing/invitation.ts";
import type { Catalog } from "./catalog.ts";
import type { Box } from "./kept.ts";
import type { Relays } from "./relays.ts";
import type { Session } from "./session.ts";

/** What every view works with. */
export interface App {
  readonly box: Box;
  readonly session: Session;
  readonly relays: Relays;
  readonly catalog: Catalog;
  /** The browser's time zone. */
  readonly zone: string;
  readonly go: (path: string) => void;
  /** Looks for what workers left in mailboxes. Faults: unreachable, signer_refused. */
  readonly readMailbox: () => Promise<void>;
  /** An invitation that was scanned or opened, and not used yet: it holds a secret, so it is in memory alone. */
  invitation: Invitation | null;
}
