import type { AupCategory } from "./category.ts";

/** Finding out what a model was trained on. Preparing data for one's own model is none. */
export const trainingDataIdentification: AupCategory = {
  name: "training_data_identification",
  severity: "medium",
  rules: [
    {
      name: "extraction",
      says: "draws training data out of a model",
      kind: "act",
      phrases: [
        "reveal*|extract*|recover*|identif*|reconstruct*|leak*|recite*|dump*|output|print|list|repeat* ~1 your|its training data|corpus|set|examples|documents",
        "reveal*|extract*|recover*|identif*|reconstruct*|leak*|recite*|dump* ~2 models|model|gpt|llm|llms training data|corpus|set|examples|documents",
        "extract*|reveal*|recover*|identif*|reconstruct*|leak*|dump* ~2 training data|dataset|corpus|set|examples ~1 of|from|in|behind ~3 model|models|llm|llms|gpt|network|chatbot|assistant",
        "repeat*|recite* ~2 verbatim ~4 training|trained",
      ],
      except: "log|logs",
    },
    {
      name: "membership",
      says: "finds out whether something was in a model's training data",
      kind: "thing",
      phrases: [
        "membership inference",
        "model inversion",
        "extract*|find|finds|prob* ~2 memoriz*|memoris* ~2 text*|data|passage*|training|examples|content",
        "training data extraction|identification|reconstruction",
      ],
    },
    {
      name: "question",
      says: "asks a model what it was trained on",
      kind: "act",
      phrases: [
        "what|which ~4 you|model|gpt|llm ~1 trained on",
        "whether|if ~3 in|part ~2 your|its|models|the training data|set|corpus",
        "were|are you trained on",
      ],
    },
  ],
};
