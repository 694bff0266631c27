import type { AupCategory } from "./category.ts";

/** Making or copying textbooks and work that a school marks. Reading and searching one's own books is none. */
export const academicTextbook: AupCategory = {
  name: "academic_textbook",
  severity: "medium",
  rules: [
    {
      name: "textbook",
      says: "makes or copies textbooks",
      kind: "act",
      phrases: [
        "writ*|generat*|creat*|produc*|reproduc*|copy|copies|copying|author|authors|rewrit* ~2 textbook|textbooks|courseware|coursebook*",
        "writ*|generat*|creat*|produc*|reproduc*|copy|copies|rewrit* ~1 chapter|chapters|pages|editions ~3 textbook|textbooks",
        "pirat* ~2 textbook*",
        "download* ~1 free|pirated textbook*",
      ],
      except: "example|examples|case|cases|definition|style|notes|list|summary|summaries|index",
    },
    {
      name: "answers",
      says: "gives the answers of textbooks and exams",
      kind: "thing",
      phrases: [
        "solution|solutions manual|manuals",
        "textbook answer|answers|solution|solutions",
        "exam|exams|test|homework|quiz answer key|keys",
        "answer*|solve|solves|solving ~2 exam|homework|coursework question*|problem*|assignment*",
      ],
    },
    {
      name: "coursework",
      says: "does work that a school marks",
      kind: "act",
      phrases: [
        "writ*|generat*|produc* ~1 my|your|their|students|student|college|university|school|phd|masters|term|academic ~1 thesis|theses|dissertation*|essay|essays|coursework|homework|paper|papers",
        "do|does|doing|complet* ~1 my|your|their|students|school homework|coursework",
        "ghostwrit* ~2 essay*|thesis|dissertation*",
        "cheat* ~3 exam|exams|homework|coursework",
        "essay mill|mills",
      ],
      except: "proofread*|review*|feedback|bibliograph*",
    },
  ],
};
