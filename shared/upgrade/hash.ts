/** Lives in core, since events are checked against it too. */
export { manifestHash } from "../core/manifest-hash.ts";
