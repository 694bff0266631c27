import { cpuPercentage, type MachineSource, type Reading, type Sensors, unknown } from "./port.ts";

/** Linux: `/sys` and `/proc`; for the user, `xprintidle` or logind; for Do Not Disturb, GNOME's settings. */
export function linuxSensors(source: MachineSource): Sensors {
  return {
    plugged_in: () => power(source),
    network: () => network(source),
    cpu_percentage: (signal) => cpuPercentage(source, signal),
    idle_ms: (signal) => idle(source, signal),
    dnd: (signal) => doNotDisturb(source, signal),
  };
}

const SUPPLIES = "/sys/class/power_supply";
/** Chassis that run on mains power alone (SMBIOS): desktops, towers, all-in-ones, servers, racks. */
const MAINS_ONLY = new Set(["3", "4", "5", "6", "7", "13", "15", "16", "17", "23", "24", "35", "36"]);

async function power(source: MachineSource): Promise<Reading<"plugged_in">> {
  let battery: string | null = null;
  for (const name of await source.list(SUPPLIES)) {
    const field = async (file: string): Promise<string> => optional(source, `${SUPPLIES}/${name}/${file}`);
    if ((await field("scope")) === "Device") continue; // a mouse's battery
    const type = await field("type");
    if (type !== "Battery" && (await field("online")) === "1") return { value: true };
    if (type === "Battery") battery = await field("status");
  }
  if (battery === "Charging") return { value: true };
  if (battery === "Discharging") return { value: false };
  if (battery !== null) return unknown(`the battery is ${JSON.stringify(battery)}, and no mains supply is listed`);
  // A virtual machine lists no supply either, and cannot know what its host draws from.
  const chassis = await optional(source, "/sys/class/dmi/id/chassis_type");
  if (MAINS_ONLY.has(chassis)) return { value: true };
  return unknown("this machine lists no power supply, and is not known to be one without a battery");
}

async function network(source: MachineSource): Promise<Reading<"network">> {
  const device = await defaultDevice(source);
  if (device === null) return { value: "none" };
  const folder = `/sys/class/net/${device}`;
  const files = await source.list(folder);
  if (files.includes("wireless") || files.includes("phy80211")) return { value: "wifi" };
  if (!files.includes("device")) return unknown(`the default route goes through ${device}, which is no hardware`);
  const modem = /DEVTYPE=(wwan|bluetooth)/.test(await optional(source, `${folder}/uevent`));
  return { value: (await optional(source, `${folder}/type`)) === "1" && !modem ? "wired" : "other" };
}

/** The device of the best default route, IPv4 before IPv6. */
async function defaultDevice(source: MachineSource): Promise<string | null> {
  const rows = (text: string): readonly (readonly string[])[] =>
    text.split("\n").map((line) => line.trim().split(/\s+/));
  const [, ...v4] = rows(await source.read("/proc/net/route"));
  const four = v4
    .filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")
    .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
  if (four !== undefined) return four;
  const six = rows(await optional(source, "/proc/net/ipv6_route"))
    .filter(
      ([destination, prefix, , , , , , , , device]) =>
        /^0+$/.test(destination ?? "") && prefix === "00" && device !== "lo",
    )
    .sort((a, b) => Number.parseInt(a[5] ?? "", 16) - Number.parseInt(b[5] ?? "", 16))[0]?.[9];
  return six ?? null;
}

async function idle(source: MachineSource, signal: AbortSignal): Promise<Reading<"idle_ms">> {
  const { DISPLAY, WAYLAND_DISPLAY } = source.env;
  // Under Wayland, X only knows of the windows that still use it.
  if (DISPLAY !== undefined && WAYLAND_DISPLAY === undefined) {
    const answer = await source.ask("xprintidle", [], signal).catch(() => null);
    const text = answer?.code === 0 ? answer.stdout.trim() : "";
    if (/^\d{1,15}$/.test(text)) return { value: Number(text) };
  }
  const properties = ["--property=IdleHint", "--property=IdleSinceHint"];
  const { code, stdout } = await source.ask("loginctl", ["show", ...properties], signal);
  const hint = /^IdleHint=(yes|no)$/m.exec(stdout)?.[1];
  if (code !== 0 || hint === undefined) return unknown("neither xprintidle nor logind says when the user was active");
  if (hint === "no") return { value: 0 };
  const since_us = Number(/^IdleSinceHint=(\d+)$/m.exec(stdout)?.[1] ?? 0);
  if (since_us === 0) return unknown("logind calls the user idle, but not since when");
  return { value: Math.max(0, Math.floor(source.now_ms() - since_us / 1000)) };
}

async function doNotDisturb(source: MachineSource, signal: AbortSignal): Promise<Reading<"dnd">> {
  const { XDG_CURRENT_DESKTOP = "", DBUS_SESSION_BUS_ADDRESS } = source.env;
  // Without the session's bus gsettings answers with defaults, which would be a guess.
  if (!/GNOME|Unity/i.test(XDG_CURRENT_DESKTOP) || DBUS_SESSION_BUS_ADDRESS === undefined) {
    return unknown("only a GNOME session says whether Do Not Disturb is on");
  }
  const asked = ["get", "org.gnome.desktop.notifications", "show-banners"];
  const { code, stdout } = await source.ask("gsettings", asked, signal);
  const banners = stdout.trim();
  if (code === 0 && (banners === "true" || banners === "false")) return { value: banners === "false" };
  return unknown("gsettings does not say whether notifications are shown");
}

/** A file's text, or nothing where there is none. */
async function optional(source: MachineSource, path: string): Promise<string> {
  return (await source.read(path).catch(() => "")).trim();
}
