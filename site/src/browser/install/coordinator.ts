import { isRejection } from "@oa/shared/core/refusal.ts";
import { parseInvitation } from "@oa/shared/pairing/invitation.ts";
import { readChoice } from "../choice.ts";
import type { App } from "./app.ts";
import { openCatalog } from "./catalog.ts";
import { arriveAt, button, make, nameAfter, sentenceOfError } from "./elements.ts";
import { openBox } from "./kept.ts";
import { type Listening, listenToWorkers } from "./listen.ts";
import { openRelays } from "./relays.ts";
import { openSession } from "./session.ts";
import { startOffline } from "./start-offline.ts";
import { changeView } from "./view-change.ts";
import { findView } from "./view-find.ts";
import { installedView } from "./view-installed.ts";
import { keyView } from "./view-key.ts";
import { listingView } from "./view-listing.ts";
import { pairView } from "./view-pair.ts";
import { workersView } from "./view-workers.ts";

interface View {
  readonly content: HTMLElement | Promise<HTMLElement>;
  /** Shown anew when what the page remembers changes; a view with a form of its own is not. */
  readonly live: boolean;
  /** Ends what goes on in it: a camera. */
  readonly leave?: () => void;
}

/** The coordinator: shows, signs and sends; it never executes anything. */
export function startCoordinator(): void {
  const screen = document.querySelector<HTMLElement>("#screen");
  const state = document.querySelector<HTMLElement>("#state");
  const offline = document.querySelector<HTMLElement>("#offline");
  if (screen === null || state === null || offline === null) return;
  const box = openBox(localStorage);
  let shown: View | null = null;
  let drawn = 0;
  let listening: Listening | null = null;

  const sessionChanged = (): void => {
    listening?.stop();
    const signer = session.signer();
    listening = signer === null ? null : listenToWorkers(box, signer, relays, console.warn);
    void drawState();
    if (shown?.live === true) void draw();
  };
  const session = openSession(sessionChanged);
  const relays = openRelays((template) => session.require().sign(template));
  const app: App = {
    ...{ box, session, relays },
    catalog: openCatalog(
      () => [location.origin, ...box.read().workers.flatMap(({ edge_url }) => edge_url ?? [])],
      readChoice,
    ),
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    go: (path) => {
      if (location.hash === path) void draw(true);
      else location.hash = path;
    },
    readMailbox: async () => {
      session.require();
      await listening?.readMailbox();
    },
    invitation: null,
  };

  const drawState = (): void => {
    const { key } = box.read();
    state.textContent = key === null ? "No key yet" : session.signer() === null ? "Locked" : "Unlocked";
    state.className = session.signer() === null ? "locked" : "open";
  };
  const drawNetwork = (): void => {
    offline.hidden = navigator.onLine;
  };
  const draw = async (arrived = false): Promise<void> => {
    drawn += 1;
    const turn = drawn;
    shown?.leave?.();
    const view = viewOf(app, location.hash);
    shown = view;
    for (const link of document.querySelectorAll<HTMLAnchorElement>("nav.tabs a")) {
      const here = link.hash === tabOf(location.hash);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const content = await Promise.resolve(view.content).catch((error: unknown) =>
      failedView(sentenceOfError(error), () => void draw(true)),
    );
    // What was asked for before may be ready after.
    if (turn !== drawn) return;
    const place = screen.contains(document.activeElement) ? placeOf(document.activeElement) : null;
    screen.replaceChildren(content);
    if (arrived) arriveAt(screen);
    else nameAfter(screen);
    if (place !== null && !arrived) focusAt(screen, place);
    content.querySelector("details[open]")?.scrollIntoView();
  };
  const arrive = (first = false): void => {
    const invitation = location.hash.startsWith("#pair=") ? parseInvitation(location.hash) : null;
    if (invitation !== null) {
      // The secret does not stay in the address, where history would keep it.
      history.replaceState(null, "", "#/pair");
      if (!isRejection(invitation)) app.invitation = invitation;
    }
    screen.scrollTo(0, 0);
    void draw(!first);
  };

  box.onChange(() => {
    drawState();
    if (shown?.live === true) void draw();
  });
  addEventListener("hashchange", () => arrive());
  for (const name of ["online", "offline"]) addEventListener(name, drawNetwork);
  for (const sign of ["pointerdown", "keydown", "visibilitychange"]) {
    document.addEventListener(sign, () => session.touch(), { passive: true });
  }
  if (location.hash === "") history.replaceState(null, "", "#/");
  startOffline();
  drawState();
  drawNetwork();
  arrive(true);
}

/** What could not be shown, why, and the ways on. */
function failedView(why: string, again: () => void): HTMLElement {
  return make(
    "section",
    {},
    make("h1", {}, "It cannot be shown"),
    make("p", { class: "bad", role: "alert" }, why),
    button("Try again", again),
    make("p", {}, make("a", { href: "#/" }, "Find an upgrade")),
  );
}

interface Place {
  /** The card that it stands in, by what the card is of. */
  readonly card: string;
  readonly text: string;
}

function placeOf(element: Element | null): Place {
  const card = element?.closest<HTMLElement>("[data-install], [data-worker]")?.dataset;
  return { card: card?.install ?? card?.worker ?? "", text: element?.textContent ?? "" };
}

/** Whoever stood at a button stands at it again after a view was shown anew, or else at the beginning of its card. */
function focusAt(screen: HTMLElement, { card, text }: Place): void {
  const all = [...screen.querySelectorAll<HTMLElement>("a, button")].filter((one) => placeOf(one).card === card);
  (all.find((one) => one.textContent === text) ?? all[0])?.focus({ preventScroll: true });
}

function viewOf(app: App, hash: string): View {
  const [, name = "", rest = ""] = /^#\/([a-z]*)\/?(.*)$/.exec(hash) ?? [];
  switch (name) {
    case "listing":
      return { content: listingView(app, decodedPart(rest)), live: false };
    case "report":
      return { content: listingView(app, decodedPart(rest), { report: true }), live: false };
    case "change":
      return { content: changeView(app, decodedPart(rest)), live: false };
    case "installed":
      return { content: installedView(app), live: true };
    case "workers":
      return { content: workersView(app), live: true };
    case "pair": {
      const { content, leave } = pairView(app);
      return { content, leave, live: false };
    }
    case "key":
      return { content: keyView(app), live: false };
    default:
      return { content: findView(app), live: false };
  }
}

/** The tab under which a place is found. */
function tabOf(hash: string): string {
  const [, name = ""] = /^#\/([a-z]*)/.exec(hash) ?? [];
  if (name === "change") return "#/installed";
  if (name === "pair") return "#/workers";
  return ["installed", "workers", "key"].includes(name) ? `#/${name}` : "#/";
}

function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no listing has such a name
  }
}
