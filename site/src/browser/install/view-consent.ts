import { whenSentence } from "@oa/shared/api/consent.ts";
import { priceInWords } from "@oa/shared/core/price-words.ts";
import { saidOf } from "../said.ts";
import type { App } from "./app.ts";
import { fits, sendOrder } from "./deliver.ts";
import { button, declared, facts, make, shortKey } from "./elements.ts";
import { type KnownInstall, type KnownWorker, nextRevision, withOrder } from "./kept.ts";
import { newInstallId, orderOf, type Review } from "./orders.ts";
import { nowSeconds, random } from "./random.ts";

/** The permission screen: exactly what is agreed to, in plain words, and the order that says so. */
export function consentView(
  app: App,
  review: Review,
  worker: KnownWorker,
  before: KnownInstall | null,
  back: () => void,
): HTMLElement {
  const { upgrade, plan, schedule, permissions, declares, choices } = review;
  const { manifest, manifest_sha256 } = upgrade.listing;
  const said = saidOf({ ...manifest, schedule });
  const waits = permissions.filter(({ asks }) => asks).length;
  const send = async (): Promise<void> => {
    const signer = app.session.require();
    const install_id = before?.install_id ?? newInstallId(Date.now(), random);
    const now_s = nowSeconds();
    const revision = nextRevision(app.box.read(), install_id, now_s);
    const envelope = { worker: worker.public_key, signer: signer.public_key, install_id, revision, now_s };
    const whole = orderOf(review, envelope, { embed: true });
    const order = fits(whole) ? whole : orderOf(review, envelope, { embed: false });
    const known = app.box.read().workers;
    const sent = await sendOrder(order, worker, { signer, relays: app.relays, known });
    app.box.change((kept) =>
      withOrder(kept, {
        ...{ install_id, worker: worker.public_key, listing: upgrade.listing.address },
        ...{ title: manifest.title, version: manifest.version, inputs: choices.inputs, schedule: choices.schedule },
        permissions: plan.permissions,
        order: { action: "install", revision, ...sent, sent_at: now_s, expires_at: order.expires_at, answer: null },
        ...{ status: null, status_at: null, runs: [] },
      }),
    );
    app.go("#/installed");
  };
  return make(
    "section",
    { class: "agreement" },
    make("h1", {}, before === null ? "Do you agree?" : "Do you agree to the change?"),
    make("p", { class: "lead", dir: "auto" }, `${manifest.title} ${manifest.version}`),
    facts([
      ["On", make("span", {}, "machine ", shortKey(worker.public_key))],
      ...(schedule.type === "cron" ? [["Runs", said.schedule.join("; ")] as const] : []),
      [schedule.type === "cron" ? "Exactly" : "Runs", whenSentence(schedule, plan.triggers)],
      ["Price", priceInWords(manifest.pricing)],
      ...Object.entries(plan.inputs).map(([name, value]) => [name, make("code", {}, JSON.stringify(value))] as const),
    ]),
    make("h2", {}, "It may"),
    permissions.length === 0
      ? make("p", {}, "It asks for no permission.")
      : make(
          "ul",
          { class: "permissions" },
          ...permissions.map(({ sentence, fresh, asks }) =>
            make(
              "li",
              {},
              sentence,
              fresh ? make("span", { class: "tag new" }, "new") : null,
              asks ? make("span", { class: "tag" }, "asks at the machine") : null,
            ),
          ),
        ),
    declared(declares),
    waits === 0
      ? null
      : make(
          "p",
          { class: "notice" },
          "What is above this coordinator's ceiling waits until you approve it at the machine.",
        ),
    make(
      "p",
      { class: "quiet" },
      "Your order names this manifest by its hash: ",
      make("code", {}, manifest_sha256),
      ".",
    ),
    button("Agree and send", send, { class: "main" }),
    button("Back", back, { class: "plain" }),
  );
}
