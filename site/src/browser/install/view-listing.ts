import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail } from "@oa/shared/generated/types.ts";
import { badgesOf } from "@oa/shared/moderation/badges.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { readChoice } from "../choice.ts";
import { saidOf } from "../said.ts";
import { counted, stars } from "../words.ts";
import type { App } from "./app.ts";
import { button, declared, facts, make, turnTo } from "./elements.ts";
import type { Hiding } from "./hiding.ts";
import type { KnownInstall } from "./kept.ts";
import { type CheckedUpgrade, checkUpgrade } from "./orders.ts";
import { notice } from "./view-find.ts";
import { opinionView } from "./view-opinion.ts";
import { settingsView } from "./view-settings.ts";

/** Whether its visitor came to report it. */
interface Asked {
  readonly report: boolean;
}

/** One listing: what its author signed, and the way to a worker. */
export async function listingView(app: App, address: string, asked: Asked = { report: false }): Promise<HTMLElement> {
  const { shown, hiding } = await app.catalog.detail(address);
  if (shown === null) return hiddenView(hiding);
  const { value: detail, kept_at } = shown;
  const upgrade = checkUpgrade(detail, address);
  const hidden = hiding ?? (await app.catalog.hiddenFromOthers(address));
  const notices = [
    notice(kept_at),
    hidden === null ? null : (await import("./hiding.ts")).hidingNotice(hidden),
  ].flatMap((one) => one ?? []);
  const screen = make("div");
  if (isRejection(upgrade)) {
    screen.append(
      ...notices,
      make("h1", {}, "This listing cannot be installed"),
      make("p", { class: "bad" }, `${upgrade.message}.`),
    );
    return screen;
  }
  const install = (): void => turnTo(screen, settingsView(app, upgrade, null, back));
  const details = detailsOf(app, detail, upgrade, { install, asked });
  const back = (): void => turnTo(screen, ...notices, details);
  screen.append(...notices, details);
  return screen;
}

async function hiddenView(hiding: Hiding): Promise<HTMLElement> {
  const { hiddenView: view } = await import("./hiding.ts");
  return view(hiding, readChoice() !== null);
}

/** A listing of something installed, at its settings. */
export async function settingsOf(app: App, before: KnownInstall): Promise<HTMLElement> {
  const { shown, hiding } = await app.catalog.detail(before.listing);
  if (shown === null) return hiddenView(hiding);
  const { value: detail, kept_at } = shown;
  const upgrade = checkUpgrade(detail, before.listing);
  if (isRejection(upgrade)) return make("p", { class: "bad" }, `${upgrade.message}.`);
  const screen = make("div", {}, notice(kept_at));
  screen.append(settingsView(app, upgrade, before, () => app.go("#/installed")));
  return screen;
}

function detailsOf(
  app: App,
  detail: CatalogDetail,
  upgrade: CheckedUpgrade,
  { install, asked }: { readonly install: () => void; readonly asked: Asked },
): HTMLElement {
  const { manifest, author } = upgrade.listing;
  const said = saidOf(manifest);
  const when = [...said.schedule, ...said.conditions, ...said.triggers].join("; ");
  const { reputation, moderation } = detail.listing;
  const badges = badgesOf(moderation ?? { labels: [], featured: false });
  const npub = hexToNpub(author);
  return make(
    "article",
    {},
    make("h1", { dir: "auto" }, manifest.title),
    make("p", { class: "lead", dir: "auto" }, manifest.summary ?? ""),
    facts([
      ["Price", said.price.join()],
      ["Runs", when],
      ["Version", manifest.version],
      ["Author", make("span", {}, make("bdi", {}, manifest.author.name ?? ""), " ", make("code", {}, npub))],
      [
        "Rated",
        reputation === undefined
          ? "by nobody yet"
          : reputation.raters === 0
            ? "no rating counts yet"
            : `${stars(reputation.stars_milli)} of 5 stars by ${counted(reputation.raters, "rater")} with proof of use`,
      ],
    ]),
    badges.length === 0
      ? null
      : make("p", { class: "notice" }, `Curators say: it ${badges.map(({ says }) => says).join("; it ")}.`),
    make("p", {}, make("a", { href: `/upgrades/${author}/${manifest.id}/` }, "Its releases, ratings and signed event")),
    make("h2", {}, "What it may touch"),
    said.permissions.length === 0
      ? make("p", {}, "Nothing: it asks for no permission.")
      : make("ul", {}, ...said.permissions.map((sentence) => make("li", {}, sentence))),
    declared(said.declares),
    make("h2", {}, "What it does"),
    make("ol", {}, ...said.steps.map((step) => make("li", {}, step))),
    make("p", { class: "quiet" }, "Its id, signature and manifest were checked in this browser."),
    button("Install on a machine …", install, { class: "main" }),
    opinionView(app, upgrade, asked),
  );
}
