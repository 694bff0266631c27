/** Lets the visitor copy what a button is for, where the browser has a clipboard; elsewhere the button stays away. */
export function startCopying(): void {
  if (navigator.clipboard === undefined) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>("button.copy")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(button.dataset.copy ?? "").then(
        () => "Copied",
        () => "Not allowed: copy it by hand",
      );
      button.textContent = done;
      button.addEventListener("blur", () => button.replaceChildren(label ?? ""), { once: true });
    });
  }
}
