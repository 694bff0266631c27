import { parseCron } from "@oa/shared/core/cron.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { scheduleInWords } from "../said.ts";
import { field, make, select } from "./elements.ts";
import { CONDITIONS, DAYS, fieldsOf, nextTimes, type ScheduleFields, scheduleOf } from "./schedule-fields.ts";

const CONDITION_WORDS: Readonly<Record<(typeof CONDITIONS)[number], string>> = {
  plugged_in: "Only while plugged in",
  wifi_only: "Only on Wi-Fi",
  suspend_if_active: "Pause while somebody works on it",
  respect_dnd: "Not in Do Not Disturb",
};

const HOWS = ["declared", "daily", "cron", "manual"] as const;

/** Nothing is said in words of what is no cron: the next times say what is wrong. */
function parsed({ type, expression = "" }: UpgradeSchedule): ReturnType<typeof parseCron> | null {
  return type === "cron" ? parseCron(expression) : null;
}

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
      ["declared", "As its author chose"],
      ["daily", "At a time of day"],
      ["cron", "At other times, as cron"],
      ["manual", "Only when I start it at the machine"],
    ],
    first.how,
  );
  const at = input("at", first.at, { type: "time" });
  const days = select("days", DAYS, first.days);
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
    how: HOWS.find((name) => name === how.value) ?? "declared",
    ...{ at: at.value, days: days.value },
    ...{ expression: expression.value, timezone: timezone.value, start: start.value, end: end.value },
    overlap: overlap.value === "queue_one" || overlap.value === "cancel_running" ? overlap.value : "skip",
    ...{ plugged_in: false, wifi_only: false, suspend_if_active: false, respect_dnd: false },
    ...Object.fromEntries(conditions.map(({ name, box }) => [name, box.checked])),
    cpu_max: cpu_max.value,
  });
  const fires = make("ol", { id: "fires", class: "fires", "aria-live": "polite" });
  const times = make("div", { class: "pair" }, field("At", at), field("On", days));
  const cron = field(
    "Times, as cron",
    expression,
    "Minute, hour, day, month, weekday: 30 3 * * 1-5 is half past three on weekdays.",
  );
  const between = make("div", { class: "pair" }, field("Not before", start), field("Not after", end));
  const own = make(
    "div",
    { class: "own" },
    times,
    cron,
    field("Time zone", timezone),
    between,
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
    own.hidden = fields.how !== "cron" && fields.how !== "daily";
    times.hidden = fields.how !== "daily";
    cron.hidden = fields.how !== "cron";
    between.hidden = fields.how !== "cron";
    const schedule = scheduleOf(declared, fields) ?? declared;
    words.textContent = isRejection(parsed(schedule)) ? "" : `It runs ${scheduleInWords(schedule).words}.`;
    const next = nextTimes(schedule, zone, Date.now());
    const lines = isRejection(next) ? [`${next.message}.`] : next;
    fires.className = isRejection(next) ? "fires bad" : "fires";
    fires.replaceChildren(...lines.map((text) => make("li", {}, text)));
    title.hidden = lines.length === 0;
  };
  const words = make("p", { role: "status" });
  const title = make("h3", {}, "Next times");
  const element = make(
    "section",
    { class: "schedule" },
    make("h2", {}, "When it runs"),
    field("Schedule", how),
    own,
    words,
    title,
    fires,
  );
  element.addEventListener("input", refresh);
  refresh();
  return { element, schedule: () => scheduleOf(declared, read()) };
}
