import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { median } from "./median.ts";

export interface DurableRates {
  /** Bare rows a second. */
  readonly raw: number;
  /** Ours a second, by how many at once, and its ratio to the bare rows of the same round. */
  readonly ours: ReadonlyMap<number, { readonly rate: number; readonly ratio: number }>;
}

/** Durable acts beside their bare primitive on the same disk, in turn; medians of the rounds. */
export async function besideRawRows(
  { rounds, rows, body }: { readonly rounds: number; readonly rows: number; readonly body: string },
  at_once: readonly number[],
  ours: (database: string, at_once: number) => Promise<number>,
): Promise<DurableRates> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const bare: number[] = [];
  const rates = new Map<number, number[]>(at_once.map((count) => [count, []]));
  for (let round = 0; round < rounds; round += 1) {
    bare.push(rawRows(join(folder, `raw-${round}.db`), rows, body));
    for (const [count, found] of rates) found.push(await ours(join(folder, `ours-${round}-${count}.db`), count));
  }
  rmSync(folder, { recursive: true });
  const ratio = (found: readonly number[]): number =>
    median(found.map((rate, round) => rate / (bare[round] ?? Number.NaN)));
  return {
    raw: median(bare),
    ours: new Map([...rates].map(([count, found]) => [count, { rate: median(found), ratio: ratio(found) }])),
  };
}

/** Bare primitive: the same bytes as one row a transaction, `synchronous=FULL`, nothing else. */
function rawRows(path: string, rows: number, body: string): number {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO rows (body) VALUES (?)");
  const started = performance.now();
  for (let row = 0; row < rows; row += 1) insert.run(body);
  const rate = rows / ((performance.now() - started) / 1_000);
  db.close();
  return rate;
}
