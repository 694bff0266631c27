import type { LightningNetwork } from "@oa/shared/core/bolt11.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { ReceiptReport } from "@oa/shared/generated/types.ts";
import { type Command, type CommandContext, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

// Written out: the codec is heavy, and help loads this module.
const NETWORKS: readonly LightningNetwork[] = ["bitcoin", "testnet", "signet", "regtest"];

export const command: Command = defineCommand({
  words: ["receipt", "verify"],
  summary: "Check a licence receipt, offline or with an edge: exit 0 valid, 1 unproven, 3 invalid",
  arguments: { file: { summary: "Receipt, manifest, invoice and preimage as one JSON file; - reads stdin" } },
  options: {
    online: { type: "flag", summary: "Ask the edge what only it can know; invoice and preimage are sent to it" },
    edge: { type: "text", value: "URL", summary: "The edge to ask (default: edge_url of the settings)" },
    trust: { type: "text", value: "KEY", repeat: true, summary: "An edge whose proof in the file counts offline" },
    network: {
      type: "text",
      value: "NAME",
      repeat: true,
      choices: NETWORKS,
      summary: "Whose payments count (default: bitcoin; regtest for the development node)",
    },
  },
  examples: [
    "oa receipt verify receipt.json",
    "oa receipt verify - --json < receipt.json",
    "oa receipt verify receipt.json --online --edge https://edge.example",
  ],
  run: async (context) => {
    const { args, cwd, fail, options, print, signal, style } = context;
    const [{ readJsonInput }, { checkReceipt, readBundle }, { loadSchnorr }, { trustedKeys }] = await Promise.all([
      import("./json-input.ts"),
      import("../admin/receipts.ts"),
      import("../adapters/schnorr.ts"),
      import("./trusted-keys.ts"),
    ]);
    const trusted_edges = trustedKeys(options.trust);
    if (isRejection(trusted_edges)) return trusted_edges;
    const edge = options.online ? await edgeOf(context, options.edge) : null;
    if (isRejection(edge)) return edge;
    const input = await readJsonInput(args.file, cwd);
    const bundle = isRejection(input) ? input : readBundle(input.value);
    if (isRejection(bundle)) return fail(bundle, { verdict: "invalid", checks: [] });
    const report = await checkReceipt(bundle, {
      claim: null,
      networks: NETWORKS.filter((name) =>
        (options.network.length === 0 ? ["bitcoin"] : options.network).includes(name),
      ),
      trusted_edges,
      edge,
      now_s: Math.floor(Date.now() / 1000),
      schnorr: await loadSchnorr(),
      signal,
    });
    if (isRejection(report)) return report;
    print(report, () => reportLines(report, style).join("\n"));
    return report.verdict === "valid" ? 0 : report.verdict === "unproven" ? 1 : 3;
  },
});

/** A report for people: the verdict, and each check with its code. */
function reportLines({ verdict, checks }: ReceiptReport, style: CommandContext["style"]): readonly string[] {
  const colour = verdict === "valid" ? "green" : verdict === "invalid" ? "red" : "yellow";
  const mark = (ok: boolean | null): string => (ok === null ? "?" : ok ? "✓" : "✗");
  return [
    style(colour, verdict),
    ...checks.map(({ ok, message, code }) => plain(`  ${mark(ok)} ${message} (${code})`)),
  ];
}

async function edgeOf({ data_dir, env }: Pick<CommandContext, "data_dir" | "env">, given: string | undefined) {
  const [{ readConfig }, { openEdgeClient, openEdgeEgress }, { refuseInTheClear }] = await Promise.all([
    import("../config.ts"),
    import("../adapters/edge-client.ts"),
    import("../admin/receipts.ts"),
  ]);
  const url = (given ?? (await readConfig(data_dir, env)).edge_url)?.replace(/\/+$/, "");
  if (url === undefined) return reject("usage", "no edge is set: give --edge URL, or set edge_url in config.json");
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    return reject("usage", `${JSON.stringify(url)} is not an http or https address`);
  }
  return refuseInTheClear(url) ?? openEdgeClient(url, openEdgeEgress(url));
}
