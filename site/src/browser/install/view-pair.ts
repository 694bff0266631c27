import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Invitation, parseInvitation } from "@oa/shared/pairing/invitation.ts";
import { counted } from "../words.ts";
import type { App } from "./app.ts";
import { hasCamera, scan } from "./camera.ts";
import { sendClaim } from "./deliver.ts";
import { button, facts, field, keyNotice, make, shortKey, turnTo } from "./elements.ts";
import { withClaim } from "./kept.ts";
import { nowSeconds } from "./random.ts";

/** Pairing with a machine: by camera, by a link, or by pasting what it shows. */
export function pairView(app: App): { readonly content: HTMLElement; readonly leave: () => void } {
  const screen = make("section");
  let stop = (): void => {};
  const offer = (invitation: Invitation): void => {
    stop();
    app.invitation = invitation;
    turnTo(screen, offerView(app, invitation));
  };
  if (app.invitation !== null) offer(app.invitation);
  else
    screen.append(
      ...readers(offer, (end) => {
        stop = end;
      }),
    );
  return { content: screen, leave: () => stop() };
}

function readers(
  offer: (invitation: Invitation) => void,
  scanning: (stop: () => void) => void,
): readonly HTMLElement[] {
  const pasted = make("textarea", { name: "invitation", rows: "4", spellcheck: "false", autocapitalize: "off" });
  const take = (text: string): void => {
    const invitation = parseInvitation(text);
    if (isRejection(invitation)) throw new Error(invitation.message);
    offer(invitation);
  };
  const video = make("video", { class: "camera", playsinline: true, hidden: true });
  const look = async (): Promise<void> => {
    video.hidden = false;
    const stop = await scan(video, (text) => {
      const invitation = parseInvitation(text);
      if (!isRejection(invitation)) offer(invitation);
    }).catch((error: unknown) => {
      video.hidden = true;
      throw new Error(
        `the camera cannot be used (${error instanceof Error ? error.message : String(error)}): paste the text instead`,
      );
    });
    scanning(stop);
  };
  return [
    make("h1", {}, "Pair a machine"),
    make(
      "p",
      {},
      "On the machine, run ",
      make("code", {}, "oa pair add --label phone --results"),
      ". It shows a code and its text. No ",
      make("code", {}, "oa"),
      " there yet? ",
      make("a", { href: "/docs/guides/five-minutes/" }, "Set it up in five minutes"),
      ".",
    ),
    ...(hasCamera() ? [button("Scan the code", look, { class: "main" }), video] : []),
    field("Or paste its text", pasted),
    button("Go on", () => take(pasted.value)),
  ];
}

function offerView(app: App, invitation: Invitation): HTMLElement {
  const { worker, relays, expires_at } = invitation;
  const minutes = Math.ceil((expires_at - nowSeconds()) / 60);
  const signer = app.session.signer();
  const pair = async (): Promise<void> => {
    await sendClaim(invitation, app.session.require(), app.relays);
    app.invitation = null;
    app.box.change((kept) => withClaim(kept, invitation));
    app.go("#/workers");
  };
  return make(
    "div",
    {},
    make("h1", {}, "Pair with this machine?"),
    facts([
      ["Its key", shortKey(worker)],
      ["Reached at", relays.join(", ")],
      ["Good for", minutes > 0 ? `${counted(minutes, "more minute")}` : "no longer: it has expired"],
    ]),
    make(
      "p",
      {},
      "It will let you order installs up to what its owner allowed. Compare the keys on both before you confirm there.",
    ),
    signer === null
      ? keyNotice(app.box.read().key !== null, "Pairing is signed")
      : make("p", {}, "Your key: ", make("code", { class: "whole" }, signer.public_key)),
    button("Pair", pair, { class: "main" }),
  );
}
