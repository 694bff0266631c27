import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { tagValue } from "@oa/shared/nostr/kinds.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";

/** What is wrong with a page that shows an event, in sentences; none: it shows what its author signed. */
export function faultsOf(
  raw: unknown,
  shown: readonly { readonly pointer: string; readonly text: string }[],
  steps: readonly string[],
): readonly string[] {
  const event = verifyEvent(raw, pureSchnorr);
  if (isRejection(event)) return [`The event does not verify: ${event.message}.`];
  const manifest = JSON.parse(event.content) as UpgradeManifest;
  const faults: string[] = [];
  if (manifestHash(manifest) !== tagValue(event, "x"))
    faults.push("The manifest's hash is not the one that was signed.");
  if (manifest.id !== tagValue(event, "d")) faults.push("The manifest is of another upgrade than the event names.");
  for (const { pointer, text } of shown) {
    const said = at(manifest, pointer);
    if (said !== text)
      faults.push(`The page shows ${JSON.stringify(text)} where the author signed ${JSON.stringify(said)}.`);
  }
  if (steps.join("\n") !== manifest.pipeline.map(({ op }) => op).join("\n")) {
    faults.push("The page shows other steps than the author signed.");
  }
  return faults;
}

function at(value: unknown, pointer: string): string {
  let node = value;
  for (const name of pointer.split("/").slice(1)) {
    node = typeof node === "object" && node !== null ? (node as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return typeof node === "string" ? node : "";
}

/** Lets the visitor check the page they look at. */
export function startVerify(): void {
  const button = document.querySelector<HTMLButtonElement>("#verify");
  const verdict = document.querySelector("#verdict");
  const source = document.querySelector("#event");
  if (button === null || verdict === null || source === null) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = [...document.querySelectorAll("[data-fact]")].map((element) => ({
      pointer: element.getAttribute("data-fact") ?? "",
      text: element.textContent ?? "",
    }));
    const steps = [...document.querySelectorAll("[data-step]")].map((element) => element.textContent ?? "");
    let faults: readonly string[];
    try {
      faults = faultsOf(JSON.parse(source.textContent ?? ""), shown, steps);
    } catch (error) {
      faults = [`The event cannot be read: ${(error as Error).message}.`];
    }
    verdict.textContent =
      faults.length === 0 ? "✓ Signed by its author, and this page shows what was signed." : `✗ ${faults.join(" ")}`;
    verdict.className = faults.length === 0 ? "good" : "bad";
  });
}
