import { whenSentence } from "@oa/shared/api/consent.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { field, make, select } from "./elements.ts";
import { CONDITIONS, fieldsOf, nextTimes, type ScheduleFields, scheduleOf } from "./schedule-fields.ts";

const CONDITION_WORDS: Readonly<Record<(typeof CONDITIONS)[number], string>> = {
  plugged_in: "Only while plugged in",
  wifi_only: "Only on Wi-Fi",
  suspend_if_active: "Pause while somebody works on it",
  respect_dnd: "Not in Do Not Disturb",
};

export interface ScheduleEditor {
  readonly element: HTMLElement;
  /** Null: as the upgrade declares. */
  readonly schedule: () => UpgradeSchedule | null;
}

/** When it runs: as declared, by its owner's own times, or by hand; with the next times it would fire. */
export function scheduleEditor(
  declared: UpgradeSchedule,
  chosen: UpgradeSchedule | null,
  zone: string,
): ScheduleEditor {
  const first = fieldsOf(declared, chosen, zone);
  const input = (name: string, value: string, more: Readonly<Record<string, string>> = {}): HTMLInputElement => {
    const made = make("input", { name, type: "text", autocomplete: "off", spellcheck: "false", ...more });
    made.value = value;
    return made;
  };
  const check = (name: string, checked: boolean): HTMLInputElement => {
    const made = make("input", { name, type: "checkbox" });
    made.checked = checked;
    return made;
  };
  const how = select(
    "how",
    [
      ["declared", `As its author chose: ${whenSentence(declared, [])}`],
      ["cron", "At times I choose"],
      ["manual", "Only when I start it at the machine"],
    ],
    first.how,
  );
  const expression = input("expression", first.expression, { "aria-describedby": "fires" });
  const timezone = input("timezone", first.timezone);
  const start = input("start", first.start, { type: "time" });
  const end = input("end", first.end, { type: "time" });
  const cpu_max = input("cpu_max", first.cpu_max, { inputmode: "numeric" });
  const overlap = select(
    "overlap",
    [
      ["skip", "skip it"],
      ["queue_one", "run once more after it"],
      ["cancel_running", "stop the old one"],
    ],
    first.overlap,
  );
  const conditions = CONDITIONS.map((name) => ({ name, box: check(name, first[name]) }));
  const read = (): ScheduleFields => ({
    how: how.value === "cron" || how.value === "manual" ? how.value : "declared",
    ...{ expression: expression.value, timezone: timezone.value, start: start.value, end: end.value },
    overlap: overlap.value === "queue_one" || overlap.value === "cancel_running" ? overlap.value : "skip",
    ...{ plugged_in: false, wifi_only: false, suspend_if_active: false, respect_dnd: false },
    ...Object.fromEntries(conditions.map(({ name, box }) => [name, box.checked])),
    cpu_max: cpu_max.value,
  });
  const fires = make("ol", { id: "fires", class: "fires", "aria-live": "polite" });
  const own = make(
    "div",
    { class: "own" },
    field(
      "Times, as cron",
      expression,
      "Minute, hour, day, month, weekday: 30 3 * * 1-5 is half past three on weekdays.",
    ),
    field("Time zone", timezone),
    make("div", { class: "pair" }, field("Not before", start), field("Not after", end)),
    field("If it still runs when it is due again", overlap),
    make(
      "fieldset",
      {},
      make("legend", {}, "Conditions"),
      ...conditions.map(({ name, box }) => make("label", { class: "check" }, box, CONDITION_WORDS[name])),
      field("Only below this processor load, in percent", cpu_max),
    ),
  );
  const refresh = (): void => {
    const fields = read();
    own.hidden = fields.how !== "cron";
    const schedule = scheduleOf(declared, fields) ?? declared;
    const times = nextTimes(schedule, zone, Date.now());
    const lines = isRejection(times) ? [`${times.message}.`] : times;
    fires.className = isRejection(times) ? "fires bad" : "fires";
    fires.replaceChildren(...lines.map((text) => make("li", {}, text)));
    title.hidden = lines.length === 0;
  };
  const title = make("h3", {}, "Next times");
  const element = make(
    "section",
    { class: "schedule" },
    make("h2", {}, "When it runs"),
    field("Schedule", how),
    own,
    title,
    fires,
  );
  element.addEventListener("input", refresh);
  refresh();
  return { element, schedule: () => scheduleOf(declared, read()) };
}
