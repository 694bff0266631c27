/**
 * What `${install.state}` stands for: the folder of an upgrade's own files, as paths of its steps name it. Where that
 * folder lies is known to the files of a run alone, so no event, prompt or other machine learns it.
 */
export const OWN_STATE = "state:";

/** The rest of a path in the upgrade's own state, empty or from its first `/` on; null for a path that is elsewhere. */
export function belowOwnState(path: string): string | null {
  const rest = path.startsWith(OWN_STATE) ? path.slice(OWN_STATE.length) : null;
  return rest === "" || rest?.startsWith("/") === true ? rest : null;
}
