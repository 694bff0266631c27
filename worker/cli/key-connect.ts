import { isRejection } from "@oa/shared/core/refusal.ts";
import { relaysOf } from "./author-options.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["key", "connect"],
  summary: "Show an address for a remote signer and wait until it connects (NIP-46)",
  options: {
    relay: {
      type: "text",
      value: "URL",
      summary: "A relay to meet at; the worker's own where none is given",
      repeat: true,
    },
  },
  examples: ["oa key connect --relay wss://relay.example.com"],
  run: async ({ options, data_dir, env, note, print, signal }) => {
    const [{ awaitSigner, openRemoteSigner }, { openRelayPool }, { loadSchnorr }, { loadOrCreateKey }] =
      await Promise.all([
        import("../adapters/remote-signer.ts"),
        import("../adapters/relay-pool.ts"),
        import("../adapters/schnorr.ts"),
        import("../adapters/keys.ts"),
      ]);
    const [{ CLIENT_KEY }, { bunkerAddress }, { hexToNpub }, { readConfig }, { plain }] = await Promise.all([
      import("./author-signer.ts"),
      import("@oa/shared/nostr/remote-signing.ts"),
      import("@oa/shared/nostr/npub.ts"),
      import("../config.ts"),
      import("./terminal.ts"),
    ]);
    const relays = relaysOf(options.relay, await readConfig(data_dir, env));
    if (isRejection(relays)) return relays;
    const schnorr = await loadSchnorr();
    const pool = openRelayPool({ schnorr });
    try {
      const client = await loadOrCreateKey(data_dir, CLIENT_KEY);
      const show = (address: string): void => note(`Open this in your signer:\n\n  ${address}\n`);
      const bunker = await awaitSigner(relays, { pool, client, signal, show });
      const showPage = (url: string): void => note(`Your signer asks you to confirm at ${plain(url)}`);
      const connected = await openRemoteSigner(bunker, { pool, schnorr, client, signal, showPage });
      connected.close();
      const signer = bunkerAddress(bunker);
      const npub = hexToNpub(connected.public_key);
      print({ signer, public_key: connected.public_key, npub }, () =>
        [`Connected: it signs as ${npub}.`, `Sign with it: --signer '${signer}', or "signer" in config.json.`].join(
          "\n",
        ),
      );
      return 0;
    } finally {
      pool.close();
    }
  },
});
