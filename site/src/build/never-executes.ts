import { relative, sep } from "node:path";
import { type BuildPlugin, type Bundle, inBrowser } from "./plugin.ts";

/** Folders whose code carries upgrades out or serves others: none of it has a place in a visitor's browser. */
const ELSEWHERE = ["worker", "edge", "scripts", "schemas", "test"];

/** Ways to run text as a program. */
const RUNS_TEXT: readonly (readonly [string, RegExp])[] = [
  ["eval", /(?<![.\w$])eval\s*\(/],
  ["new Function", /\bnew\s+Function\b|(?<![.\w$])Function\s*\(/],
  ["WebAssembly", /\bWebAssembly(?:\.\w|\[)/],
  ["importScripts", /\bimportScripts\b/],
];

/** Why a bundle may not be shipped, in sentences; none: it shows, signs and sends, and executes nothing. */
export function objectionsTo(bundle: Bundle, root: string): readonly string[] {
  return Object.entries(bundle).flatMap(([file, output]) => {
    if (output.type !== "chunk") return [];
    const modules = output.moduleIds
      .map((id) => relative(root, id.replace(/^\0/, "").replace(/\?.*$/, "")).split(sep).join("/"))
      .filter((path) => ELSEWHERE.some((folder) => path.startsWith(`${folder}/`)) && !path.includes("node_modules/"));
    const texts = RUNS_TEXT.filter(([, pattern]) => pattern.test(output.code)).map(([name]) => name);
    return [
      ...modules.map((path) => `${file} holds ${path}: a coordinator never executes`),
      ...texts.map((name) => `${file} uses ${name}: a coordinator never runs text as a program`),
    ];
  });
}

/** Fails the build of a browser bundle that could carry out an upgrade. `root` is the checkout. */
export function neverExecutes(root: string): BuildPlugin {
  return {
    name: "never-executes",
    applyToEnvironment: inBrowser,
    generateBundle(_, bundle) {
      const objections = objectionsTo(bundle, root);
      if (objections.length > 0) this.error(objections.join("\n"));
    },
  };
}
