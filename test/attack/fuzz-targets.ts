/** Every parser that meets bytes from outside, with golden examples to begin from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { decodeInvoice } from "@oa/shared/core/bolt11.ts";
import { nextWall, parseCron } from "@oa/shared/core/cron.ts";
import { globCovers, matchGlob } from "@oa/shared/core/glob.ts";
import { canonicalize, type Json, parseStrict } from "@oa/shared/core/json.ts";
import {
  hostOfUrl,
  isGrantableHost,
  normalizePath,
  parsePermission,
  permits,
  unsafePath,
} from "@oa/shared/core/permission.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { findSecrets, redact } from "@oa/shared/core/secrets.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import { checkTimeZone } from "@oa/shared/core/time-zone.ts";
import { escapeTemplate, parseTemplate, resolvePartly } from "@oa/shared/core/wiring.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { verifyReceipt } from "@oa/shared/license/verify.ts";
import { open as openConfig, seal } from "@oa/shared/nostr/24051-install-config.ts";
import { checkHttpAuth, httpAuthHeader } from "@oa/shared/nostr/27235-http-auth.ts";
import { matchesFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import { addressOf, refuseKind, retentionOf } from "@oa/shared/nostr/kinds.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import { parseBunker } from "@oa/shared/nostr/remote-signing.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { eventHash, type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { assessManifest } from "@oa/shared/policy/aup/assess.ts";
import { previewSchedule } from "@oa/shared/schedule/preview.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { diffUpgrades } from "@oa/shared/upgrade/diff.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { sideOf } from "@oa/shared/upgrade/side.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { unseal } from "@oa/worker/adapters/vault-box.ts";
import { plain } from "@oa/worker/cli/terminal.ts";

export interface FuzzTarget {
  readonly name: string;
  /** Text; `json`: mutated by its structure as well as by its letters. */
  readonly examples: readonly string[];
  readonly json: boolean;
  /** Throws only where it found a fault. */
  readonly run: (input: string) => unknown;
}

const SCHEMAS = join(import.meta.dirname, "..", "..", "schemas", "examples");
const example = (path: string): string => readFileSync(join(SCHEMAS, path), "utf8");
/** Valid ones and invalid ones; some of these stand beside the reason why. */
const examplesOf = (folder: string): readonly string[] =>
  ["valid", "invalid"].flatMap((kind) =>
    readdirSync(join(SCHEMAS, folder, kind)).map((name) => {
      const read = JSON.parse(example(join(folder, kind, name))) as {
        readonly why?: unknown;
        readonly value?: unknown;
      };
      return JSON.stringify(kind === "invalid" && read?.why !== undefined ? read.value : read);
    }),
  );
const foldersIn = (folder: string): readonly string[] =>
  readdirSync(join(SCHEMAS, folder)).map((name) => join(folder, name));
const [SECRET, WORKER] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
const ZEROS = new Uint8Array(32);
const NOW_S = 1_766_000_000;
const text = (name: string, examples: readonly string[], run: FuzzTarget["run"]): FuzzTarget => ({
  name,
  examples,
  json: false,
  run,
});
const json = (name: string, examples: readonly string[], run: FuzzTarget["run"]): FuzzTarget => ({
  name,
  examples,
  json: true,
  run,
});
const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`broken: ${what}`);
};
/** The value of text that the strict parser takes. */
const value = (input: string): Json | undefined => {
  const parsed = parseStrict(input);
  return isRejection(parsed) ? undefined : parsed.value;
};

/** An event that somebody signed, whatever it says: the signature is taken for good, the id is made right. */
const signed = (raw: unknown) => {
  const at = typeof raw === "object" && raw !== null && !Array.isArray(raw) ? (raw as Partial<NostrEvent>) : {};
  const event = {
    pubkey: "a".repeat(64),
    created_at: NOW_S,
    content: "",
    tags: [],
    ...at,
    sig: "b".repeat(128),
    id: "c".repeat(64),
  };
  try {
    const id = Buffer.from(eventHash(event as NostrEvent)).toString("hex");
    return verifyEvent({ ...event, id }, () => true);
  } catch {
    return verifyEvent(event, () => true);
  }
};

const manifests = examplesOf("manifest/upgrade-manifest").concat(
  readdirSync(join(SCHEMAS, "upgrades"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => example(join("upgrades", name))),
);
const golden = JSON.parse(example("manifest/upgrade-manifest/valid/repo-digest.json")) as UpgradeManifest;

function runManifest(input: string): void {
  const parsed = value(input);
  if (parsed === undefined) return;
  const report = validateManifest(parsed);
  check(
    report.valid === (report.manifest !== null) && report.valid === (report.errors.length === 0),
    "a report agrees with itself",
  );
  if (report.manifest === null) return;
  assessManifest(report.manifest, { mode: "strict" });
  for (const permission of report.permissions) sentenceOf(permission);
  const [before, after] = [sideOf(golden), sideOf(report.manifest)];
  if (!isRejection(before) && !isRejection(after)) diffUpgrades(before, after);
  const plan = planOf(report.manifest, {}, { home: "/home/me" });
  if (!isRejection(plan))
    check(
      plan.grant.every((permission) => permits(plan.grant, permission)),
      "a grant grants itself",
    );
}

/** The readers of each kind of event, by file. */
async function kindReaders(): Promise<readonly FuzzTarget[]> {
  const folder = join(import.meta.dirname, "..", "..", "shared", "nostr");
  const names = readdirSync(folder).filter((name) => /^\d{5}-.*(?<!\.test)\.ts$/.test(name));
  const targets: FuzzTarget[] = [];
  for (const name of names) {
    const module = (await import(join(folder, name))) as {
      readonly fromEvent?: (...given: readonly unknown[]) => unknown;
    };
    const { fromEvent } = module;
    if (fromEvent === undefined) continue;
    const more = name.startsWith("09735") ? [null, pureSchnorr] : [pureSchnorr];
    const run = (input: string): void => {
      const event = signed(value(input));
      if (!isRejection(event)) fromEvent(event, ...more);
    };
    targets.push(json(`event ${name.slice(0, -3)}`, examplesOf(`nostr/${name.slice(0, -3)}`), run));
  }
  return targets;
}

function runInstallConfig(input: string): void {
  const content = value(input) === undefined ? input : canonicalize(value(input));
  const inner = signEvent({ kind: 24_051, created_at: NOW_S, tags: [], content }, SECRET, ZEROS);
  const sealed = seal(inner, publicKeyOf(WORKER), {
    one_time_key: SECRET,
    nonce: ZEROS,
    aux_random: ZEROS,
    created_at: NOW_S,
  });
  if (isRejection(sealed)) return;
  const wrap = verifyEvent(sealed, pureSchnorr);
  if (!isRejection(wrap))
    openConfig(wrap, { worker: publicKeyOf(WORKER), secret_key: WORKER, now_s: NOW_S, schnorr: pureSchnorr });
}

const sealedExample = (): string => {
  const inner = signEvent({ kind: 24_051, created_at: NOW_S, tags: [], content: "{}" }, SECRET, ZEROS);
  return JSON.stringify(
    seal(inner, publicKeyOf(WORKER), { one_time_key: SECRET, nonce: ZEROS, aux_random: ZEROS, created_at: NOW_S }),
  );
};

/** Every POST route of the control API, over ports that say no: no body makes it fail. */
function controlBodies(): FuzzTarget {
  const problems: unknown[] = [];
  const refuse = () => reject("not_found", "not here");
  const no = new Proxy(refuse, { get: () => refuse });
  const ports = new Proxy(
    {},
    { get: (_, name) => (name === "report" ? (error: unknown) => problems.push(error) : no) },
  );
  const app = controlApp(ports as unknown as ControlPorts);
  const paths = [
    ...new Set(app.routes.filter(({ method }) => method === "POST").map(({ path }) => path.replace(/:\w+/g, "run_1"))),
  ];
  const examples = foldersIn("api")
    .filter((name) => /api\/(control|policy|capability)-/.test(name))
    .flatMap(examplesOf);
  return json("control API bodies", examples, async (body) => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body };
    for (const path of paths) {
      const response = await app.request(path, init);
      check(response.status !== 500, `${path} answers ${response.status}: ${problems.splice(0).join()}`);
    }
  });
}

/** All targets; `edge`: the relay's own parser, which is another platform's module. */
export async function fuzzTargets(): Promise<readonly FuzzTarget[]> {
  const { parseMessage } = (await import(new URL("../../edge/relay/protocol.ts", import.meta.url).href)) as {
    readonly parseMessage: (text: string) => { readonly verb: string };
  };
  const events = foldersIn("nostr").flatMap(examplesOf);
  const known = new Set(events.flatMap((event) => event.match(/[0-9a-f]{64}/g) ?? []));
  const all = ["nostr", "api", "event", "manifest"].flatMap(foldersIn).flatMap(examplesOf);
  const validate = Object.values(validators as unknown as Readonly<Record<string, (value: unknown) => boolean>>).filter(
    (one) => typeof one === "function",
  );
  return [
    json("strict JSON", all.slice(0, 200), (input) => {
      const parsed = value(input);
      if (parsed === undefined) return;
      const canonical = canonicalize(parsed);
      const again = parseStrict(canonical);
      check(!isRejection(again) && canonicalize(again.value) === canonical, "canonical JSON is a fixed point");
    }),
    json("every schema's validator", all, (input) => {
      const parsed = value(input);
      if (parsed !== undefined) for (const one of validate) one(parsed);
    }),
    json("manifest", manifests, runManifest),
    json("Nostr event", events, (input) => {
      const event = verifyEvent(value(input), pureSchnorr);
      check(isRejection(event) || known.has(event.id), "no event verifies but those that were signed");
      const taken = signed(value(input));
      if (isRejection(taken)) return;
      refuseKind(taken);
      retentionOf(taken.kind);
      addressOf(taken);
    }),
    ...(await kindReaders()),
    json(
      "relay frame",
      events
        .slice(0, 40)
        .map((event) => `["EVENT",${event}]`)
        .concat('["REQ","a",{"kinds":[1],"#t":["x"],"since":1}]', '["CLOSE","a"]', '["COUNT","a",{}]', '["AUTH",{}]'),
      parseMessage,
    ),
    json(
      "filter",
      [
        '{"kinds":[30051],"authors":["' +
          "a".repeat(64) +
          '"],"#t":["x"],"since":1,"until":2,"limit":3,"search":"a b"}',
        "{}",
      ],
      (input) => {
        const filter = parseFilter(value(input));
        const event = signed({ kind: 30_051, tags: [["t", "x"]], content: "a b" });
        if (!isRejection(filter) && !isRejection(event)) matchesFilter(filter, event);
      },
    ),
    json("install config", examplesOf("manifest/install-config"), runInstallConfig),
    json("gift wrap", [sealedExample()], (input) => {
      const wrap = signed(value(input));
      if (!isRejection(wrap))
        openConfig(wrap, { worker: publicKeyOf(WORKER), secret_key: WORKER, now_s: NOW_S, schnorr: pureSchnorr });
    }),
    text(
      "NIP-98 header",
      [
        httpAuthHeader(
          signEvent(
            {
              kind: 27_235,
              created_at: NOW_S,
              tags: [
                ["u", "https://a/"],
                ["method", "GET"],
              ],
              content: "",
            },
            SECRET,
            ZEROS,
          ),
        ),
        "Nostr e30=",
        "Bearer x",
      ],
      (input) => checkHttpAuth(input, { url: "https://a/", method: "GET" }, NOW_S, pureSchnorr),
    ),
    controlBodies(),
    json("receipt bundle", examplesOf("api/edge-receipt-bundle"), (input) => {
      const bundle = value(input);
      if (!validators.isReceiptBundle(bundle)) return;
      const report = verifyReceipt(
        bundle,
        { now_s: NOW_S, networks: ["mainnet", "regtest"] as never, withdrawals: null, holder: null },
        pureSchnorr,
      );
      check(report.verdict !== "valid", "no mutated receipt is valid");
    }),
    text("invoice", invoices(), decodeInvoice),
    text("cron", ["*/15 9-17 * * 1-5", "0 3 * * *", "30 2 29 2 *", "0,30 */2 1-15/3 1,6,12 0"], (input) => {
      const cron = parseCron(input);
      if (!isRejection(cron)) nextWall(cron, NOW_S * 1_000);
      previewSchedule({ expression: input, time_zone: "Europe/Berlin", from_ms: NOW_S * 1_000, count: 2 });
    }),
    text("time zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "+05:30"], checkTimeZone),
    text("glob", ["/src/**/*.{ts,md}", "~/Documents/[!a-c]?*", "**/x", "\\*\\{a\\}", "/{a,{b,c}}/**"], (input) => {
      matchGlob(input, "/src/a/b.ts");
      check(!globCovers("/src/**", input) || !matchGlob(input, "/etc/passwd"), "what a pattern covers it holds");
      globCovers(input, "/src/*");
    }),
    text(
      "permission",
      ["filesystem:read:~/a/**", "network:egress:*.example.com:8443", "secret:use:A@b.c", "wallet:spend:10/day"],
      (input) => {
        parsePermission(input);
        permits([input], "network:egress:api.example");
        permits(["filesystem:read:/a/**"], input);
        for (const read of [unsafePath, normalizePath, isGrantableHost, hostOfUrl]) read(input);
      },
    ),
    text("version", ["1.2.3", "1.0.0-rc.1+build.5", "0.0.0-0"], (input) => {
      const [version, other] = [parseSemver(input), parseSemver("1.0.0")];
      if (isRejection(version) || isRejection(other)) return;
      check(compareSemver(version, other) === -compareSemver(other, version), "an order has two directions");
    }),
    text("wiring", ["a ${inputs.x} b", "${steps.a.b.0}", "$${x} ${run.id}", "${secrets.TOKEN}"], (input) => {
      parseTemplate(input);
      const literal = parseTemplate(escapeTemplate(input));
      check(!isRejection(literal) && literal.join("") === input, "escaped text is itself");
      if (!isRejection(parseTemplate(input))) resolvePartly(input, () => "${inputs.x}");
    }),
    json("worker settings", examplesOf("manifest/worker-config"), (input) => validators.isWorkerConfig(value(input))),
    text(
      "npub, bunker and web addresses",
      [
        `npub1${"q".repeat(58)}`,
        `bunker://${"a".repeat(64)}?relay=wss://r.example&secret=x`,
        "https://me@host.example:8443/x?y#z",
      ],
      (input) => {
        npubToHex(input);
        parseBunker(input);
        hostOfUrl(input);
      },
    ),
    json(
      "vault file",
      [
        '{"v":1,"kdf":{"name":"keychain"},"check":"0123456789abcdef0123456789abcdef","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","box":"AAAA"}',
      ],
      async (input) => {
        // A key costs nothing to derive; one from a passphrase is refused before it costs anything.
        await unseal(input, { key: ZEROS }, "vault.json").catch((error: { code?: string }) =>
          check(error.code === "vault_damaged", String(error)),
        );
      },
    ),
    text(
      "text that may hold secrets",
      ["Bearer abc.def", "AKIA", '{"password":"x"}', "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x"],
      (input) => {
        findSecrets(input);
        redact(input);
        check(!/[\p{Cc}]/u.test(plain(input)), "a terminal is safe");
      },
    ),
  ];
}

function invoices(): readonly string[] {
  const bundle = JSON.parse(example("api/edge-receipt-bundle/valid/from-seller.json")) as { readonly invoice: string };
  return [bundle.invoice, bundle.invoice.toUpperCase(), "lnbc1"];
}
