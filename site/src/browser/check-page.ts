/** Lets the visitor check the page they look at: the event that it shows, and the texts that it marks as signed. */
export function startCheck(): void {
  const button = document.querySelector<HTMLButtonElement>("#verify");
  const verdict = document.querySelector("#verdict");
  const source = document.querySelector("#event");
  if (button === null || verdict === null || source === null) return;
  const rated = document.querySelector("#rollup") === null ? "" : ", its reputation by an indexer";
  const good = `Signed by its author${rated}, and this page shows what was signed.`;
  checkOnClick({ button, verdict, good }, () => faultsOfPage(source.textContent ?? ""));
}

/** The same for each decision or list of a page that shows several signed events. */
export function startEventChecks(): void {
  for (const part of document.querySelectorAll("[data-signed]")) {
    const button = part.querySelector<HTMLButtonElement>("button.verify");
    const verdict = part.querySelector(".verdict");
    const source = part.querySelector("code.event");
    if (button === null || verdict === null || source === null) continue;
    const good = "Signed by the key that is named, and what stands here is what was signed.";
    checkOnClick({ button, verdict, good }, async () => {
      const { signedFaultsOf } = await import("./verify.ts");
      return signedFaultsOf(JSON.parse(source.textContent ?? ""), shown("data-said", part));
    });
  }
}

interface Check {
  readonly button: HTMLButtonElement;
  readonly verdict: Element;
  /** What is said where nothing is wrong. */
  readonly good: string;
}

function checkOnClick({ button, verdict, good }: Check, faultsHere: () => Promise<readonly string[]>): void {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    verdict.textContent = "checking …";
    const faults = await faultsHere().catch((error: Error) => [`It could not be checked: ${error.message}.`]);
    button.disabled = false;
    verdict.textContent = faults.length === 0 ? `✓ ${good}` : `✗ ${faults.join(" ")}`;
    verdict.classList.remove("good", "bad");
    verdict.classList.add(faults.length === 0 ? "good" : "bad");
  });
}

async function faultsOfPage(event: string): Promise<readonly string[]> {
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
}

function unsigned(rated: object): readonly string[] {
  return Object.keys(rated).length === 0 ? [] : ["The page shows a reputation and not the event that says so."];
}

/** The texts that a page, or a part of it, marks, by what they are marked as. */
function shown(attribute: string, part: ParentNode = document): Readonly<Record<string, readonly string[]>> {
  const texts: Record<string, string[]> = {};
  for (const element of part.querySelectorAll(`[${attribute}]`)) {
    const name = element.getAttribute(attribute) ?? "";
    texts[name] = [...(texts[name] ?? []), element.textContent ?? ""];
  }
  return texts;
}
