import { type AupAssessment, assessManifest, assessTexts } from "../aup/assess.ts";
import { stringsOf } from "../aup/manifest-texts.ts";
import type { PolicyRule } from "../rule.ts";

export const aup: PolicyRule = {
  name: "aup",
  says: "No prohibited use, in what is said, asked of a model or sent.",
  judge: ({ text, params }, { manifest, aup: mode }) => {
    const judged: readonly AupAssessment[] = [
      assessTexts([...stringsOf(text, "/text"), ...stringsOf(params, "/params")], mode),
      ...(manifest === undefined ? [] : [assessManifest(manifest, { mode })]),
    ];
    return judged.flatMap(({ verdict, reasons }) =>
      reasons.map(({ code, message, ...details }) => ({
        verdict: verdict === "deny" ? "deny" : "allow",
        code,
        message,
        details,
      })),
    );
  },
};
