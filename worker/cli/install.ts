import type { ConsentView } from "@oa/shared/api/ports.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { diffLines } from "./diff-lines.ts";
import { UPGRADE_NAME } from "./find-install.ts";
import { INPUT_OPTION, parseInputs } from "./input-texts.ts";
import { keyText } from "./key-text.ts";
import { lookedUpBy, MODERATORS_OPTION } from "./moderators-option.ts";
import { readScheduleOptions, SCHEDULE_OPTIONS } from "./schedule-options.ts";
import { plain } from "./terminal.ts";

const CHANNELS = ["main", "beta", "nightly", "dev"] as const;
const AUTO_UPDATE = ["ask", "narrow"] as const;

export const command: Command = defineCommand({
  words: ["install"],
  summary: "Install an upgrade, after showing what it may do",
  arguments: {
    what: { summary: UPGRADE_NAME },
  },
  options: {
    input: INPUT_OPTION,
    channel: {
      type: "text",
      value: "NAME",
      summary: "Follow this channel's releases and steadier ones; main, or what it follows already",
      choices: CHANNELS,
    },
    "auto-update": {
      type: "text",
      value: "HOW",
      summary: "ask before every update, or only where it widens anything (narrow)",
      choices: AUTO_UPDATE,
    },
    ...SCHEDULE_OPTIONS,
    moderators: MODERATORS_OPTION,
    staged: { type: "flag", summary: "Run an update on trial first: what runs now stays until it ran through" },
    disabled: { type: "flag", summary: "Approve a first install without enabling it" },
    yes: { type: "flag", summary: "Consent without being asked" },
  },
  examples: [
    "oa install naddr1qq… --input repo=https://github.com/you/project",
    "oa install ./nightly-index.event.json --input repo=. --yes --json",
    'oa install naddr1qq… --schedule "30 3 * * *" --tz Europe/Berlin --overlap queue_one',
  ],
  run: async (context) => {
    const { args, confirm, cwd, fail, note, options, print, progress, signal } = context;
    const inputs_text = parseInputs(options.input);
    if (isRejection(inputs_text)) return inputs_text;
    const { installSource } = await import("./install-source.ts");
    const source = lookedUpBy(await installSource(args.what, cwd), options.moderators);
    if (isRejection(source)) return source;
    const channel = CHANNELS.find((name) => name === options.channel);
    const auto_update = AUTO_UPDATE.find((name) => name === options["auto-update"]);
    const schedule = readScheduleOptions(options);
    if (isRejection(schedule)) return schedule;
    const following = {
      ...(channel === undefined ? {} : { channel }),
      ...(schedule === undefined ? {} : { schedule }),
    };
    const client = await context.api();
    progress("looking up …");
    const consent = await client.post<ConsentView>(
      "/v1/installs/preview",
      { source, inputs_text, cwd, ...following },
      signal,
    );
    if (isRejection(consent)) return consent;
    for (const line of consentLines(consent)) note(plain(line));
    if (!options.yes && !isCovered(consent)) {
      const yes = await confirm("Install it?");
      if (yes !== true) {
        const message = yes === undefined ? "there is no terminal to ask on; add --yes to consent" : "not installed";
        return fail(reject("consent_needed", message), { consent });
      }
    }
    const { inputs, manifest_sha256, permission_hash } = consent;
    const body = {
      ...{ source, inputs, ...following },
      ...(auto_update === undefined ? {} : { auto_update }),
      ...(options.staged ? { staged: true } : {}),
      ...(options.disabled ? { enable: false } : {}),
      accepted: { manifest_sha256, permission_hash },
    };
    const install = await client.post<InstallView>("/v1/installs", body, signal);
    if (isRejection(install)) return install;
    print({ ...install, consent }, () => plain(`Installed ${consent.title} ${consent.version}: ${install.install_id}`));
    return 0;
  },
});

/** An update that widens nothing, where the owner chose not to be asked about those. */
function isCovered({ update }: ConsentView): boolean {
  return update?.auto_update === "narrow" && update.diff?.widened.length === 0;
}

function updateLines({ update, ...offered }: ConsentView): readonly string[] {
  if (update === null) return [];
  const { diff, version } = update;
  const twice = offered.version === version && offered.manifest_sha256 !== update.manifest_sha256;
  const same = twice ? ", with another manifest under the same version: what was published should not change" : "";
  const lines = diff === null ? ["It cannot be said what changes: the present manifest was deleted."] : diffLines(diff);
  return [`Updates ${version}${same}:`, ...(lines.length === 0 ? ["  nothing changes for you"] : lines)];
}

/** What becomes of it after this command, which alone was by other moderators. */
function stoppedLines(stopped_by: string | null): readonly string[] {
  if (stopped_by === null) return [];
  return [
    "  Your own setting of moderators hides it, and what runs goes by that setting:",
    `    ${stopped_by}`,
    "    It will be stopped again soon after it is installed, until you run oa installs override.",
  ];
}

/** Who, what, when, how much and which permissions: everything consent is about. */
function consentLines(consent: ConsentView): readonly string[] {
  const npub = keyText(consent.author_pubkey, { full: true });
  const author = consent.author_name === null ? npub : `${consent.author_name} (${npub})`;
  return [
    `${consent.title} ${consent.version}`,
    ...(consent.summary === null ? [] : [`  ${consent.summary}`]),
    `  author    ${author}`,
    `  runs      ${consent.schedule}`,
    ...(consent.schedule_declared === null
      ? []
      : [`            (you chose that; it declares: ${consent.schedule_declared})`]),
    `  price     ${consent.price}`,
    ...consent.declares.map((sentence) => `  declares  ${sentence}`),
    `  manifest  ${consent.manifest_sha256}`,
    `  age       ${consent.age}`,
    ...Object.entries(consent.inputs).map(([name, value]) => `  input     ${name} = ${JSON.stringify(value)}`),
    consent.permissions.length === 0 ? "  It asks for no permissions." : "  It may:",
    ...consent.permissions.map(({ sentence }) => `    ${sentence}`),
    ...consent.revoked.map(({ permission }) => `    You took away ${permission}: it stays so.`),
    ...(consent.sandbox === null ? [] : [`    ${consent.sandbox}`]),
    ...consent.writes.map(({ sentence }) => `    ${sentence}`),
    ...(consent.policy.reasons.length === 0 ? [] : ["  The policy lets it pass, but says:"]),
    ...consent.policy.reasons.map(({ message, where }) => `    ${message} (${where})`),
    ...stoppedLines(consent.stopped_by),
    ...updateLines(consent),
  ];
}
