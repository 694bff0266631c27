/**
 * Preloaded into a real worker (`node --import`): it kills the process, without a word, at event boundaries. The first
 * time that an event of a run is about to be committed, and the first time that it has been, the process dies; the next
 * process gets past that place, since the deaths so far stand in the file OA_DEATHS names. Nothing of the worker knows
 * of it: it watches what `node:sqlite` is told.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

const file = process.env.OA_DEATHS ?? "";
const died = new Set(existsSync(file) ? readFileSync(file, "utf8").split("\n") : []);
const counts = new Map<string, number>();
let uncommitted: string[] = [];

function dieOnce(moment: "before" | "after", places: readonly string[]): void {
  const fresh = places.map((place) => `${moment} ${place}`).filter((death) => !died.has(death));
  if (fresh.length === 0) return;
  appendFileSync(file, fresh.map((death) => `${death}\n`).join(""));
  process.kill(process.pid, "SIGKILL");
}

/** A run's event by its type, its step and how many of the kind this process has seen: what it is the next time too. */
function placeOf(params: readonly SQLInputValue[]): string | null {
  const body = params.find(
    (value) => typeof value === "string" && value.startsWith("{") && value.includes('"hash_version"'),
  );
  const { event_type, subject_id, data } = JSON.parse(String(body)) as {
    readonly event_type: string;
    readonly subject_id: string;
    readonly data: { readonly step_id?: string };
  };
  if (!subject_id.startsWith("run_")) return null;
  const kind = `${event_type} ${data.step_id ?? "-"}`;
  const count = (counts.get(kind) ?? 0) + 1;
  counts.set(kind, count);
  return `${kind} ${count}`;
}

function onEnd(text: string): void {
  if (text === "COMMIT") dieOnce("after", uncommitted);
  if (text === "COMMIT" || text === "ROLLBACK") uncommitted = [];
}

function onInsert(params: readonly SQLInputValue[]): void {
  const place = placeOf(params);
  if (place === null) return;
  uncommitted.push(place);
  dieOnce("before", [place]);
}

type Run = (...params: readonly SQLInputValue[]) => ReturnType<StatementSync["run"]>;

const { prepare, exec } = DatabaseSync.prototype;
DatabaseSync.prototype.prepare = function (text, ...rest) {
  const statement = prepare.call(this, text, ...rest);
  const run = statement.run.bind(statement) as Run;
  const watched: Run = (...params) => {
    const result = run(...params);
    if (text.startsWith("INSERT INTO evt_events")) onInsert(params);
    onEnd(text);
    return result;
  };
  statement.run = watched as typeof statement.run;
  return statement;
};
DatabaseSync.prototype.exec = function (text) {
  exec.call(this, text);
  onEnd(text);
};
