import { cp, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalize, parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { belowOwnState, OWN_STATE } from "@oa/shared/core/own-state.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { schemaSentence } from "@oa/shared/core/schema-sentence.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { InputValue, UpgradeFixtures, UpgradeManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { systemClock } from "../adapters/clock.ts";
import { openEgress } from "../adapters/egress.ts";
import { thisMachinesSandbox } from "../adapters/machine-sandbox.ts";
import { openOwnStates } from "../adapters/own-states.ts";
import { type ConfinedProcesses, openConfinedProcesses } from "../adapters/process.ts";
import { typedInputs } from "../admin/install-inputs.ts";
import type { ModelBackends } from "../backends/backend.ts";
import { openModelBackends } from "../backends/backends.ts";
import { readConfig } from "../config.ts";
import { type FixtureWorld, type Recorder, recordWorld, replayWorld } from "../engine/fixtures.ts";
import { filesOf, type RehearsedStep, rehearse } from "../engine/rehearse.ts";
import { gitClone } from "../ops/git-clone.ts";
import { openSearchIndexes } from "../searchkit/indexes.ts";

export interface TestedUpgrade {
  readonly ok: boolean;
  /** The folder that was recorded into; null where recordings were played. */
  readonly recorded: string | null;
  readonly steps: readonly RehearsedStep[];
  readonly files: NonNullable<UpgradeFixtures["expect"]>["files"];
  readonly published: NonNullable<UpgradeFixtures["expect"]>["published"];
  /** What is not as recorded, in sentences. */
  readonly mismatches: readonly string[];
}

interface TestOptions {
  readonly folder: string;
  readonly record: boolean;
  readonly inputs_text: Readonly<Record<string, readonly string[]>>;
  readonly cwd: string;
  readonly data_dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Runs a valid manifest's pipeline against the recordings of a folder, in a home folder of its own that is gone
 * afterwards; with `record` against the world, whose answers are kept. Refusals: not_found, those of `parseStrict`,
 * schema_invalid and those of `planOf`.
 */
export async function testUpgrade(manifest: UpgradeManifest, options: TestOptions): Promise<TestedUpgrade | Rejection> {
  const { folder, record, signal } = options;
  const fixtures = await readFixtures(folder, record);
  if (isRejection(fixtures)) return fixtures;
  // Without links, so that what is compared with the grant is what is opened.
  const temporary = await realpath(await mkdtemp(join(tmpdir(), "oa-upgrade-test-")));
  const home = join(temporary, "home");
  const config = record ? await readConfig(options.data_dir, options.env) : null;
  const backends = openModelBackends(config?.backends ?? {});
  try {
    await mkdir(home, { mode: 0o700 });
    await cp(join(folder, "home"), home, { recursive: true }).catch(unlessMissing);
    const state = openOwnStates(temporary).of({ install_id: "test", chain: [1], bytes_max: STATE_BYTES_MAX });
    await cp(join(folder, "state"), await state.open(), { recursive: true }).catch(unlessMissing);
    const typed = typedInputs(manifest, options.inputs_text as Parameters<typeof typedInputs>[1], options.cwd);
    const given = { ...(fixtures.inputs as Readonly<Record<string, InputValue>>), ...typed };
    const plan = planOf(manifest, given, { home });
    if (isRejection(plan)) return plan;
    const recorder = config === null ? null : recording(config.private_allow, backends, folder, home);
    if (recorder !== null) await rm(join(folder, "clones"), { recursive: true, force: true });
    const world: FixtureWorld = recorder ?? replayWorld(fixtures, folder, home, backends);
    const steps = await rehearse(plan, {
      ...{ world, home, state, signal, clock: systemClock },
      processes: recorder === null ? NO_PROCESSES : openConfinedProcesses(await thisMachinesSandbox()),
      indexes: openSearchIndexes(join(temporary, "data")),
      report: (error) => process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`),
    });
    const files = [...(await filesOf(home, world.clones)), ...(await filesOf(state.path, [], `${OWN_STATE}/`))];
    const published = [...world.published];
    const all = steps.every(({ status }) => status === "succeeded");
    if (recorder !== null && all)
      await keep(folder, { inputs: given, ...recorder.recorded(), expect: { files, published } });
    const mismatches = recorder === null && all ? differences(fixtures, files, published, world) : [];
    const recorded = recorder !== null && all ? folder : null;
    return { ok: all && mismatches.length === 0, recorded, steps, files, published, mismatches };
  } finally {
    await backends.close();
    await rm(temporary, { recursive: true, force: true });
  }
}

/** As much as any manifest may ask for. */
const STATE_BYTES_MAX = 1_073_741_824;

const NO_PROCESSES: ConfinedProcesses = {
  sandbox: "none",
  run: async (command) => {
    throw new Fault("not_permitted", `a test with fixtures starts no program, and ${command} is one`);
  },
};

function recording(private_allow: readonly string[], backends: ModelBackends, folder: string, home: string): Recorder {
  return recordWorld({ egress: (grant) => openEgress(grant, { private_allow }), backends, gitClone }, folder, home);
}

async function readFixtures(folder: string, record: boolean): Promise<UpgradeFixtures | Rejection> {
  const file = join(folder, "fixtures.json");
  try {
    if ((await stat(file)).size > LIMITS.fixture_bytes) {
      return reject("too_large", `${file} is larger than ${LIMITS.fixture_bytes} bytes`);
    }
    const parsed = parseStrict(await readFile(file, "utf8"), { bytes: LIMITS.fixture_bytes });
    if (isRejection(parsed)) return { ...parsed, message: `${file}: ${parsed.message}` };
    if (validators.isUpgradeFixtures(parsed.value)) return parsed.value;
    const { errors } = validators.isUpgradeFixtures;
    return reject("schema_invalid", `${file}: ${schemaSentence(errors, { what: "it", value: parsed.value })}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (record) return { inputs: {}, http: [], generate: [], clones: [] };
    return reject("not_found", `there is no ${file}; make one with --record`);
  }
}

async function keep(folder: string, fixtures: UpgradeFixtures): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "fixtures.json"), `${JSON.stringify(fixtures, null, 2)}\n`);
}

function differences(
  { expect }: UpgradeFixtures,
  files: TestedUpgrade["files"],
  published: TestedUpgrade["published"],
  world: FixtureWorld,
): readonly string[] {
  const found = [...world.unused()];
  if (expect === undefined) return found;
  for (const file of expect.files) {
    const now = files.find(({ path }) => path === file.path);
    if (now === undefined) found.push(`${named(file.path)} was expected and is not there`);
    else if (now.sha256 !== file.sha256) found.push(otherContent(file, now));
  }
  for (const { path } of files) {
    if (!expect.files.some((file) => file.path === path)) found.push(`${named(path)} was written and is not expected`);
  }
  if (canonicalize(expect.published) === canonicalize(published)) return found;
  if (expect.published.length !== published.length) {
    found.push(`${published.length} events were published, not the ${expect.published.length} that were recorded`);
  } else {
    const at = published.findIndex((event, index) => canonicalize(event) !== canonicalize(expect.published[index]));
    const [was, is] = [expect.published[at], published[at]].map((event) => JSON.stringify(event));
    found.push(`event ${at + 1} that was published is ${is}, recorded as ${was}`);
  }
  return found;
}

type FixtureFile = TestedUpgrade["files"][number];

function named(path: string): string {
  return belowOwnState(path) === null ? `~/${path}` : path;
}

/** Where both are texts, the first line that differs; else the hashes say all there is to say. */
function otherContent(was: FixtureFile, is: FixtureFile): string {
  const what = `${named(was.path)} has other content than was recorded`;
  if (was.text === undefined || is.text === undefined) return `${what} (sha256 ${is.sha256})`;
  const [recorded, found] = [was.text.split("\n"), is.text.split("\n")];
  const at = found.findIndex((line, index) => line !== recorded[index]);
  const line = at === -1 ? found.length : at;
  const shown = (text: string | undefined): string =>
    text === undefined ? "nothing" : JSON.stringify(clip(text, 200));
  return `${what}: line ${line + 1} is ${shown(found[line])}, recorded as ${shown(recorded[line])}`;
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
