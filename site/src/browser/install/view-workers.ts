import type { Permission } from "@oa/shared/core/permission.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import type { App } from "./app.ts";
import { buttonAsking, facts, make, shortKey } from "./elements.ts";
import type { KnownWorker } from "./kept.ts";
import { nowSeconds } from "./random.ts";

/** The machines this page is paired with. */
export function workersView(app: App): HTMLElement {
  const { workers, key } = app.box.read();
  return make(
    "section",
    {},
    make("h1", {}, "Machines"),
    workers.length === 0
      ? make(
          "p",
          {},
          "None is paired yet. A machine is a computer of yours on which the worker runs. ",
          make("a", { href: "/docs/guides/five-minutes/" }, "Set one up in five minutes"),
          ".",
        )
      : null,
    ...workers.map((worker) => workerCard(app, worker, key?.public_key ?? null)),
    make("p", {}, make("a", { class: "button main", href: "#/pair" }, "Pair a machine")),
  );
}

function workerCard(app: App, worker: KnownWorker, own: string | null): HTMLElement {
  const { public_key, label, relays, results, ceiling, state } = worker;
  const said = pairingState(worker, nowSeconds());
  const forget = (): void => {
    app.box.change((kept) => ({ ...kept, workers: kept.workers.filter((one) => one.public_key !== public_key) }));
  };
  return make(
    "article",
    { class: "card", "data-worker": public_key },
    make("h2", {}, `Machine ${public_key.slice(0, 8)}…`),
    make("p", { class: `state ${said.tone}`, role: "status" }, said.text),
    state === "claimed" || state === "sent"
      ? make("p", {}, "Compare this key with the one the machine shows: ", make("code", { class: "whole" }, own ?? ""))
      : null,
    facts([
      ["Key", shortKey(public_key)],
      ["Reached at", relays.join(", ")],
      // Its owner named this page there, not the machine.
      ...(label === null ? [] : ([["Calls you", label]] as const)),
      ...(state === "confirmed"
        ? ([
            ["Tells results", results ? "yes" : "no"],
            ["Grants unasked", ceiling.length === 0 ? "nothing: it asks its owner for everything" : sentences(ceiling)],
          ] as const)
        : []),
    ]),
    make("div", { class: "acts" }, buttonAsking("Forget", "Press again to forget it", forget)),
  );
}

function sentences(ceiling: readonly Permission[]): HTMLElement {
  return make("ul", { class: "plain" }, ...ceiling.map((permission) => make("li", {}, sentenceOf(permission))));
}

/** Where a pairing stands, in a sentence. */
export function pairingState(
  { state, until }: KnownWorker,
  now_s: number,
): { readonly tone: "good" | "bad" | "waiting"; readonly text: string } {
  switch (state) {
    case "sent":
      return now_s >= until
        ? { tone: "bad", text: "The pairing code expired without an answer. Make a new one with `oa pair add`." }
        : { tone: "waiting", text: "The secret is sent; the machine has not answered yet." };
    case "claimed":
      return { tone: "waiting", text: "The secret was right. Now confirm this key at the machine: oa pair confirm." };
    case "confirmed":
      return { tone: "good", text: "Paired." };
    case "removed":
      return { tone: "bad", text: "Its owner ended the pairing." };
  }
}
