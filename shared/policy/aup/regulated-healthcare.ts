import type { AupCategory } from "./category.ts";

/** Medical services to people: diagnosing, prescribing, treating, advising. Reading about medicine is none. */
export const regulatedHealthcare: AupCategory = {
  name: "regulated_healthcare",
  severity: "high",
  rules: [
    {
      name: "diagnosis",
      says: "diagnoses people",
      kind: "act",
      phrases: [
        "diagnos* ~4 patient*|disease*|illness*|cancer|diabetes|depression|disorder*|tumor*|tumour*|melanoma|rash|rashes|lesion*|mole|moles|adhd|autism|covid|pneumonia",
        "diagnos* your|my|their|his|her symptom*",
        "diagnos* ~1 medical|health|heart|skin|mental condition*|problem*|issue*",
        "interpret*|explain*|analy* ~3 xray*|mri|mris|ecg|ekg|biops*|mammogram*",
        "interpret*|explain*|analy* ~2 blood|medical|radiology test*|result*|report*|scan*|image*",
        "triage*|examine* ~3 patients",
        "which|what disease|illness ~2 fits|patient*|have|has|you",
      ],
    },
    {
      name: "advice",
      says: "gives medical advice",
      kind: "thing",
      phrases: [
        "medical|clinical|psychiatric diagnos*|advice|opinion|opinions|prescription*|triage",
        "symptom* checker*",
        "mental health therapy|counseling|counselling|diagnos*|treatment*",
      ],
    },
    {
      name: "treatment",
      says: "prescribes or recommends treatment",
      kind: "act",
      phrases: [
        "prescri* ~3 medication*|medicine*|drug|drugs|antibiotic*|dosage*|dose|doses|opioid*|insulin|treatment*",
        "recommend*|calculate*|advis*|suggest*|adjust* ~3 dosage*|dose|doses|medication*|antibiotic*|insulin",
        "recommend*|suggest*|choose|chooses|plan|plans ~3 treatment*|therapies|therapy ~3 patient*|cancer|disease*|illness*|depression|diabetes|condition*",
        "treatment|therapy plan|plans ~3 patient*|cancer|disease*|illness*|depression|diabetes",
        "cure|cures|curing|heal|heals|treat|treats|treating ~2 cancer|diabetes|covid|depression|anxiety|hiv|alzheimer*|disease*",
      ],
    },
    {
      name: "role",
      says: "stands in for a doctor",
      kind: "act",
      phrases: [
        "you are|re ~2 doctor|physician|psychiatrist|pharmacist|cardiologist|dermatologist|psychotherapist",
        "act|acts|acting|behave|speak as ~2 doctor|physician|psychiatrist|pharmacist|cardiologist|dermatologist|psychotherapist|therapist",
        "virtual|ai|online|robot|personal|pocket doctor|physician|therapist|nurse|psychiatrist|pharmacist",
        "replac* ~2 doctor|doctors|physician|physicians|psychiatrist*",
      ],
    },
  ],
};
