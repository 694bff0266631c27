import type { AupCategory } from "./category.ts";

/** Legal services to people: advice, representation, papers for a court. Reading laws and licences is none. */
export const regulatedLegal: AupCategory = {
  name: "regulated_legal",
  severity: "high",
  rules: [
    {
      name: "advice",
      says: "gives legal advice",
      kind: "thing",
      phrases: [
        "legal|immigration|custody advice|representation",
        "give|gives|giving|provid*|offer*|get|receive|generat* ~2 legal counsel|opinion*|guidance|strateg*",
        "advis*|counsel|counsels ~4 lawsuit*|legal|litigation|divorce|custody|immigration",
      ],
    },
    {
      name: "papers",
      says: "draws up papers for a court or with force of law",
      kind: "act",
      phrases: [
        "draft*|writ*|generat*|prepar*|file|files|filing ~3 lawsuit*|subpoena*|affidavit*|pleading*|indictment*|prenup*",
        "draft*|writ*|generat*|prepar*|file|files|filing ~3 divorce|custody|asylum papers|agreement*|settlement*|application*|claim*|petition*",
        "draft*|writ*|generat*|prepar* ~2 legally binding",
        "draft*|writ*|generat*|prepar* ~3 last will",
        "should|can i|you|we sue",
        "sue|sues|suing ~2 landlord*|employer*|neighbor*|neighbour*|company|companies|them",
      ],
    },
    {
      name: "judgment",
      says: "decides cases in law",
      kind: "act",
      phrases: [
        "predict*|decide*|determin*|recommend* ~3 court|criminal|prison|jail|bail|parole|asylum|custody verdict*|ruling*|judgment*|judgement*|sentence*|sentencing|decision*|amount*|hearing*|claim*",
        "decide*|determin*|predict* ~4 guilt|guilty|parole",
        "represent* ~3 in court",
        "represent* ~3 defendant*|plaintiff*",
      ],
    },
    {
      name: "role",
      says: "stands in for a lawyer",
      kind: "act",
      phrases: [
        "you are|re ~2 lawyer|attorney|solicitor|barrister|paralegal|prosecutor",
        "act|acts|acting|behave|speak as ~2 lawyer|attorney|solicitor|barrister|paralegal|prosecutor",
        "virtual|ai|online|robot|personal lawyer|attorney|solicitor|paralegal",
        "replac* ~2 lawyer|lawyers|attorney|attorneys",
      ],
    },
  ],
};
