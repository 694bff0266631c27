import { Hono } from "hono";
import { Fault, reject } from "../core/refusal.ts";
import { answer } from "./answer.ts";
import { controlOpenApi } from "./openapi.ts";
import type { ControlPorts } from "./ports.ts";
import { approvalRoutes } from "./routes/approvals.ts";
import { auditRoutes } from "./routes/audit.ts";
import { eventRoutes } from "./routes/events.ts";
import { installRoutes } from "./routes/installs.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { marketRoutes } from "./routes/market.ts";
import { metricRoutes } from "./routes/metrics.ts";
import { moderationRoutes } from "./routes/moderation.ts";
import { outwardRoutes } from "./routes/outward.ts";
import { pairingRoutes } from "./routes/pairings.ts";
import { policyRoutes } from "./routes/policy.ts";
import { receiptRoutes } from "./routes/receipts.ts";
import { reputationRoutes } from "./routes/reputation.ts";
import { runRoutes } from "./routes/runs.ts";
import { scheduleRoutes } from "./routes/schedule.ts";
import { searchRoutes } from "./routes/search.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { updateRoutes } from "./routes/updates.ts";
import { upgradeRoutes } from "./routes/upgrades.ts";

/**
 * The control API: JSON under `/v1`, `{error: {code, message}}` with the code's HTTP status for every no. It trusts its
 * caller: who may call is decided in front of it, by the server, or by being in the same process.
 */
export function controlApp(ports: ControlPorts): Hono {
  const app = new Hono();
  app.get("/health", (context) => context.json({ status: "ok" }));
  app.get("/openapi.json", (context) =>
    context.json(controlOpenApi(new URL(context.req.url).origin, ports.readSchema)),
  );
  app.get("/v1/worker", async (context) => context.json(await ports.worker.describe(context.req.raw.signal)));
  app.get("/v1/doctor", async (context) => context.json({ checks: await ports.doctor(context.req.raw.signal) }));
  app.route("/metrics", metricRoutes(ports));
  app.route("/v1/installs", installRoutes(ports));
  app.route("/v1/updates", updateRoutes(ports));
  app.route("/v1/upgrades", upgradeRoutes(ports));
  app.route("/v1/runs", runRoutes(ports));
  app.route("/v1/runs", leaseRoutes(ports));
  app.route("/v1/events", eventRoutes(ports));
  app.route("/v1/market", marketRoutes(ports));
  app.route("/v1/reputation", reputationRoutes(ports));
  app.route("/v1/moderation", moderationRoutes(ports));
  app.route("/v1/search", searchRoutes(ports));
  app.route("/v1/schedule", scheduleRoutes(ports));
  app.route("/v1/audit", auditRoutes(ports));
  app.route("/v1/pairings", pairingRoutes(ports));
  app.route("/v1/policy", policyRoutes(ports));
  app.route("/v1/approvals", approvalRoutes(ports));
  app.route("/v1/outward", outwardRoutes(ports));
  app.route("/v1/tokens", tokenRoutes(ports));
  app.route("/v1/secrets", secretRoutes(ports));
  app.route("/v1/receipts", receiptRoutes(ports));
  app.notFound((context) =>
    answer(context, reject("not_found", `there is no ${context.req.method} ${context.req.path}`)),
  );
  app.onError((error, context) => {
    const known = error instanceof Fault;
    // A database that fails one request fails all that the worker does.
    if (!known || error.code.startsWith("database_")) ports.report(error);
    if (known) return answer(context, reject(error.code, error.message, error.details));
    return answer(context, reject("internal", "the worker could not answer; its log says why"));
  });
  return app;
}
