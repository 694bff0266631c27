/**
 * Rendered documentation as everybody can read it: a table that is wider than the window is moved by keyboard too, and an
 * empty corner is no heading.
 */
export function readable(html: string | undefined): string {
  if (html === undefined) throw new Error("a page of documentation was not rendered");
  return html.replaceAll("<table>", '<table tabindex="0">').replaceAll("<th></th>", "<td></td>");
}
