import { isRejection } from "@oa/shared/core/refusal.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { type Bunker, bunkerAddress, parseBunker } from "@oa/shared/nostr/remote-signing.ts";
import type { App } from "./app.ts";
import { button, field, make, pressOnEnter } from "./elements.ts";
import { extensionSigner, findExtension } from "./extension-signer.ts";
import type { KeptKey } from "./kept.ts";
import { decryptKey, encryptKey, localSigner } from "./local-signer.ts";
import { qrPicture } from "./qr-picture.ts";
import { random } from "./random.ts";
import { ownRelay } from "./relays.ts";
import { awaitSigner, remoteSigner } from "./remote-signer.ts";
import type { Signer } from "./signer.ts";

/** The coordinator's key: none yet, locked, or open. */
export function keyView(app: App): HTMLElement {
  const { key } = app.box.read();
  const again = (): void => app.go("#/key");
  if (key === null) return newKeyView(app, again);
  return app.session.signer() === null ? lockedView(app, key, again) : openView(app, key, again);
}

/** Shows the web address on which a signer wants its owner to confirm; opened by the owner alone. */
function showPage(where: HTMLElement): (url: string) => void {
  return (url) => {
    const link = make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, "Confirm it at your signer");
    where.replaceChildren(make("p", { class: "notice" }, link));
  };
}

function passphraseField(
  name: string,
  label: string,
  hint = "",
): { readonly input: HTMLInputElement; readonly row: HTMLElement } {
  const input = make("input", {
    type: "password",
    name,
    autocomplete: name === "passphrase" ? "current-password" : "new-password",
  });
  return { input, row: field(label, input, hint) };
}

function newKeyView(app: App, again: () => void): HTMLElement {
  const keep = (key: KeptKey, signer: Signer): void => {
    app.box.change((kept) => ({ ...kept, key }));
    app.session.open(signer);
    if (app.invitation === null) again();
    else app.go("#/pair");
  };
  return make(
    "section",
    {},
    make("h1", {}, "Your key"),
    make(
      "p",
      {},
      "It signs what you order, rate and report. Your machines obey no other. There is no account: the key is made here, stays with you, and nobody else can use it.",
    ),
    localChoice(keep),
    extensionChoice(keep),
    remoteChoice(keep),
  );
}

type Keep = (key: KeptKey, signer: Signer) => void;

function localChoice(keep: Keep): HTMLElement {
  const { input, row } = passphraseField(
    "new-passphrase",
    "A passphrase",
    "At least 8 characters. Nobody can restore it.",
  );
  const old = make("input", { name: "ncryptsec", type: "text", autocomplete: "off", spellcheck: "false" });
  const make_key = async (): Promise<void> => {
    const text = old.value.trim();
    const secret_key = text === "" ? random(32) : await decryptKey(text, input.value);
    const { ncryptsec, public_key } = encryptKey(secret_key, input.value);
    input.value = "";
    keep({ kind: "local", public_key, ncryptsec }, localSigner(secret_key));
  };
  const making = button("Make the key", make_key, { class: "main" });
  pressOnEnter(input, making);
  return make(
    "article",
    { class: "card" },
    make("h2", {}, "A new key in this browser"),
    make("p", {}, "It is kept encrypted under your passphrase, and locks itself when you leave the page alone."),
    row,
    make("details", {}, make("summary", {}, "I have an encrypted key"), field("ncryptsec1…", old)),
    making,
  );
}

function extensionChoice(keep: Keep): HTMLElement {
  const connect = async (): Promise<void> => {
    const signer = await extensionSigner();
    keep({ kind: "extension", public_key: signer.public_key }, signer);
  };
  const card = make("article", { class: "card" });
  const draw = (): void => {
    const none = findExtension() === null;
    const text = none
      ? "This browser has none that signs for Nostr (NIP-07)."
      : "Your extension keeps the key (NIP-07).";
    card.replaceChildren(
      make("h2", {}, "A browser extension"),
      make("p", {}, text),
      ...(none ? [] : [button("Use the extension", connect)]),
    );
  };
  draw();
  // Some extensions come into a page after its own scripts.
  if (document.readyState !== "complete") addEventListener("load", draw, { once: true });
  return card;
}

function remoteChoice(keep: Keep): HTMLElement {
  const address = make("input", {
    name: "bunker",
    type: "text",
    placeholder: "bunker://…",
    autocomplete: "off",
    spellcheck: "false",
  });
  const { input, row } = passphraseField("bunker-passphrase", "A passphrase for this page's own key to the signer");
  const place = make("div");
  const use = async (bunker: Bunker, client_key: Uint8Array): Promise<void> => {
    const { ncryptsec } = encryptKey(client_key, input.value);
    const signer = await remoteSigner(bunker, client_key, showPage(place));
    input.value = "";
    keep({ kind: "remote", public_key: signer.public_key, ncryptsec, address: bunkerAddress(bunker) }, signer);
  };
  const paste = async (): Promise<void> => {
    const bunker = parseBunker(address.value.trim());
    if (isRejection(bunker)) throw new Error(bunker.message);
    await use(bunker, random(32));
  };
  const show = async (): Promise<void> => {
    const client_key = random(32);
    encryptKey(client_key, input.value); // says first what is wrong with the passphrase
    const bunker = await awaitSigner([ownRelay(location.origin)], client_key, (text) => {
      place.replaceChildren(qrPicture(text), make("p", { class: "address" }, make("code", {}, text)));
    });
    place.replaceChildren();
    await use(bunker, client_key);
  };
  return make(
    "article",
    { class: "card" },
    make("h2", {}, "A signer elsewhere"),
    make(
      "p",
      {},
      "Another app or device keeps the key and is asked over a relay, a server that passes signed messages on (NIP-46).",
    ),
    row,
    field("Its address", address),
    button("Connect", paste),
    button("Show a code for it instead", show),
    place,
  );
}

function lockedView(app: App, key: KeptKey, again: () => void): HTMLElement {
  const { input, row } = passphraseField("passphrase", "Passphrase");
  const place = make("div");
  const unlock = async (): Promise<void> => {
    app.session.open(await openKept(key, input.value, showPage(place)));
    input.value = "";
    if (app.invitation === null) again();
    else app.go("#/pair");
  };
  const unlocking = button("Unlock", unlock, { class: "main" });
  pressOnEnter(input, unlocking);
  return make(
    "section",
    {},
    make("h1", {}, "Your key is locked"),
    make("p", {}, make("code", { class: "whole" }, hexToNpub(key.public_key))),
    key.kind === "extension" ? null : row,
    unlocking,
    place,
    forgetting(app, again),
  );
}

/** Opens a key as it was kept. Faults: passphrase_wrong, signer_answer_wrong for another key than before. */
async function openKept(key: KeptKey, passphrase: string, show: (url: string) => void): Promise<Signer> {
  const signer = await signerOf(key, passphrase, show);
  if (signer.public_key === key.public_key) return signer;
  signer.close();
  throw new Error("the signer has another key now: forget the old one to use it");
}

async function signerOf(key: KeptKey, passphrase: string, show: (url: string) => void): Promise<Signer> {
  if (key.kind === "extension") return extensionSigner();
  const secret_key = await decryptKey(key.ncryptsec, passphrase);
  if (key.kind === "local") return localSigner(secret_key);
  const bunker = parseBunker(key.address);
  if (isRejection(bunker)) throw new Error(bunker.message);
  return remoteSigner(bunker, secret_key, show);
}

function openView(app: App, key: KeptKey, again: () => void): HTMLElement {
  const lock = (): void => {
    app.session.lock();
    again();
  };
  return make(
    "section",
    {},
    make("h1", {}, "Your key is unlocked"),
    make("p", {}, "Its public half, which you may show to anybody:"),
    make("p", {}, make("code", { class: "whole" }, hexToNpub(key.public_key))),
    make("p", {}, "The same in hex, as a machine shows it while you pair:"),
    make("p", {}, make("code", { class: "whole" }, key.public_key)),
    key.kind === "extension"
      ? null
      : make("p", { class: "quiet" }, "It locks itself after ten minutes in which nobody uses this page."),
    button("Lock now", lock),
    key.kind === "local"
      ? make(
          "details",
          {},
          make("summary", {}, "Back it up"),
          make("p", {}, "This text is your key, encrypted under your passphrase. Keep both, apart."),
          make("p", {}, make("code", { class: "whole" }, key.ncryptsec)),
        )
      : null,
    forgetting(app, again),
  );
}

function forgetting(app: App, again: () => void): HTMLElement {
  const sure = make("input", { type: "checkbox", name: "sure" });
  const forget = (): void => {
    if (!sure.checked) throw new Error("say first that you are sure");
    app.session.lock();
    app.box.change((kept) => ({ ...kept, key: null }));
    again();
  };
  return make(
    "details",
    {},
    make("summary", {}, "Forget this key"),
    make("label", { class: "check" }, sure, "I have a backup, or do not need it: it cannot be restored."),
    button("Forget it", forget, { class: "plain" }),
  );
}
