import type { InstallHistoryEntry } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { FULL_OPTION, keyRows, keyText, pairingNames } from "./key-text.ts";
import { plain } from "./terminal.ts";
import { hereText } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["installs", "history"],
  summary: "Show every consent to an install and what became of it: who, when, and of which release",
  arguments: { install: { summary: INSTALL_NAME } },
  options: { full: FULL_OPTION },
  examples: ["oa installs history nightly-index", "oa installs history me.watch --json"],
  run: async ({ api, args, options, print, style }) => {
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const path = `/v1/installs/${install.install_id}/history`;
    const answer = await client.get<{ readonly history: readonly InstallHistoryEntry[] }>(path);
    if (isRejection(answer)) return answer;
    const paired = await client.get<{ readonly pairings: readonly PairingView[] }>("/v1/pairings");
    const names = pairingNames(isRejection(paired) ? [] : paired.pairings);
    const keys = answer.history.map(({ actor_id }) => actor_id).filter(isHex32);
    const shown = { full: options.full, names };
    print({ ...answer, keys: keyRows(keys, names) }, () =>
      answer.history
        .flatMap(({ at, type, actor_type, actor_id, release, what }, index, all) => [
          `${hereText(at)}  ${style("bold", type)}  by ${actor_type} ${plain(isHex32(actor_id) ? keyText(actor_id, shown) : actor_id)}`,
          `    ${plain(what)}`,
          // Said once, and again where it is another.
          ...(release === null || release.release_event_id === all[index - 1]?.release?.release_event_id
            ? []
            : [
                `    release ${release.release_event_id}`,
                `    manifest ${release.manifest_sha256}, permissions ${release.permission_hash}`,
              ]),
        ])
        .join("\n"),
    );
    return 0;
  },
});
