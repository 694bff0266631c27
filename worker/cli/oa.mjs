#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// JavaScript, so that a command starts without the compiler of TypeScript: what it had compiled once is beside the
// code itself, where only those may write who may change it. That is two thirds of a short command's start.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(join(import.meta.dirname, "..", "..", "node_modules", ".cache", "compiled"));
await import("./oa.ts");
