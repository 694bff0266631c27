import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { type ImageText, openImages } from "./site-image.ts";
import { filesAtMost, pictured } from "./site-pictures.ts";

const PLAIN: ImageText = { title: "Nightly index", summary: "While you sleep.", facts: "free · by Ada" };

/** Whether anything is drawn where no text may be: within 30 pixels of the edge, the bar at the top left out. */
async function marginIsClean(png: Uint8Array): Promise<boolean> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let y = 20; y < info.height; y += 1) {
    for (let x = 0; x < info.width; x += 1) {
      if (x >= 30 && x < info.width - 30 && y < info.height - 30) continue;
      const at = (y * info.width + x) * info.channels;
      if ((data[at] ?? 0) < 0xe0 || (data[at + 1] ?? 0) < 0xe0 || (data[at + 2] ?? 0) < 0xe0) return false;
    }
  }
  return true;
}

test("no text leaves its place or breaks a picture: markup, scripts of every direction, long and empty ones", async () => {
  const images = await openImages();
  const texts: readonly ImageText[] = [
    PLAIN,
    { title: '</span><span size="9999999">x', summary: "<b>&amp;</b> ]]>", facts: "&#0; &nosuch;" },
    { title: "\u202eDrow\u2066 مراجعة קבצים 夜間 Привет", summary: "\u0000\u0007\u001b[31m", facts: "\ud800" },
    { title: "W".repeat(120), summary: "W".repeat(1_000), facts: "W".repeat(1_000) },
    { title: "wide words ".repeat(11), summary: "and lines\n".repeat(90), facts: "more\n".repeat(30) },
    { title: "abc", summary: "", facts: "" },
  ];
  for (const text of texts) {
    const png = await images.draw(text);
    const { format, width, height } = await sharp(png).metadata();
    assert.deepEqual({ format, width, height }, { format: "png", width: 1_200, height: 630 });
    assert.ok(await marginIsClean(png), text.title);
    assert.ok(png.byteLength < 150_000, `${png.byteLength} bytes`);
  }
});

test("the same text is the same picture, and another text another", async () => {
  const images = await openImages();
  const [one, same, other] = await Promise.all([PLAIN, PLAIN, { ...PLAIN, title: "Other" }].map(images.draw));
  assert.deepEqual(one, same);
  assert.notDeepEqual(one, other);
});

test("pictures fill what a host has room for beside the pages, the newest first", () => {
  const details = Array.from({ length: 10_000 }, (_, index) => ({
    listing: {
      ...{ pubkey: `key ${index % 2_000}`, created_at: index, event_id: String(index) },
      ...{ categories: ["a", `b${index % 9}`], tags: [`t${index % 300}`] },
    },
  })) as never as Parameters<typeof pictured>[0];
  const files = filesAtMost(details);
  assert.ok(files > 10_000 + 2 * 2_000 && files < 20_000, String(files));
  const shown = pictured(details, 20_000);
  assert.ok(shown.length > 0 && shown.length + files < 20_000);
  assert.equal(shown[0]?.listing.event_id, "9999");
  assert.equal(pictured(details, null).length, 10_000);
  assert.equal(pictured(details, 100).length, 0);
});
