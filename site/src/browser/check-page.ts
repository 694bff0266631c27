/** Lets the visitor check the page they look at: the event that it shows, and the texts that it marks as signed. */
export function startCheck(): void {
  const button = document.querySelector<HTMLButtonElement>("#verify");
  const verdict = document.querySelector("#verdict");
  const source = document.querySelector("#event");
  if (button === null || verdict === null || source === null) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    verdict.textContent = "checking …";
    const faults = await faultsOfPage(source.textContent ?? "");
    button.disabled = false;
    verdict.textContent =
      faults.length === 0
        ? `✓ Signed by its author${document.querySelector("#rollup") === null ? "" : ", its reputation by an indexer"}, and this page shows what was signed.`
        : `✗ ${faults.join(" ")}`;
    verdict.className = faults.length === 0 ? "good" : "bad";
  });
}

async function faultsOfPage(event: string): Promise<readonly string[]> {
  try {
    // Signatures take code that most visitors never need, so it comes when it is asked for.
    const { faultsOf, reputationFaultsOf } = await import("./verify.ts");
    const rollup = document.querySelector("#rollup")?.textContent ?? null;
    const listing = document.querySelector("#address")?.textContent?.trim() ?? "";
    return [
      ...faultsOf(JSON.parse(event), shown("data-said")),
      ...(rollup === null
        ? unsigned(shown("data-rated"))
        : reputationFaultsOf(JSON.parse(rollup), listing, shown("data-rated"))),
    ];
  } catch (error) {
    return [`The page could not be checked: ${(error as Error).message}.`];
  }
}

function unsigned(rated: object): readonly string[] {
  return Object.keys(rated).length === 0 ? [] : ["The page shows a reputation and not the event that says so."];
}

/** The texts that a page marks, by what they are marked as. */
function shown(attribute: string): Readonly<Record<string, readonly string[]>> {
  const texts: Record<string, string[]> = {};
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    const name = element.getAttribute(attribute) ?? "";
    texts[name] = [...(texts[name] ?? []), element.textContent ?? ""];
  }
  return texts;
}
