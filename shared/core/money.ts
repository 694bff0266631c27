import { assert } from "./refusal.ts";

declare const unit: unique symbol;
/** Whole satoshis. */
export type Sats = number & { readonly [unit]: "sats" };
/** Whole millisatoshis: 1 sat = 1,000 msats. */
export type Msats = number & { readonly [unit]: "msats" };

export function sats(amount: number): Sats {
  assert(Number.isSafeInteger(amount) && amount >= 0, `${amount} is not an amount of sats`);
  return amount as Sats;
}

export function msats(amount: number): Msats {
  assert(Number.isSafeInteger(amount) && amount >= 0, `${amount} is not an amount of msats`);
  return amount as Msats;
}

export function satsToMsats(amount: Sats): Msats {
  return msats(amount * 1000);
}
