import { LIMITS } from "@oa/shared/core/limits.ts";
import { hexToNpub, npubToHex } from "@oa/shared/nostr/npub.ts";
import { keepChoice, readChoice, startChoice } from "./choice.ts";
import { make } from "./install/elements.ts";

/** Lets a reader choose whose decisions apply to them; each change is kept at once. */
export function startChoosing(): void {
  const form = document.querySelector<HTMLFormElement>("form.choose");
  const list = form?.querySelector("ul");
  const says = form?.querySelector<HTMLElement>(".chosen");
  const add = form?.querySelector<HTMLElement>(".add");
  const other = form?.elements.namedItem("other");
  if (!form || !list || !says || !add || !(other instanceof HTMLInputElement)) return;
  const own = form.dataset.operator === undefined ? [] : [form.dataset.operator];

  const boxes = (): readonly HTMLInputElement[] => [...list.querySelectorAll("input")];
  const show = (keys: readonly string[]): void => {
    for (const key of keys) if (!boxes().some(({ value }) => value === key)) list.append(stranger(key));
    const whole = own.length > 0 && own.every((key) => keys.includes(key));
    for (const box of boxes()) {
      // Whoever follows the operator follows its curators, within their roles.
      const implied = whole && box.dataset.standing === "curator" && !keys.includes(box.value);
      box.checked = implied || keys.includes(box.value);
      box.disabled = implied;
    }
  };
  const change = (keys: readonly string[] | null): void => {
    if (keys !== null && keys.length > LIMITS.moderation_chosen) {
      says.textContent = `At most ${LIMITS.moderation_chosen} moderators apply at once: leave one out first.`;
      show(readChoice() ?? own);
      return;
    }
    // Choosing what applies anyway is choosing nothing: the mirror's operator may change.
    const kept = keys !== null && keys.join() === own.join() ? null : keys;
    if (!keepChoice(kept)) {
      says.textContent = "This browser keeps nothing for this site, so that nothing can be chosen.";
      return;
    }
    show(kept ?? own);
    void tell(kept, says);
  };

  list.addEventListener("change", () => {
    change(boxes().flatMap(({ checked, disabled, value }) => (checked && !disabled ? [value] : [])));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = other.value.trim();
    const key = /^[0-9a-f]{64}$/.test(text) ? text : npubToHex(text);
    if (key === null) {
      says.textContent = `${text === "" ? "Nothing" : text.slice(0, 80)} is no key: write an npub, or 64 hex digits.`;
      return;
    }
    other.value = "";
    change([...new Set([...(readChoice() ?? own), key])]);
  });
  form.querySelector(".own")?.addEventListener("click", () => change(null));
  add.hidden = false;
  show(readChoice() ?? own);
  if (location.hash === "#whose") form.closest("details")?.setAttribute("open", "");
  startChoice();
}

/** Says whose decisions apply from now on. */
async function tell(chosen: readonly string[] | null, says: HTMLElement): Promise<void> {
  const [{ follow }, { markLedger, whoApplies }] = await Promise.all([
    import("./following.ts"),
    import("./apply-choice.ts"),
  ]);
  if (chosen === null) {
    markLedger(null);
    says.textContent = "This mirror’s own moderators apply, as for everybody who chose nobody else.";
    return;
  }
  try {
    const following = await follow(chosen);
    markLedger(following.followed.trust);
    says.textContent = whoApplies(following).replace(" apply here", " apply on every page of this site");
  } catch (error) {
    says.textContent = `Your choice is kept, but ${error instanceof Error ? error.message : String(error)}.`;
  }
}

/** Somebody whom the mirror does not name. */
function stranger(key: string): HTMLLIElement {
  const box = make("input", { type: "checkbox", name: "key", value: key });
  const npub = hexToNpub(key);
  return make(
    "li",
    {},
    make("label", {}, box, " ", make("strong", {}, `${npub.slice(0, 12)}…`)),
    make(
      "p",
      { class: "quiet" },
      "added by you; no list of this mirror’s operator names it",
      make("br"),
      make("code", {}, npub),
    ),
  );
}
