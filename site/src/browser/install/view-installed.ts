import type { InstallChange, StatusRun } from "@oa/shared/generated/types.ts";
import type { App } from "./app.ts";
import { sendOrder } from "./deliver.ts";
import { button, buttonAsking, make } from "./elements.ts";
import { type KnownInstall, type KnownWorker, nextRevision, withOrder } from "./kept.ts";
import { changeOf } from "./orders.ts";
import { nowSeconds } from "./random.ts";

/** What was ordered, where it stands by its worker's own word, and its results. */
export function installedView(app: App): HTMLElement {
  const { installs, workers } = app.box.read();
  if (installs.length === 0) {
    return make(
      "section",
      {},
      make("h1", {}, "Installed"),
      make(
        "p",
        {},
        "Nothing has been ordered from here yet. What you order stands here, with what became of each run.",
      ),
      make("p", {}, make("a", { class: "button main", href: "#/" }, "Find an upgrade")),
    );
  }
  return make(
    "section",
    {},
    make("h1", {}, "Installed"),
    app.session.signer() === null
      ? make("p", { class: "notice" }, "Unlock the key to read what your machines say. This is the last that was read.")
      : null,
    ...installs.map((install) =>
      installCard(app, install, workers.find(({ public_key }) => public_key === install.worker) ?? null),
    ),
  );
}

function installCard(app: App, install: KnownInstall, worker: KnownWorker | null): HTMLElement {
  const { title, version, status, status_at, runs, listing, install_id } = install;
  const state = stateOf(install, worker, nowSeconds());
  const say = (action: InstallChange["action"]) => async (): Promise<void> => {
    if (worker === null) throw new Error("its machine is no longer known here");
    const signer = app.session.require();
    const now_s = nowSeconds();
    const revision = nextRevision(app.box.read(), install_id, now_s);
    const envelope = { worker: worker.public_key, signer: signer.public_key, install_id, revision, now_s };
    const change = changeOf(action, envelope);
    const known = app.box.read().workers;
    const sent = await sendOrder(change, worker, { signer, relays: app.relays, known });
    const order = { action, revision, ...sent, sent_at: now_s, expires_at: change.expires_at, answer: null };
    app.box.change((kept) => withOrder(kept, { ...install, order }));
  };
  // Removed, or an order that came to nothing: the machine has none of it.
  const over = status?.state === "removed" || (status === null && state.tone === "bad");
  const forget = (): void => {
    app.box.change((kept) => ({ ...kept, installs: kept.installs.filter((one) => one.install_id !== install_id) }));
  };
  return make(
    "article",
    { class: "card", "data-install": install_id },
    make(
      "h2",
      {},
      make("a", { href: `#/listing/${encodeURIComponent(listing)}`, dir: "auto" }, title),
      " ",
      make("small", {}, version),
    ),
    make("p", { class: `state ${state.tone}`, role: "status" }, state.text),
    status === null || status.waits_for.length === 0
      ? null
      : make("ul", {}, ...status.waits_for.map((reason) => make("li", {}, reason))),
    status_at === null ? null : make("p", { class: "quiet" }, `Its machine said so at ${clock(status_at)}.`),
    install.order.way === "mailbox" ? mailboxNote(app) : null,
    runs.length === 0 ? null : make("ol", { class: "runs" }, ...runs.map(runLine)),
    over
      ? make("div", { class: "acts" }, button("Take it off this list", forget, { class: "plain" }))
      : make(
          "div",
          { class: "acts" },
          make("a", { class: "button", href: `#/change/${install_id}` }, "Change"),
          status?.state === "enabled" ? button("Pause", say("disable")) : null,
          status?.state === "disabled" ? button("Resume", say("enable")) : null,
          buttonAsking("Remove", "Press again to remove it", say("remove")),
        ),
  );
}

/** No relay took the order. What a signer is asked for at every look, its owner may have to allow: so they look. */
function mailboxNote(app: App): HTMLElement {
  const text = "No relay of the machine took this order, so it went into its mailbox, where the machine answers too.";
  return make("div", {}, make("p", { class: "quiet" }, text), button("Look for an answer", app.readMailbox));
}

interface Said {
  readonly tone: "good" | "bad" | "waiting";
  readonly text: string;
}

/** Where an install stands, in a sentence. */
export function stateOf({ order, status }: KnownInstall, worker: KnownWorker | null, now_s: number): Said {
  const { answer, expires_at, action } = order;
  if (answer !== null && answer.code !== null) {
    return { tone: "bad", text: `The machine refused: ${answer.message ?? answer.code} (${answer.code}).` };
  }
  if (answer === null) {
    if (now_s >= expires_at) return { tone: "bad", text: "The order expired without an answer." };
    const silent = worker !== null && !worker.results;
    const sent = action === "install" ? "The order is sent" : `The order to ${action} is sent`;
    return {
      tone: "waiting",
      text: silent
        ? `${sent}. This machine does not tell what becomes of orders; \`oa pair share\` with --results lets it.`
        : `${sent}; the machine has not answered yet.`,
    };
  }
  switch (status?.state) {
    case "enabled":
      return status.waits_for.length === 0
        ? { tone: "good", text: "Installed and enabled." }
        : { tone: "waiting", text: "Enabled as before; the change waits for your approval at the machine:" };
    case "quarantined":
      return { tone: "bad", text: "Stopped: the machine quarantined it; its owner lifts that there." };
    case "pending":
      return { tone: "waiting", text: "Waits for your approval at the machine:" };
    case "disabled":
      return { tone: "waiting", text: "Installed and paused." };
    case "yanked":
      return { tone: "bad", text: "Stopped: its author took this release back." };
    case "removed":
      return { tone: "waiting", text: "Removed." };
    default:
      return { tone: "waiting", text: "The machine took the order." };
  }
}

const RUN_WORDS = { succeeded: "Ran", failed: "Failed", canceled: "Canceled" } as const;

function why(run_id: string): HTMLElement {
  return make("code", {}, `oa runs ${run_id}`);
}

function runLine({ run_id, status, finished_at, message, steps_done, steps_total, outputs }: StatusRun): HTMLElement {
  const made = outputs.map(({ name, bytes }) => `${name} (${bytes} bytes)`).join(", ");
  return make(
    "li",
    { class: status === "succeeded" ? "good" : "bad" },
    make("strong", {}, RUN_WORDS[status]),
    ` ${clock(Date.parse(finished_at) / 1_000)}, ${steps_done} of ${steps_total} steps`,
    made === "" ? null : make("span", { class: "quiet" }, ` · made ${made}`),
    message === null ? null : make("span", {}, ` · ${message}`),
    status === "succeeded" ? null : make("span", { class: "quiet" }, " · all of it, at the machine: ", why(run_id)),
  );
}

function clock(unix_s: number): string {
  return new Date(unix_s * 1_000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}
