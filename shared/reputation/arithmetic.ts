import { assert } from "../core/refusal.ts";
import { WHOLE_PPM } from "./formula.ts";

/** Whole-number division, to the nearest, halves up. For what may be below zero, symmetric about it. */
export function divide(value: bigint, by: bigint): bigint {
  assert(by > 0n, "a divisor is above zero");
  return value < 0n ? -((-value * 2n + by) / (2n * by)) : (value * 2n + by) / (2n * by);
}

/** `share` millionths of a value. */
export function part(value: bigint, share_ppm: bigint): bigint {
  return divide(value * share_ppm, WHOLE_PPM);
}

/** The largest of some weights; 0 of none. */
export function largest(values: readonly bigint[]): bigint {
  let most = 0n;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** The largest whole number whose square is not above the value. */
export function squareRoot(value: bigint): bigint {
  assert(value >= 0n, "a square is not below zero");
  if (value < 2n) return value;
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  // The float is only a guess: from here on it is exact.
  while (root * root > value) root -= 1n;
  while ((root + 1n) * (root + 1n) <= value) root += 1n;
  return root;
}

/** What is left of a weight after so many whole days, in millionths: a half after each half-life, straight between. */
export function decay(days: number, half_life_days: number): bigint {
  const [age, life] = [BigInt(Math.max(0, days)), BigInt(half_life_days)];
  const halvings = age / life;
  if (halvings > 60n) return 0n;
  return divide(WHOLE_PPM * (2n * life - (age % life)), 2n * life * 2n ** halvings);
}
