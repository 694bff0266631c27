/** `npm run bench [name…]`: figures on this machine, each beside the bare primitive measured in the same run. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

export interface Bench {
  readonly name: string;
  readonly figures: Readonly<Record<string, number | string>>;
}

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const files = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.ts$/.test(file) && file !== "run.ts");
const results: Bench[] = [];
for (const file of files.sort()) {
  if (wanted.length > 0 && !wanted.includes(file.replace(".ts", ""))) continue;
  const { bench } = (await import(join(import.meta.dirname, file))) as { bench: () => Promise<Bench> };
  const result = await bench();
  results.push(result);
  if (process.argv.includes("--json")) continue;
  process.stdout.write(`\n${result.name}\n`);
  for (const [figure, value] of Object.entries(result.figures)) {
    const text = typeof value === "number" ? value.toLocaleString("en", { maximumSignificantDigits: 4 }) : value;
    process.stdout.write(`  ${figure.padEnd(64)} ${text}\n`);
  }
}
if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(results)}\n`);
