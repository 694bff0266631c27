import assert from "node:assert/strict";
import { test } from "node:test";
import decodeQR from "qr/decode.js";
import { qrLines } from "./qr-code.ts";

const LINK = `https://edge.example/install/#pair=${"a".repeat(64)}.Zm9vYmFyYmF6cXV4MTIz&until=1766000000&relay=wss%3A%2F%2Frelay.example`;

/** The picture a camera would see of the lines, four pixels a module. */
function picture(lines: readonly string[]) {
  const light = { "█": [true, true], "▀": [true, false], "▄": [false, true], " ": [false, false] } as const;
  const rows = lines.flatMap((line) => [0, 1].map((half) => [...line].map((cell) => light[cell as "█"][half as 0])));
  const [scale, width] = [4, (rows[0]?.length ?? 0) * 4];
  const data = new Uint8Array(width * rows.length * scale * 4);
  for (const [at] of [...data].entries()) {
    const pixel = Math.floor(at / 4);
    const [y, x] = [Math.floor(pixel / width / scale), Math.floor((pixel % width) / scale)];
    data[at] = at % 4 === 3 || rows[y]?.[x] === true ? 255 : 0;
  }
  return { width, height: rows.length * scale, data };
}

test("a pairing link is read back from the code in the terminal, which fits 80 columns", () => {
  const lines = qrLines(LINK, false);
  assert.equal(decodeQR(picture(lines)), LINK);
  assert.ok(
    lines.every((line) => [...line].length <= 80),
    `${[...(lines[0] ?? "")].length} columns`,
  );
});

test("with colour each line sets its own and leaves none behind", () => {
  for (const line of qrLines(LINK, true)) {
    assert.ok(line.startsWith("\u001b[97;40m") && line.endsWith("\u001b[0m"), JSON.stringify(line));
  }
});
