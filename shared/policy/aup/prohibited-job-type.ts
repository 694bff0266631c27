import type { AupCategory } from "./category.ts";

/** Work that no machine here is lent to. What harms others directly weighs more than what is merely unwanted. */
export const prohibitedJobType: AupCategory = {
  name: "prohibited_job_type",
  severity: "low",
  rules: [
    {
      name: "mining",
      says: "mines cryptocurrency",
      kind: "act",
      phrases: [
        "mine|mines|mining|miner|miners ~2 bitcoin|bitcoins|monero|ethereum|dogecoin|crypto|cryptocurrenc*|coins|xmr|btc",
        "bitcoin|monero|ethereum|crypto|cryptocurrency|xmr|coin|cpu|gpu mining|miner|miners",
        "cryptojack*|xmrig|coinminer*|cryptominer*",
      ],
      except: "news|article*|price|prices|detect*|data|text|opinion*",
    },
    {
      name: "spam",
      says: "sends spam",
      kind: "act",
      phrases: [
        "send*|post|posts|posting|blast*|generat*|spread* ~3 spam",
        "send*|blast* ~2 unsolicited|bulk ~1 email*|mail|mails|message*|dm|dms|sms",
        "spam|spams|spamming ~2 people|users|forums|comments|inboxes|channels|groups|everyone",
        "spambot*|robocall*",
      ],
      except:
        "folder|folders|junk|trash|bin|quarantine|statistic*|report|reports|score|scores|digest|filter*|rule|rules|summary|classifier*",
    },
    {
      name: "captcha",
      says: "solves CAPTCHAs",
      kind: "act",
      phrases: ["solv*|bypass*|break|breaks|breaking|defeat* ~2 captcha*|recaptcha*|hcaptcha*"],
    },
    {
      name: "manipulation",
      says: "manipulates votes or opinion",
      kind: "act",
      severity: "medium",
      phrases: [
        "rig|rigs|rigging|manipulat* ~2 election*|vote|votes|voters|poll|polls",
        "generat*|spread*|creat*|produc* ~3 disinformation|propaganda|deepfake*|misinformation",
        "sockpuppet*|astroturf*",
      ],
    },
    {
      name: "surveillance",
      says: "watches people in secret",
      kind: "act",
      severity: "high",
      phrases: [
        "secretly|covertly record*|track*|monitor*|film*|spy|watch*",
        "spy|spies|spying on ~2 wife|husband|partner|spouse|employee*|girlfriend|boyfriend|people|someone|neighbor*|neighbour*|ex|users",
        "track*|identif*|surveil* ~3 protester*|dissident*|journalists|activist*|refugees",
        "stalk|stalks|stalking ~2 ex|girlfriend|boyfriend|wife|husband|woman|women|person|people|someone|her|him",
        "dox|doxx|doxing|doxxing ~2 people|someone|person|users|journalist*|streamers",
      ],
    },
    {
      name: "attack",
      says: "attacks other people's machines",
      kind: "act",
      severity: "high",
      phrases: [
        "launch*|run|runs|running|perform*|start|starts|order|orders|carry|join|joins ~3 ddos|botnet*",
        "ddos|dos attack|attacks ~2 on|against|to",
        "ddos|flood|floods|flooding ~2 server|servers|website|websites|site|sites|competitor*|victim*",
        "booter|stresser service*|panel*",
        "hack|hacks|hacking ~1 into",
        "hack|hacks|hacking ~1 someone|someones|instagram|facebook|gmail|whatsapp|snapchat|neighbors|neighbours|bank|banks|accounts|wifi",
        "exploit*|compromis*|breach* ~3 victim*|unpatched|vulnerable server*|machine*|host|hosts|system|systems|device*",
      ],
      except: "test|tests|simulat*|drill|own|day|week|night",
    },
    {
      name: "malware",
      says: "makes or spreads malware",
      kind: "act",
      severity: "high",
      phrases: [
        "writ*|creat*|build|builds|building|deploy*|spread*|distribut*|install|installs|develop*|generat*|mak* ~3 malware|ransomware|spyware|keylogger*|rootkit*|stalkerware|infostealer*|botnet*",
        "computer virus|viruses|worm|worms ~2 spread*|infect*",
        "encrypt* ~4 demand* ~2 ransom",
        "infect|infects|infecting ~3 computer*|machine*|victim*|phones|devices|users",
      ],
      except:
        "definition*|signature*|scanner*|report|reports|summary|digest|news|feed|list|lists|analysis|rules|removal|alerts|alert",
    },
    {
      name: "cracking",
      says: "breaks into accounts by guessing or cracking passwords",
      kind: "act",
      severity: "high",
      phrases: [
        "crack|cracks|cracking ~2 password|passwords|hashes|wifi|wpa|wpa2|licenses|logins",
        "brute forc* ~3 password*|login*|account*|ssh|pins|rdp",
        "bruteforc* ~3 password*|login*|account*|ssh|pins|rdp",
        "credential stuffing",
        "password cracker*|cracking",
      ],
      except: "own|strength|test|tests",
    },
  ],
};
