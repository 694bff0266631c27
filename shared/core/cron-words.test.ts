import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCron } from "./cron.ts";
import { cronInWords, zoneInWords } from "./cron-words.ts";
import { isRejection } from "./refusal.ts";

function words(expression: string, zone: string | null = "America/Chicago"): string | null {
  const cron = parseCron(expression);
  if (isRejection(cron)) throw new Error(cron.message);
  return cronInWords(cron, zone);
}

test("a simple schedule is said as a person would say it", () => {
  const said: Readonly<Record<string, string>> = {
    "0 2 * * *": "every day at 02:00 in Chicago",
    "@daily": "every day at 00:00 in Chicago",
    "0 6 * * 1-5": "Monday to Friday at 06:00 in Chicago",
    "30 9 * * SUN,SAT": "on Saturdays and Sundays at 09:30 in Chicago",
    "0 9 * * 0,3": "on Wednesdays and Sundays at 09:00 in Chicago",
    "0 6,12,18 * * *": "every day at 06:00, 12:00 and 18:00 in Chicago",
    "15 * * * *": "every hour at 15 past, in Chicago",
    "@hourly": "every hour, in Chicago",
    "* * * * *": "every minute, in Chicago",
    "*/15 * * * *": "every 15 minutes, in Chicago",
    "*/15 * * * MON-FRI": "every 15 minutes, Monday to Friday, in Chicago",
    "0 */2 * * *": "every 2 hours, in Chicago",
    "0 4 1,15 * *": "on the 1st and 15th of each month at 04:00 in Chicago",
    "@yearly": "on the 1st of January at 00:00 in Chicago",
    "0 4 * 6,7 *": "every day in June and July at 04:00 in Chicago",
  };
  for (const [expression, sentence] of Object.entries(said)) assert.equal(words(expression), sentence, expression);
});

test("nothing is said where a sentence would leave something out or be longer than the expression", () => {
  for (const expression of [
    "0 4 13 * FRI", // either matches
    "0 4 L * *",
    "0 4 15W * *",
    "0 4 * * MON#2",
    "0,7 * * * *",
    "0,30 2 * * *",
    "0 1,2,3,5,8 * * *",
    "5-59/10 * * * *",
    "0 4 1-10 * *",
    "0 4 * 1-5 *",
  ]) {
    assert.equal(words(expression), null, expression);
  }
});

test("a zone is named by its place, and where none is named it is the machine's clock", () => {
  assert.equal(zoneInWords("America/Argentina/Buenos_Aires"), "in Buenos Aires");
  assert.equal(zoneInWords("UTC"), "UTC");
  assert.equal(zoneInWords("Etc/GMT+5"), "Etc/GMT+5");
  assert.equal(words("0 2 * * *", null), "every day at 02:00 by the machine's own clock");
});
