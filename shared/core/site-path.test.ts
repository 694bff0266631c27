import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { packOf } from "./site-path.ts";

describe("the pack of a path", () => {
  const packs = ["/404.html", "/browse/index.html", "/tags/é/index.html"].map((first) => ({ first }));
  const of = (path: string) => packOf(packs, path)?.first;
  it("is the last that begins no later", () => {
    assert.deepEqual(
      ["/404.html", "/about/", "/browse/index.html", "/browse/top/index.html", "/zebra", "/\u{1f600}"].map(of),
      [...["/404.html", "/404.html", "/browse/index.html"], "/browse/index.html", "/tags/é/index.html"].concat(
        "/tags/é/index.html",
      ),
    );
  });
  it("is none for what comes before all", () => {
    assert.equal(of("/"), undefined);
    assert.equal(packOf([], "/x"), undefined);
  });
  it("is found among many as one by one", () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ first: `/${String(index * 3).padStart(4, "0")}` }));
    for (let index = 0; index < 900; index += 1) {
      const path = `/${String(index).padStart(4, "0")}`;
      assert.equal(
        packOf(many, path),
        many.findLast(({ first }) => first <= path),
      );
    }
  });
});
