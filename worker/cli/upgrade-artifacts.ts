import { join, resolve } from "node:path";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { UpgradeArtifact, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { CHANNEL_OPTION, channelIn } from "./channel-option.ts";
import { type Command, type CommandContext, defineCommand, type ExitCode } from "./command.ts";
import { UPGRADE_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "artifacts"],
  summary: "Fetch what a manifest's artifacts are and check it against their checksums",
  arguments: { what: { summary: UPGRADE_NAME } },
  options: {
    channel: CHANNEL_OPTION,
    to: { type: "text", value: "DIR", summary: "Keep what passed in this folder" },
  },
  examples: [
    "oa upgrade artifacts upgrade.json",
    "oa upgrade artifacts naddr1qq…",
    "oa upgrade artifacts upgrade.json --to downloads --json",
  ],
  run: async ({ args, print, ...context }) => {
    const { cwd, data_dir, env, options, progress, signal, style } = context;
    const [{ openEgress }, { fetchArtifact }, { pinned }, { readConfig }] = await Promise.all([
      import("../adapters/egress.ts"),
      import("../adapters/upgrade-artifact.ts"),
      import("@oa/shared/upgrade/artifact.ts"),
      import("../config.ts"),
    ]);
    const { mkdir, writeFile } = await import("node:fs/promises");
    const manifest = await manifestOf(args.what, context);
    if (typeof manifest === "number" || isRejection(manifest)) return manifest;
    const { private_allow } = await readConfig(data_dir, env);
    const checked: { readonly url: string; readonly sha256: string; readonly bytes: number; readonly file?: string }[] =
      [];
    for (const artifact of manifest.artifacts ?? []) {
      const exact = pinned(artifact);
      if (isRejection(exact)) return exact;
      progress(`Fetching ${artifact.url}`);
      // Each may be fetched from the host it names, and its redirects lead nowhere else.
      const egress = openEgress([`network:egress:${new URL(artifact.url).host}`], { private_allow });
      const body = await fetchArtifact(exact, egress, signal);
      const { url, sha256, bytes } = exact;
      const file = options.to === undefined ? undefined : join(resolve(cwd, options.to), fileNameOf(artifact));
      if (file !== undefined) {
        await mkdir(resolve(cwd, options.to ?? "."), { recursive: true });
        await writeFile(file, body, { flag: "wx" });
      }
      checked.push({ url, sha256, bytes, ...(file === undefined ? {} : { file }) });
    }
    print({ artifacts: checked }, () =>
      checked.length === 0
        ? "It has no artifacts."
        : checked
            .map(({ url, sha256, bytes }) => `${style("green", "as signed")}  ${url}, ${bytes} bytes, sha256 ${sha256}`)
            .join("\n"),
    );
    return 0;
  },
});

/** Of a file, or as the worker finds the listing; a number: it was said to be not valid. Refusals: those of both. */
async function manifestOf(
  what: string,
  {
    api,
    cwd,
    fail,
    options,
    signal,
  }: Pick<CommandContext, "api" | "cwd" | "fail" | "signal"> & {
    readonly options: { readonly channel?: string | undefined };
  },
): Promise<UpgradeManifest | ExitCode | Rejection> {
  const { listingIn } = await import("./install-source.ts");
  const source = await listingIn(what, cwd);
  if (source !== null) {
    const body = { source, ...channelIn(options.channel) };
    type Found = { readonly manifest: UpgradeManifest };
    const found = await (await api()).post<Found>("/v1/upgrades/manifest", body, signal);
    return isRejection(found) ? found : found.manifest;
  }
  const { invalidManifest, reportOn } = await import("./manifest-file.ts");
  const report = await reportOn(resolve(cwd, what));
  if (isRejection(report)) return report;
  return report.manifest ?? invalidManifest(what, report, fail);
}

/** The last part of the address, as a name that stays in its folder. */
export function fileNameOf({ url, sha256 }: UpgradeArtifact): string {
  const name = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
  return /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$/.test(name) ? name : (sha256 ?? "artifact");
}

/**
 * A manifest whose artifacts state the numbers of their files in a folder; one that is not there must state its own.
 * Refusals: artifact_mismatch, not_found. Faults: too_large, path_not_regular, internal.
 */
export async function pinArtifacts(manifest: UpgradeManifest, folder: string): Promise<UpgradeManifest | Rejection> {
  const [{ measureFile }, { pinTo }] = await Promise.all([
    import("../adapters/upgrade-artifact.ts"),
    import("@oa/shared/upgrade/artifact.ts"),
  ]);
  const artifacts: UpgradeArtifact[] = [];
  for (const artifact of manifest.artifacts ?? []) {
    const file = join(folder, fileNameOf(artifact));
    const found = await measureFile(file);
    const stated = artifact.sha256 !== undefined && artifact.bytes !== undefined;
    if (found === null && !stated) return reject("not_found", `there is no ${file} for the artifact ${artifact.url}`);
    const pinned = found === null ? artifact : pinTo(artifact, found, file);
    if (isRejection(pinned)) return pinned;
    artifacts.push(pinned);
  }
  return manifest.artifacts === undefined ? manifest : { ...manifest, artifacts };
}
