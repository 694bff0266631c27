import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import type { ReadStream, WriteStream } from "node:tty";
import { Fault } from "@oa/shared/core/refusal.ts";
import { passphraseFrom } from "./passphrase.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-passphrase-"));
after(() => rmSync(folder, { recursive: true }));

/** A FAKE terminal: streams that say they are one and note whether they echo. */
function terminal(isTTY = true) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode: (raw: boolean) => {
      modes.push(raw);
      return input;
    },
  });
  const output = Object.assign(new PassThrough(), { isTTY });
  const said = (): string => String(output.read() ?? "");
  return {
    ...{ input: input as unknown as ReadStream, output: output as unknown as WriteStream },
    ...{ type: (text: string) => void input.write(text), modes, said },
  };
}
const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;

test("on a terminal it is asked for and not shown; what is erased does not count", async () => {
  const screen = terminal();
  const asked = passphraseFrom({}, screen)("my.key");
  screen.type("opeb\u007fn se\u001bsame\r");
  assert.equal(await asked, "open sesame");
  assert.deepEqual(screen.modes, [true, false]);
  assert.equal(screen.said(), "Passphrase of my.key: \n");
});

test("Ctrl-C at the question is a no, and the terminal shows what is typed again", async () => {
  const screen = terminal();
  const asked = passphraseFrom({}, screen)("my.key");
  screen.type("open\u0003");
  await assert.rejects(asked, code("canceled"));
  assert.deepEqual(screen.modes, [true, false]);
});

test("a file descriptor comes before the environment, and gives a line to each key", async () => {
  const path = join(folder, "passphrase");
  writeFileSync(path, "from a file\r\nmore\n");
  const fd = openSync(path, "r");
  try {
    const env = { OA_PASSPHRASE_FD: String(fd), OA_PASSPHRASE: "from the environment" };
    const ask = passphraseFrom(env, terminal());
    assert.deepEqual(
      [await ask("my.key"), await ask("other.key"), await ask("third.key")],
      ["from a file", "more", ""],
    );
  } finally {
    closeSync(fd);
  }
  assert.equal(await passphraseFrom({ OA_PASSPHRASE: "given" }, terminal())("my.key"), "given");
});

test("without a terminal, with a descriptor that is none, it is refused with a way to give it", async () => {
  await assert.rejects(passphraseFrom({}, terminal(false))("my.key"), (error: unknown) => {
    assert.ok(code("passphrase_needed")(error));
    return /OA_PASSPHRASE_FD/.test(String((error as Fault).message));
  });
  await assert.rejects(passphraseFrom({ OA_PASSPHRASE_FD: "x" }, terminal())("my.key"), code("usage"));
  await assert.rejects(passphraseFrom({ OA_PASSPHRASE_FD: "9999" }, terminal())("my.key"), code("passphrase_needed"));
});
