import { spawnSync } from "node:child_process";

/**
 * Whether a test may run: `false`, or why it is skipped. With OA_TEST_REQUIRE=all nothing may be skipped, so that the
 * gate cannot pass by lacking a tool.
 */
export function needs(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
  if (missing.length === 0) return false;
  const reason = `needs ${missing.join(", ")}, which this machine does not have`;
  if (process.env.OA_TEST_REQUIRE === "all") throw new Error(reason);
  return reason;
}
