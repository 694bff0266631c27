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
      faults.length === 0 ? "✓ Signed by its author, and this page shows what was signed." : `✗ ${faults.join(" ")}`;
    verdict.className = faults.length === 0 ? "good" : "bad";
  });
}

async function faultsOfPage(event: string): Promise<readonly string[]> {
  const shown: Record<string, string[]> = {};
  for (const element of document.querySelectorAll("[data-said]")) {
    const name = element.getAttribute("data-said") ?? "";
    shown[name] = [...(shown[name] ?? []), element.textContent ?? ""];
  }
  try {
    // Signatures take code that most visitors never need, so it comes when it is asked for.
    const { faultsOf } = await import("./verify.ts");
    return faultsOf(JSON.parse(event), shown);
  } catch (error) {
    return [`The page could not be checked: ${(error as Error).message}.`];
  }
}
