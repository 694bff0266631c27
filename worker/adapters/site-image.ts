import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Sharp } from "sharp";

/** What stands on a listing's picture. */
export interface ImageText {
  readonly title: string;
  readonly summary: string;
  /** Price and author: one line. */
  readonly facts: string;
}

const [WIDTH, HEIGHT, MARGIN] = [1_200, 630, 80];
const TEXT_TOP = 190;
/** Tried in turn until the text fits; what does not fit the last is cut off below. */
const SIZES = [68, 56, 46, 36] as const;
const [SUMMARY_CHARS, FACTS_CHARS] = [220, 90];
/** Named here, so that a picture drawn otherwise is drawn again. */
export const IMAGE_VERSION = "1";

/** Draws pictures of 1200 by 630 (Open Graph), as PNG. */
export interface Images {
  readonly draw: (text: ImageText) => Promise<Uint8Array>;
}

/**
 * Text is laid out by Pango in DejaVu Sans: Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian come out
 * everywhere; other scripts where the machine has a font for them, and as boxes where it has none. What authors write is
 * escaped, so it is never markup, and clipped, so it never leaves its place.
 */
export async function openImages(): Promise<Images> {
  const { default: draw } = await import("sharp");
  const folder = join(dirname(createRequire(import.meta.url).resolve("dejavu-fonts-ttf/package.json")), "ttf");
  const [regular, bold] = [join(folder, "DejaVuSans.ttf"), join(folder, "DejaVuSans-Bold.ttf")];
  const write = (markup: string, fontfile: string) =>
    draw({
      text: {
        text: markup,
        font: "DejaVu Sans",
        fontfile,
        width: WIDTH - 2 * MARGIN,
        dpi: 72,
        rgba: true,
        wrap: "word-char",
      },
    });
  // A font stays known to the process once it was named.
  const name = await write(`<span size="${36 * 1024}" weight="bold" foreground="#1b1c20">Agent Upgrades</span>`, bold)
    .png()
    .toBuffer();
  const ground = await draw(Buffer.from(GROUND))
    .composite([{ input: name, left: MARGIN + 64, top: 72 }])
    .png()
    .toBuffer();
  return {
    draw: async (text) => {
      const layer = await fitted((size) => write(markupOf(text, size), regular));
      const picture = draw(ground).composite([{ input: layer, left: MARGIN, top: TEXT_TOP }]);
      return picture.png({ palette: true, colours: 64, effort: 4 }).toBuffer();
    },
  };
}

/** The text at the largest size at which it fits. */
async function fitted(at: (size: number) => Sharp): Promise<Buffer> {
  const room = HEIGHT - TEXT_TOP - MARGIN / 2;
  for (const size of SIZES) {
    const { data, info } = await at(size).png().toBuffer({ resolveWithObject: true });
    if (info.height <= room && info.width <= WIDTH - 2 * MARGIN) return data;
    if (size !== SIZES.at(-1)) continue;
    const area = {
      left: 0,
      top: 0,
      width: Math.min(info.width, WIDTH - 2 * MARGIN),
      height: Math.min(info.height, room),
    };
    return at(size).extract(area).png().toBuffer();
  }
  throw new Error("assertion failed: there is a size");
}

function markupOf({ title, summary, facts }: ImageText, size: number): string {
  const short = (text: string, chars: number): string => (text.length > chars ? `${text.slice(0, chars - 1)}…` : text);
  const part = (text: string, at: number, rest: string): string =>
    text === "" ? "" : `<span size="${Math.round(at * 1024)}" ${rest}>${escaped(text)}</span>`;
  return [
    part(title, size, 'weight="bold" foreground="#1b1c20"'),
    part(short(summary, SUMMARY_CHARS), size * 0.5, 'foreground="#5d6068"'),
    part(short(facts, FACTS_CHARS), size * 0.46, 'weight="bold" foreground="#8a4b0f"'),
  ]
    .filter((text) => text !== "")
    .join('\n<span size="12288"> </span>\n');
}

/** As Pango's markup; what would turn the direction of the text around it, or is no character, is left out. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

const GROUND = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fbfaf7"/>
  <rect width="${WIDTH}" height="14" fill="#8a4b0f"/>
  <g transform="translate(${MARGIN} 68) scale(1.5)">
    <circle cx="16" cy="16" r="15" fill="#8a4b0f"/>
    <path d="M16 9v14M10 15l6-6 6 6" stroke="white" stroke-width="3" fill="none"/>
  </g>
</svg>`;
