import { academicTextbook } from "./academic-textbook.ts";
import type { AupCategory } from "./category.ts";
import { explicitContent } from "./explicit-content.ts";
import { fraud } from "./fraud.ts";
import { guardrailCircumvention } from "./guardrail-circumvention.ts";
import { prohibitedJobType } from "./prohibited-job-type.ts";
import { regulatedFinancial } from "./regulated-financial.ts";
import { regulatedHealthcare } from "./regulated-healthcare.ts";
import { regulatedLegal } from "./regulated-legal.ts";
import { selfHarm } from "./self-harm.ts";
import { trainingDataIdentification } from "./training-data-identification.ts";
import { violence } from "./violence.ts";

/** Every category that is checked. */
export const AUP_CATEGORIES: readonly AupCategory[] = [
  regulatedHealthcare,
  regulatedLegal,
  regulatedFinancial,
  academicTextbook,
  trainingDataIdentification,
  guardrailCircumvention,
  violence,
  explicitContent,
  selfHarm,
  fraud,
  prohibitedJobType,
];
