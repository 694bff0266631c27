// Generated from schemas/ by `npm run codegen`. Do not edit.
/** By event type: the fields of its data that the log holds as salted commitments. */
export const SEALED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  "approval.requested": [
    "request"
  ],
  "install.requested": [
    "manifest",
    "inputs"
  ],
  "license.added": [
    "bundle"
  ],
  "run.created": [
    "plan",
    "inputs"
  ],
  "step.started": [
    "params"
  ],
  "step.succeeded": [
    "result",
    "next_params"
  ],
  "run.log": [
    "line"
  ],
  "trigger.noted": [
    "cause"
  ],
  "trigger.settled": [
    "cause"
  ],
  "trigger.fired": [
    "cause",
    "passed_over_ids"
  ]
};
