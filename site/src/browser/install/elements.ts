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
    const here = document.activeElement === pressed;
    pressed.disabled = true;
    says.textContent = "";
    try {
      await act();
    } catch (error) {
      says.textContent = sentenceOfError(error);
    } finally {
      pressed.disabled = false;
      // A button that is disabled loses the focus.
      if (here && document.activeElement === document.body) pressed.focus();
    }
  });
  return make("div", { class: "act" }, pressed, says);
}

/** The Enter key in a field presses a button. */
export function pressOnEnter(input: HTMLInputElement, pressed: HTMLElement): void {
  input.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") pressed.querySelector("button")?.click();
  });
}

/** A button for what cannot be taken back: it asks first, and pressing again is the answer. */
export function buttonAsking(label: string, question: string, act: () => unknown): HTMLElement {
  let asked = false;
  const made = button(
    label,
    async () => {
      if (asked) {
        await act();
        return;
      }
      asked = true;
      pressed?.replaceChildren(question);
    },
    { class: "plain" },
  );
  const pressed = made.querySelector("button");
  pressed?.addEventListener("blur", () => {
    asked = false;
    pressed.replaceChildren(label);
  });
  return made;
}

/** Shows another screen in the place of this one, from its top, and takes whoever reads by ear or keyboard along. */
export function turnTo(screen: HTMLElement, ...content: readonly Node[]): void {
  screen.replaceChildren(...content);
  arriveAt(screen);
}

/** Names the page after its screen, and puts the focus at the screen's beginning. */
export function arriveAt(screen: HTMLElement): void {
  const heading = nameAfter(screen);
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.closest("main")?.scrollTo(0, 0);
}

/** Names the page after its screen, in tabs and in the browser's history. */
export function nameAfter(screen: HTMLElement): HTMLElement | null {
  const heading = screen.querySelector("h1");
  document.title = `${(heading?.textContent ?? "Coordinator").slice(0, 80)} · Agent Upgrades`;
  return heading;
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

/** What needs the key, where it is not open. */
export function keyNotice(known: boolean, what: string): HTMLElement {
  const way = make("a", { href: "#/key" }, known ? "unlock your key" : "make or connect a key");
  return make("p", { class: "notice" }, `${what}: first `, way, ".");
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
