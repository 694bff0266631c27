import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before } from "node:test";
import { openEgress } from "@oa/worker/adapters/egress.ts";
import { openProcesses } from "@oa/worker/adapters/process.ts";
import { attackClass } from "./attack.ts";

/** What a worker's environment may hold, and no program it starts may see or be steered by. */
const SECRETS: Readonly<Record<string, string>> = {
  AWS_SECRET_ACCESS_KEY: "leak-1",
  OPENAI_API_KEY: "leak-2",
  OA_PASSPHRASE: "leak-3",
  CREDENTIALS_DIRECTORY: "/leak-4",
  SSH_AUTH_SOCK: "/leak-5",
  GIT_ASKPASS: "/leak-6",
  GITHUB_TOKEN: "leak-7",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/leak-8",
};
const STEERING: Readonly<Record<string, string>> = {
  LD_PRELOAD: "/leak-9.so",
  LD_LIBRARY_PATH: "/leak-10",
  DYLD_INSERT_LIBRARIES: "/leak-11",
  NODE_OPTIONS: "--no-warnings",
  GIT_SSH_COMMAND: "/leak-13",
  GIT_CONFIG_GLOBAL: "/leak-14",
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "core.fsmonitor",
  GIT_CONFIG_VALUE_0: "/leak-16",
  GIT_DIR: "/leak-17",
  GIT_EXTERNAL_DIFF: "/leak-18",
  BASH_ENV: "/leak-19",
  PYTHONSTARTUP: "/leak-20",
  PERL5OPT: "-Mleak21",
  IFS: "x",
};
const signal = new AbortController().signal;
const saved = { ...process.env };
before(() => void Object.assign(process.env, SECRETS, STEERING));
after(() => {
  for (const name of Object.keys({ ...SECRETS, ...STEERING })) delete process.env[name];
  Object.assign(process.env, saved);
});
const seen = async (): Promise<readonly string[]> => {
  const { stdout } = await openProcesses().run("env", [], { signal, timeout_ms: 10_000, max_output_bytes: 100_000 });
  return stdout.split("\n");
};

attackClass("environment leak", ({ harmless, works }) => {
  for (const name of [...Object.keys(SECRETS), ...Object.keys(STEERING)]) {
    harmless(`a program reading or obeying ${name}`, async () => {
      assert.deepEqual(
        (await seen()).filter((line) => line.startsWith(`${name}=`)),
        [],
      );
    });
  }
  harmless("a program finding any of their values", async () => {
    assert.ok(!(await seen()).join("\n").includes("leak"));
  });
  for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NODE_USE_ENV_PROXY"]) {
    harmless(`a proxy in ${name} seeing requests`, async () => {
      let proxied = 0;
      const proxy = createServer((_, response) => {
        proxied += 1;
        response.end("proxied");
      });
      const server = createServer((_, response) => response.end("direct"));
      const listen = (of: typeof proxy) => new Promise<void>((resolve) => of.listen(0, "127.0.0.1", resolve));
      await Promise.all([listen(proxy), listen(server)]);
      process.env[name] =
        name === "NODE_USE_ENV_PROXY" ? "1" : `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      process.env.no_proxy = "";
      try {
        const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
        const egress = openEgress([`network:egress:${host}`], { private_allow: [host] });
        const request = {
          url: `http://${host}/`,
          method: "GET",
          headers: {},
          timeout_ms: 5_000,
          max_bytes: 100,
          signal,
        };
        assert.equal(Buffer.from((await egress.fetch(request)).body).toString(), "direct");
        assert.equal(proxied, 0);
      } finally {
        delete process.env[name];
        delete process.env.no_proxy;
        proxy.close();
        server.close();
      }
    });
  }

  works("a program still finds other programs and its language", async () => {
    const names = (await seen()).map((line) => line.split("=", 1)[0]);
    assert.ok(names.includes("PATH"), names.join(" "));
  });
  works("git runs", async () => {
    const { code, stdout } = await openProcesses().run("git", ["--version"], {
      signal,
      timeout_ms: 10_000,
      max_output_bytes: 1_000,
    });
    assert.equal(code, 0);
    assert.match(stdout, /^git version/);
  });
});
