/** A thread whose calls never end. */
import { serveThread } from "@oa/worker/searchkit/thread.ts";

serveThread(() => {
  for (;;);
});
