import type { PolicyRule } from "../rule.ts";
import { aup } from "./aup.ts";
import { externalWrite } from "./external-write.ts";
import { grant } from "./grant.ts";
import { killSwitch } from "./kill-switch.ts";
import { quarantine } from "./quarantine.ts";
import { quota } from "./quota.ts";
import { zone } from "./zone.ts";

/** Every rule. All of them speak on every action; their order changes nothing but the order of the reasons. */
export const POLICY_RULES: readonly PolicyRule[] = [killSwitch, quarantine, grant, aup, externalWrite, zone, quota];
