import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { schemaSentence } from "@oa/shared/core/schema-sentence.ts";
import type { MachineStateFile } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { type MachineSource, type Sensors, unknown } from "./port.ts";

/** The machine's state as its owner wrote it into a JSON file, read again at each measurement. What is absent or wrong is unknown. */
export function fileSensors(path: string, source: Pick<MachineSource, "read">): Sensors {
  const value = async <Name extends Exclude<keyof MachineStateFile, "$schema">>(name: Name) => {
    const state = await readState(path, source);
    const found = state[name];
    return found === undefined
      ? unknown(`${path} does not say ${name}`)
      : { value: found as NonNullable<typeof found> };
  };
  return {
    plugged_in: () => value("plugged_in"),
    network: () => value("network"),
    cpu_percentage: () => value("cpu_percentage"),
    idle_ms: () => value("idle_ms"),
    dnd: () => value("dnd"),
  };
}

async function readState(path: string, source: Pick<MachineSource, "read">): Promise<MachineStateFile> {
  const parsed = parseStrict(await source.read(path), { bytes: LIMITS.machine_file_bytes });
  if (isRejection(parsed)) throw new Error(`${path} is not JSON: ${parsed.message}`);
  if (validators.isMachineStateFile(parsed.value)) return parsed.value;
  const { errors } = validators.isMachineStateFile;
  throw new Error(`${path}: ${schemaSentence(errors, { what: "it", value: parsed.value })}`);
}
