const WORKER = "/install/offline.js";

/** Keeps the page itself for when there is no network. The browser's own protection lets this one script's name pass. */
export function startOffline(): void {
  if (!("serviceWorker" in navigator)) return;
  const { trustedTypes } = window as {
    readonly trustedTypes?: {
      readonly createPolicy: (
        name: string,
        rules: { readonly createScriptURL: (url: string) => string },
      ) => { readonly createScriptURL: (url: string) => unknown };
    };
  };
  const policy = trustedTypes?.createPolicy("oa", {
    createScriptURL: (url) => {
      if (url === WORKER) return url;
      throw new TypeError(`${url} is no script of this page`);
    },
  });
  const script = policy?.createScriptURL(WORKER) ?? WORKER;
  // What the policy made is a script's address to the browser, and a string to the types.
  navigator.serviceWorker.register(script as string, { scope: "/install/" }).catch(console.warn);
}
