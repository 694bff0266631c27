import { assessTexts, withFound } from "../aup/assess.ts";
import { textsOfAction } from "../aup/manifest-texts.ts";
import type { PolicyRule } from "../rule.ts";

export const aup: PolicyRule = {
  name: "aup",
  says: "No prohibited use, in what an upgrade itself says, asks of a model or sends.",
  judge: (action, { manifest, inputs, aup: mode, found = [] }) => {
    const { verdict, reasons } = withFound(assessTexts(textsOfAction(action, manifest, inputs), mode), found, mode);
    return reasons.map(({ code, message, ...details }) => ({
      verdict: verdict === "deny" ? "deny" : "allow",
      code,
      message,
      details,
    }));
  },
};
