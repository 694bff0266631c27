import type { AupCategory } from "./category.ts";

/** Pornography and sexual content. Sex as a column of a table, Essex and explicit types are none. */
export const explicitContent: AupCategory = {
  name: "explicit_content",
  severity: "high",
  rules: [
    {
      name: "pornography",
      says: "deals in pornography",
      kind: "thing",
      phrases: [
        "porn|porno|pornos|pornograph*|hentai|erotica|camgirl*|sexting|blowjob*|gangbang*",
        "nsfw|xxx ~1 content|image|images|video|videos|story|stories|picture|pictures|pics|chat|chats|roleplay|art|art|movies|photos",
        "x rated ~1 content|image*|video*|stor*|pictur*|movie*",
        "erotic ~2 story|stories|fiction|roleplay|chat|chats|image|images|massage|content|art|novel|novels|scenes",
        "sex chat|chats|cam|cams|chatbot*|scene|scenes|tape|tapes|video|videos|story|stories|slave|slaves|bot|bots",
      ],
    },
    {
      name: "sexual",
      says: "makes sexual content",
      kind: "thing",
      phrases: [
        "sexually explicit",
        "sexual ~1 content|fantas*|roleplay|story|stories|image|images|acts|chat|chats|services|encounter*|favors|conversation*",
        "generat*|writ*|creat*|produc* ~2 explicit|adult|lewd image|images|content|video|videos|story|stories|scene|scenes|roleplay",
      ],
      except: "education|type|types|typing|import|imports|return|health",
    },
    {
      name: "nudity",
      says: "makes or gathers pictures of naked people",
      kind: "thing",
      phrases: [
        "nude|nudes|naked ~2 image|images|photo|photos|picture|pictures|pics|video|videos|selfie|selfies|women|men|girls|boys|people|celebrities",
        "undress* ~3 photo|photos|image|images|picture|pictures|women|girls|people|person|her",
        "nudify*",
        "deepnude*",
      ],
      except: "lipstick|palette|makeup|color|colour|colors|colours",
    },
    {
      name: "minors",
      says: "sexualizes children",
      kind: "thing",
      phrases: [
        "child|children|childrens|underage|minor|minors|teen|teens|schoolgirl* ~3 sexual|sexy|nude|nudes|naked|erotic|porn*|explicit",
        "sexual|sexy|nude|nudes|naked|erotic|explicit ~3 child|children|underage|minors|teens|schoolgirl*",
        "csam",
        "lolicon|shotacon",
      ],
      except: "education|process*|version*|release*|type|types",
    },
  ],
};
