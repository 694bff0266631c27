import { LIMITS } from "@oa/shared/core/limits.ts";

export type Labels = Readonly<Record<string, string>>;

/** One metric with all its series. A name beyond `LIMITS.metric_series` series counts under the label values "other". */
export interface Metric {
  readonly text: () => string;
}
export interface Counter extends Metric {
  readonly add: (labels: Labels, amount?: number) => void;
}
export interface Histogram extends Metric {
  /** In the metric's unit. */
  readonly observe: (labels: Labels, value: number) => void;
}

/** A number that only grows; its name ends in `_total`. */
export function counter(name: string, help: string): Counter {
  const series = seriesOf<{ value: number }>(() => ({ value: 0 }));
  return {
    add: (labels, amount = 1) => {
      series.at(labels).value += amount;
    },
    text: () =>
      block(
        name,
        "counter",
        help,
        series.all().map(([labels, { value }]) => sample(name, labels, value)),
      ),
  };
}

/** A number read when it is asked for. */
export function gauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): Metric {
  return {
    text: () =>
      block(
        name,
        "gauge",
        help,
        [...read()].map(([labels, value]) => sample(name, labels, value)),
      ),
  };
}

/** A number that grows and is kept elsewhere. */
export function totalOf(name: string, help: string, read: () => number): Metric {
  return { text: () => block(name, "counter", help, [sample(name, {}, read())]) };
}

/** How values spread over buckets; `bounds` ascend, and each counts what is not above it. */
export function histogram(name: string, help: string, bounds: readonly number[]): Histogram {
  const series = seriesOf(() => ({ counts: bounds.map(() => 0), sum: 0, count: 0 }));
  return {
    observe: (labels, value) => {
      const at = series.at(labels);
      at.sum += value;
      at.count += 1;
      for (const [index, bound] of bounds.entries()) if (value <= bound) at.counts[index] = (at.counts[index] ?? 0) + 1;
    },
    text: () =>
      block(
        name,
        "histogram",
        help,
        series
          .all()
          .flatMap(([labels, { counts, sum, count }]) => [
            ...bounds.map((bound, index) =>
              sample(`${name}_bucket`, { ...labels, le: String(bound) }, counts[index] ?? 0),
            ),
            sample(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
            sample(`${name}_sum`, labels, sum),
            sample(`${name}_count`, labels, count),
          ]),
      ),
  };
}

/** Prometheus' text format, version 0.0.4. */
export function metricsText(metrics: readonly Metric[]): string {
  return metrics.map(({ text }) => text()).join("");
}

function seriesOf<Value>(create: () => Value) {
  const known = new Map<string, readonly [Labels, Value]>();
  return {
    all: (): readonly (readonly [Labels, Value])[] => [...known.values()],
    at: (labels: Labels): Value => {
      const full = known.size >= LIMITS.metric_series && !known.has(JSON.stringify(labels));
      const counted = full ? Object.fromEntries(Object.keys(labels).map((label) => [label, "other"])) : labels;
      const key = JSON.stringify(counted);
      const found = known.get(key) ?? ([counted, create()] as const);
      known.set(key, found);
      return found[1];
    },
  };
}

function block(name: string, type: string, help: string, samples: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples, ""].join("\n");
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
