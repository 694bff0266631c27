import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { Fresh } from "./shard-tasks.ts";
import type { News } from "./tell-doors.ts";

const HEARD_DDL = "CREATE TABLE IF NOT EXISTS relay_heard (shard INTEGER PRIMARY KEY, mark INTEGER NOT NULL)";

/**
 * What of a shard's news a door hears for the first time; null where the shard has stored less than it told of before, so
 * that it was set back and its marks mean other events.
 */
export type HeardNews = (shard: number, news: News) => readonly Fresh[] | null;

/**
 * Remembers up to which mark each shard was heard. It is written down a little later: until then a timer keeps the door
 * awake, so that one that sleeps has it all. `forget`: nobody is left who heard anything.
 */
export function heardNews(sql: Sql, forget: boolean): HeardNews {
  sql.run(HEARD_DDL);
  if (forget) sql.run("DELETE FROM relay_heard");
  const rows = sql.all<{ shard: number; mark: number }>("SELECT shard, mark FROM relay_heard");
  const marks = new Map(rows.map(({ shard, mark }) => [shard, mark]));
  const unsaved = new Set<number>();
  const save = (): void => {
    for (const shard of unsaved) {
      sql.run("INSERT OR REPLACE INTO relay_heard (shard, mark) VALUES (?, ?)", shard, marks.get(shard) ?? 0);
    }
    unsaved.clear();
  };
  const remember = (shard: number, mark: number): void => {
    marks.set(shard, mark);
    if (unsaved.size === 0) setTimeout(save, LIMITS.relay_heard_ms);
    unsaved.add(shard);
  };
  return (shard, { fresh, mark }) => {
    const heard = marks.get(shard) ?? 0;
    if (mark < heard) {
      remember(shard, mark);
      return null;
    }
    const first = fresh.filter((event) => event.mark === null || event.mark > heard);
    const newest = first.reduce((most, event) => Math.max(most, event.mark ?? 0), heard);
    if (newest > heard) remember(shard, newest);
    return first;
  };
}
