import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeInput } from "@oa/shared/generated/types.ts";
import type { App } from "./app.ts";
import { button, field, keyNotice, make, select, turnTo } from "./elements.ts";
import { type InputTexts, inputsIn, inputsOf, textOf } from "./input-fields.ts";
import type { KnownInstall, KnownWorker } from "./kept.ts";
import { type CheckedUpgrade, reviewOrder } from "./orders.ts";
import { scheduleEditor } from "./schedule-editor.ts";
import { consentView } from "./view-consent.ts";

/** Which machine, with which values, and when: then on to the permission screen. */
export function settingsView(
  app: App,
  upgrade: CheckedUpgrade,
  before: KnownInstall | null,
  back: () => void,
): HTMLElement {
  const { manifest } = upgrade.listing;
  const workers = app.box.read().workers.filter(({ state }) => state === "confirmed");
  const screen = make("div");
  if (workers.length === 0) {
    screen.append(
      make("h1", {}, "No machine yet"),
      make("p", {}, "An upgrade runs on a computer of yours, never in this page. Pair one first, then come back here."),
      make("p", {}, make("a", { class: "button main", href: "#/pair" }, "Pair a machine")),
      button("Back", back, { class: "plain" }),
    );
    return screen;
  }
  const machine = select(
    "worker",
    workers.map(({ public_key }) => [public_key, `Machine ${public_key.slice(0, 8)}…`] as const),
    before?.worker ?? workers[0]?.public_key ?? "",
  );
  if (before !== null) machine.disabled = true;
  const inputs = inputsIn(manifest).map(([name, input]) => ({
    name,
    control: controlOf(name, input, textOf(before?.inputs[name] ?? input.default)),
    hint: input.description ?? "",
  }));
  const editor = scheduleEditor(manifest.schedule, before?.schedule ?? null, app.zone);
  const form = make("div");
  const review = (): void => {
    const worker = chosen(workers, machine.value);
    const values = inputsOf(manifest, textsOf(inputs));
    if (isRejection(values)) throw new Error(values.message);
    const choices = { inputs: values, schedule: editor.schedule() };
    const known = before ?? installedAlready(app, upgrade, worker);
    const reviewed = reviewOrder(upgrade, choices, { before: known, ceiling: worker.ceiling });
    if (isRejection(reviewed)) throw new Error(reviewed.message);
    turnTo(
      screen,
      consentView(app, reviewed, worker, known, () => turnTo(screen, form)),
    );
  };
  const next = button("Review what it may do", review, { class: "main" });
  // What was wrong is not said any longer once it is being put right.
  form.addEventListener("input", () => next.querySelector(".says")?.replaceChildren());
  form.append(
    make("h1", { dir: "auto" }, before === null ? "Settings" : `Change ${before.title}`),
    ...(app.session.signer() === null ? [keyNotice(app.box.read().key !== null, "An order is signed")] : []),
    field("Machine", machine),
    ...inputs.map(({ name, control, hint }) => field(name, control, hint)),
    editor.element,
    next,
    button("Back", back, { class: "plain" }),
  );
  screen.append(form);
  return screen;
}

function installedAlready(app: App, upgrade: CheckedUpgrade, worker: KnownWorker): KnownInstall | null {
  const same = app.box
    .read()
    .installs.find(
      (one) =>
        one.listing === upgrade.listing.address &&
        one.worker === worker.public_key &&
        one.order.action !== "remove" &&
        one.status?.state !== "removed",
    );
  return same ?? null;
}

function chosen(workers: readonly KnownWorker[], public_key: string): KnownWorker {
  const worker = workers.find((one) => one.public_key === public_key);
  if (worker === undefined) throw new Error("choose a machine");
  return worker;
}

type Control = HTMLInputElement | HTMLTextAreaElement;

function controlOf(name: string, { type }: UpgradeInput, text: string): Control {
  if (type === "string_list") {
    const area = make("textarea", { name, rows: "3", spellcheck: "false" });
    area.value = text;
    return area;
  }
  const kind = type === "boolean" ? "checkbox" : "text";
  const input = make("input", { name, type: kind, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  if (type === "integer" || type === "number") input.inputMode = "decimal";
  if (type === "boolean") input.checked = text === "true";
  else input.value = text;
  return input;
}

function textsOf(inputs: readonly { readonly name: string; readonly control: Control }[]): InputTexts {
  return Object.fromEntries(
    inputs.map(({ name, control }) => [
      name,
      control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value,
    ]),
  );
}
