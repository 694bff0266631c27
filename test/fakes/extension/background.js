/* A FAKE signer's own process: it has its key in the clear and agrees to everything but the kinds it was told to refuse. */
importScripts("nostr.bundle.js", "settings.js");

const { SETTINGS } = self;
const { finalizeEvent, getPublicKey, nip44, utils } = self.NostrTools;
const key = utils.hexToBytes(SETTINGS.secret_key);

const ANSWERS = {
  getPublicKey: () => getPublicKey(key),
  signEvent: (template) => {
    if (SETTINGS.refuses.includes(template.kind)) throw new Error(`its owner said no to kind ${template.kind}`);
    return finalizeEvent(template, key);
  },
  encrypt: (to, text) => nip44.encrypt(text, nip44.getConversationKey(key, to)),
  decrypt: (from, payload) => nip44.decrypt(payload, nip44.getConversationKey(key, from)),
};

chrome.runtime.onMessage.addListener(({ method, params }, _sender, answer) => {
  try {
    answer({ result: ANSWERS[method](...params) });
  } catch (error) {
    answer({ error: error.message });
  }
});
