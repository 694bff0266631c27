import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { readUnseen } from "./passphrase.ts";

/** A secret's value from the terminal, which does not show it, or all of stdin where that is none. Refusal: usage. */
export async function readSecretValue(name: string): Promise<string | Rejection> {
  const { stdin, stderr } = process;
  const most = LIMITS.secret_chars + 2;
  if (stdin.isTTY && stderr.isTTY) return readUnseen(stdin, stderr, `Value of ${name}: `, most);
  let text = "";
  for await (const chunk of stdin.setEncoding("utf8")) {
    text += chunk;
    if (text.length > most)
      return reject("usage", `the value of ${name} is longer than ${LIMITS.secret_chars} characters`);
  }
  const value = text.replace(/\r?\n$/, "");
  return value === "" ? reject("usage", `give the value of ${name} on stdin, or run this on a terminal`) : value;
}
