export type Child = Node | string | null | undefined;

/** An element with its attributes and children. Text is only ever text: what authors wrote is never markup. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** What an author declares of an upgrade, under its own heading; null: nothing. */
export function declared(sentences: readonly string[]): HTMLElement | null {
  if (sentences.length === 0) return null;
  const items = sentences.map((sentence) => make("li", {}, sentence));
  return make("section", { class: "declares" }, make("h2", {}, "What its author declares"), make("ul", {}, ...items));
}

/** A button that cannot be pressed twice while what it does goes on; what goes wrong is said beside it. */
export function button(
  label: string,
  act: () => unknown,
  attributes: Readonly<Record<string, string>> = {},
): HTMLElement {
  const says = make("span", { class: "says", role: "status" });
  const pressed = make("button", { type: "button", ...attributes }, label);
  pressed.addEventListener("click", async () => {
    pressed.disabled = true;
    says.textContent = "";
    try {
      await act();
    } catch (error) {
      says.textContent = sentenceOfError(error);
    } finally {
      pressed.disabled = false;
    }
  });
  return make("div", { class: "act" }, pressed, says);
}

/** A label over its field, with a hint under it. */
export function field(label: string, control: HTMLElement, hint = ""): HTMLElement {
  return make(
    "label",
    { class: "field" },
    make("span", {}, label),
    control,
    hint === "" ? null : make("small", {}, hint),
  );
}

/** A choice among a few. */
export function select(
  name: string,
  options: readonly (readonly [string, string])[],
  chosen: string,
): HTMLSelectElement {
  const made = make(
    "select",
    { name },
    ...options.map(([value, text]) => make("option", { value, selected: value === chosen }, text)),
  );
  return made;
}

/** A list of facts: what, and what it is. */
export function facts(rows: readonly (readonly [string, Child])[]): HTMLElement {
  return make("dl", {}, ...rows.flatMap(([what, is]) => [make("dt", {}, what), make("dd", {}, is)]));
}

/** What went wrong, as a sentence for people. */
export function sentenceOfError(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** The first digits of a key: enough to compare two on one's own machines, with all of it on hover. */
export function shortKey(key: string): HTMLElement {
  return make("code", { title: key }, `${key.slice(0, 8)}…${key.slice(-8)}`);
}
