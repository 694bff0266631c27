/** The control API's own document, held against the routes that there are and the validators that they use. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import { CONTROL_ROUTES, controlOpenApi } from "@oa/shared/api/openapi.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import validators, { type Validator } from "@oa/shared/generated/validators.cjs";
import { readSchema } from "@oa/worker/admin/api-schemas.ts";

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly description?: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>> };
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const app = controlApp({ readSchema, report: () => {} } as unknown as ControlPorts);
const served = (await (await app.request("/openapi.json")).json()) as Document;
const operation = (name: string): Operation => {
  const [method = "", path = ""] = name.split(" ");
  const found = served.paths[path.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
  assert.ok(found, `${name} is in the document`);
  return found;
};
const titleOf = ({ requestBody }: Operation): string | undefined =>
  requestBody?.content["application/json"]?.schema.$ref.split("/").at(-1);
const post = async (path: string): Promise<{ code: string | undefined; errors: unknown }> => {
  const answer = await app.request(path.replace(/:\w+/g, "some"), {
    ...{ method: "POST", headers: { "content-type": "application/json" } },
    body: JSON.stringify({ no_such_member: 1 }),
  });
  const { error } = (await answer.json()) as { error?: { code: string; details?: { errors: unknown } } };
  return { code: error?.code, errors: error?.details?.errors };
};

test("every route is in the document, and everything in the document is a route", () => {
  const routes = app.routes.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...new Set(routes)].sort(), Object.keys(CONTROL_ROUTES).sort());
  const documented = Object.values(served.paths).flatMap((methods) => Object.keys(methods));
  assert.equal(documented.length, Object.keys(CONTROL_ROUTES).length);
  assert.equal(served.openapi, "3.1.0");
});

test("every reference in the document leads to a schema that is in it", () => {
  const names = [...JSON.stringify(served).matchAll(/"\$ref":"([^"]*)"/g)].map(([, name = ""]) => name);
  assert.ok(names.length > 50);
  for (const name of names) {
    const [, title = ""] = /^#\/components\/schemas\/(\w+)$/.exec(name) ?? [];
    assert.ok(title in served.components.schemas, name);
  }
});

test("a route's documented body is the one that it validates, and a route without one reads none", async () => {
  for (const name of Object.keys(CONTROL_ROUTES).filter((one) => one.startsWith("POST "))) {
    const title = titleOf(operation(name));
    const { code, errors } = await post(name.slice("POST ".length));
    if (title === undefined) {
      assert.notEqual(code, "schema_invalid", name);
      continue;
    }
    const validator = (validators as unknown as Readonly<Record<string, Validator<object>>>)[`is${title}`];
    assert.ok(validator !== undefined, `${name}: there is a validator of ${title}`);
    assert.equal(validator({ no_such_member: 1 }), false);
    assert.equal(code, "schema_invalid", name);
    const expected = (validator.errors ?? []).slice(0, 20).map(({ instancePath: path, message, params }) => {
      return { path, message, params };
    });
    assert.deepEqual(errors, JSON.parse(JSON.stringify(expected)), name);
  }
});

test("what stands in a path is a parameter, and who may call a route is said as the guard decides it", () => {
  assert.deepEqual(
    operation("GET /v1/schedule/:id").parameters.map((one) => `${one.in} ${one.name}`),
    ["path id", "query from", "query count"],
  );
  assert.match(operation("GET /v1/runs/:id").description ?? "", /run:read/);
  assert.equal(operation("POST /v1/tokens").description, "The admin token alone.");
});

test("a schema that is missing is a fault of the program, not a document with a hole", () => {
  const without = (path: string): ReturnType<typeof readSchema> =>
    readSchema(path.replace("control-run-start", "none"));
  assert.throws(() => controlOpenApi("http://127.0.0.1:6767", without), /none\.json/);
});
