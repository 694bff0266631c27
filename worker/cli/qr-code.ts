import encodeQR from "qr";

/** Two rows of modules a line, so that the code is square: dark on light whatever the terminal's own colours are. */
const HALVES = { "00": "█", "01": "▀", "10": "▄", "11": " " } as const;
const QUIET_MODULES = 2;

/** A text as a QR code for a terminal: lines of half blocks. With `color` it is black on white in any theme. */
export function qrLines(text: string, color: boolean): readonly string[] {
  const modules = encodeQR(text, "raw", { ecc: "low", border: QUIET_MODULES });
  const lines: string[] = [];
  for (let row = 0; row < modules.length; row += 2) {
    const [upper = [], lower] = [modules[row], modules[row + 1]];
    const cells = upper.map((dark, column) => HALVES[`${dark ? 1 : 0}${lower?.[column] === true ? 1 : 0}`]);
    lines.push(color ? `\u001b[97;40m${cells.join("")}\u001b[0m` : cells.join(""));
  }
  return lines;
}
