/* What a FAKE signer gives the page (NIP-07). It runs in the page's own world and has nothing but messages. */
{
  let count = 0;
  const ask = (method, ...params) =>
    new Promise((resolve, reject) => {
      count += 1;
      const id = count;
      const hear = ({ source, data }) => {
        if (source !== window || data?.to !== "page" || data.id !== id) return;
        removeEventListener("message", hear);
        if (data.error === undefined) resolve(data.result);
        else reject(new Error(data.error));
      };
      addEventListener("message", hear);
      postMessage({ to: "fake-signer", id, method, params });
    });
  window.nostr = {
    getPublicKey: () => ask("getPublicKey"),
    signEvent: (template) => ask("signEvent", template),
    nip44: {
      encrypt: (to, text) => ask("encrypt", to, text),
      decrypt: (from, payload) => ask("decrypt", from, payload),
    },
  };
}
