// A fake for tests of failures: the edge's own objects in workerd, but for a shard that fails as the events that it is
// given, and the questions that it is asked, say in a tag `t`. It says in the log what it tells its doors, and of each
// alarm whether another is set.
import { RelayShard as RealShard } from "./index.js";

export * from "./index.js";
export { default } from "./index.js";

/** Longer than any test waits. */
const LONG_MS = 600_000;
const asleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class RelayShard extends RealShard {
  constructor(context, env) {
    const once = async (fault, act) => {
      if ((await context.storage.get(fault)) !== undefined) return;
      await context.storage.put(fault, Date.now());
      await context.storage.sync();
      await act();
    };
    const die = () => {
      console.error("the shard dies");
      context.abort("a test's fault");
    };
    const get = (id) => ({
      deliver: async (shard, news) => {
        const has = (fault) => news.fresh.some(({ raw }) => raw.includes(`["t","${fault}"]`));
        if (has("dies before it tells")) await once("dies before it tells", die);
        const listens = await env.RELAY_DOOR.get(id).deliver(shard, news);
        console.error(`told ${news.fresh.map(({ raw }) => JSON.parse(raw).content).join()}`);
        if (has("dies after it tells")) await once("dies after it tells", die);
        return listens;
      },
    });
    super(context, { ...env, RELAY_DOOR: { idFromString: (id) => env.RELAY_DOOR.idFromString(id), get } });
  }

  async perform(count, door, tasks) {
    const has = (fault) => JSON.stringify(tasks).includes(fault);
    if (has("hangs")) await asleep(LONG_MS);
    if (tasks.some(({ verb, filters }) => verb === "find" && filters.length === 0)) throw new Error("a test's fault");
    const answers = super.perform(count, door, tasks);
    const lost = (await this.ctx.storage.get("lost")) ?? 0;
    if (!has("loses its answer") || lost === 2) return answers;
    await this.ctx.storage.put("lost", lost + 1);
    await this.ctx.storage.sync();
    throw new Error("a test's fault: the answer is lost");
  }

  async alarm() {
    // Away for so long that a door with nothing to do sleeps meanwhile.
    const died_at_ms = await this.ctx.storage.get("dies after it tells");
    if (died_at_ms !== undefined) await asleep(Math.max(0, died_at_ms + 14_000 - Date.now()));
    await super.alarm();
    const next_ms = await this.ctx.storage.getAlarm();
    console.error(`alarm of ${this.ctx.id.name}: ${next_ms === null ? "none after it" : "another after it"}`);
  }
}
