import type { AupCategory } from "./category.ts";

/** Hurting people, making weapons, threatening, calling for it. Signals, attack surfaces and fork bombs are none. */
export const violence: AupCategory = {
  name: "violence",
  severity: "high",
  rules: [
    {
      name: "weapons",
      says: "makes weapons or explosives",
      kind: "act",
      phrases: [
        "mak*|build|builds|building|construct*|assembl*|creat*|detonat*|plant|plants|planting ~3 bomb|bombs|explosive|explosives|grenade*|molotov*|napalm|landmine*|pipebomb*",
        "mak*|build|builds|building|manufactur*|synthesi*|print|prints|printing|convert* ~3 firearm*|gun|guns|silencer*|bioweapon*|sarin|ricin|anthrax|novichok",
        "mak*|build|builds|building|synthesi*|produc*|weaponi*|acquir* ~3 nerve|chemical|biological agent|agents|weapon|weapons",
        "buy|buying|acquir* ~2 illegal|untraceable|unregistered gun|guns|firearm*|weapon*",
      ],
      except: "fork|zip|xml|bath|decompression|seed|glitter|photo|nail|glue|spray|yarn|javascript|lego|toy|toys",
    },
    {
      name: "killing",
      says: "helps to hurt or kill people",
      kind: "act",
      phrases: [
        "kill|kills|killing|murder*|assassinat*|poison*|behead*|tortur*|massacr*|lynch*|strangl*|stab|stabs|stabbing|drown|drowning|suffocat* ~3 person|people|human|humans|someone|somebody|man|men|woman|women|wife|husband|girlfriend|boyfriend|neighbor|neighbour|president|politician*|jews|muslims|christians|immigrants|civilian|civilians|classmates|coworkers|family|boss",
        "shoot|shoots|shooting ~2 people|students|civilians|protesters|immigrants|classmates|policemen|president|crowd",
        "kill|kills|killing|murder*|poison* ~2 child|children|kid|kids|students",
        "hurt|hurts|hurting|injure*|maim*|assault* ~2 people|person|someone|women|wife|children|immigrants|neighbor|neighbour",
      ],
      except:
        "process*|thread*|session*|page|pages|photo|photos|portrait*|film|email|mail|mystery|novel*|job|jobs|task|tasks|feelings|tree",
    },
    {
      name: "attack",
      says: "plans an attack on people",
      kind: "act",
      phrases: [
        "plan|plans|planning|prepar*|organi*|carry|carries|commit* ~4 massacre*|shooting|shootings|murder|murders|assassination*|genocide|terrorism",
        "plan|plans|planning|prepar*|organi*|carry|carries|commit* ~4 terror|terrorist|suicide|arson|knife|acid attack*|plot|bombing*",
        "hire|hiring|find|finding ~1 hitman|hitmen|assassin|assassins",
      ],
      except: "photo|film|schedule|scene*",
    },
    {
      name: "threats",
      says: "threatens people or calls for violence",
      kind: "act",
      phrases: [
        "send*|writ*|generat*|mail|mails|post|posts ~3 death|bomb|violent|rape threat*",
        "threaten* ~3 people|person|someone|women|family|journalist*|politician*|children|voters|them",
        "incit*|glorif*|promot*|celebrat*|encourag*|justif* ~3 violence|genocide|terrorism|massacre*|lynching*|ethnic",
        "recruit* ~3 terrorist*|isis|militia*|extremist*",
      ],
    },
  ],
};
