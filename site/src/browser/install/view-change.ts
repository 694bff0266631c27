import type { App } from "./app.ts";
import { make } from "./elements.ts";
import { settingsOf } from "./view-listing.ts";

/** The settings of something installed, to change them or take a newer release. */
export async function changeView(app: App, install_id: string): Promise<HTMLElement> {
  const install = app.box.read().installs.find((one) => one.install_id === install_id);
  return install === undefined ? make("p", {}, "This page ordered no such install.") : settingsOf(app, install);
}
