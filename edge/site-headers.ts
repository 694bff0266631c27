/**
 * What a page may do: run its own scripts, show its own styles and pictures, and ask its own address. Nothing is inline,
 * so there is no exception to make: what an author wrote could not run even where it got into a page.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

/**
 * The coordinator is an application: it speaks to relays of its owner's choice, keeps a copy of itself, reads a camera
 * picture, and opens in other windows.
 */
const COORDINATOR_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "connect-src 'self' https: wss: http://127.0.0.1:* http://localhost:* ws://127.0.0.1:* ws://localhost:*",
  "worker-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

/** Its service worker fetches the page, its files, and what catalogs say; the policy it runs under is its own file's. */
const OFFLINE_POLICY = [
  "default-src 'none'",
  "connect-src 'self' https: http://127.0.0.1:* http://localhost:*",
  "frame-ancestors 'none'",
];

const NOTHING_POLICY = ["default-src 'none'", "frame-ancestors 'none'"];
const COORDINATOR = "/install/";
const OFFLINE = "/install/offline.js";

/** The headers that keep a file of the site in its bounds, by its path and its type. */
export function boundsOf(path: string, type: string): Readonly<Record<string, string>> {
  const coordinator = path.startsWith(COORDINATOR);
  const file = path === OFFLINE ? OFFLINE_POLICY : NOTHING_POLICY;
  const policy = !type.startsWith("text/html") ? file : coordinator ? COORDINATOR_POLICY : PAGE_POLICY;
  return {
    "Content-Security-Policy": policy.join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": `camera=(${coordinator ? "self" : ""}), geolocation=(), microphone=(), payment=(), usb=()`,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  };
}
