import { approvalProjection } from "@oa/shared/approval/views.ts";
import { attestationProjection } from "@oa/shared/attestation/views.ts";
import { capabilityProjection } from "@oa/shared/capability/views.ts";
import { installProjection } from "@oa/shared/install/views.ts";
import { intakeProjection } from "@oa/shared/intake/views.ts";
import { licenceProjection } from "@oa/shared/license/views.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import { pairingProjection } from "@oa/shared/pairing/views.ts";
import { quarantineProjection, usageProjection } from "@oa/shared/policy/views.ts";
import { retentionProjection } from "@oa/shared/retention/views.ts";
import { runProjection } from "@oa/shared/run/views.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { vaultProjection } from "@oa/shared/vault/views.ts";

/** Every view that is folded from the log. */
export const PROJECTIONS = [
  approvalProjection,
  capabilityProjection,
  installProjection,
  intakeProjection,
  licenceProjection,
  machineProjection,
  pairingProjection,
  attestationProjection,
  quarantineProjection,
  retentionProjection,
  runProjection,
  scheduleProjection,
  triggerProjection,
  usageProjection,
  vaultProjection,
];
