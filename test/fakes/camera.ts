/** What a browser is started with, so that it has a FAKE camera, which shows the film in this file to whoever asks. */
export function cameraOf(film: string): readonly string[] {
  return [
    ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
    `--use-file-for-fake-video-capture=${film}`,
  ];
}

/** What a FAKE camera sees: a film of one picture (YUV4MPEG2), the code as the terminal shows it. */
export function filmOf(lines: readonly string[]): Uint8Array {
  const light: Readonly<Record<string, readonly [boolean, boolean]>> = {
    ...{ "█": [true, true], "▀": [true, false], "▄": [false, true], " ": [false, false] },
  };
  const rows = lines.flatMap((line) => [0, 1].map((half) => [...line].map((cell) => light[cell]?.[half] === true)));
  const [scale, size] = [8, 640];
  const luma = new Uint8Array(size * size).fill(235);
  for (const [y, row] of rows.entries()) {
    for (const [x, is_light] of row.entries()) {
      if (is_light) continue;
      for (let dy = 0; dy < scale; dy += 1) {
        const at = (60 + y * scale + dy) * size + 60 + x * scale;
        luma.fill(16, at, at + scale);
      }
    }
  }
  const head = new TextEncoder().encode(`YUV4MPEG2 W${size} H${size} F5:1 Ip A1:1 C420mpeg2\n`);
  const frame = [new TextEncoder().encode("FRAME\n"), luma, new Uint8Array((size * size) / 2).fill(128)];
  return Buffer.concat([head, ...frame, ...frame]);
}
