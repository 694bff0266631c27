/* A FAKE signer's content script: it stands between the page's world, which has no extension, and the signer's process. */
addEventListener("message", async ({ source, data }) => {
  if (source !== window || data?.to !== "fake-signer") return;
  const { id, method, params } = data;
  postMessage({ to: "page", id, ...(await chrome.runtime.sendMessage({ method, params })) });
});

// As older extensions do it: an element of the page loads the script, which the page's own policy does not name.
if (chrome.runtime.getManifest().web_accessible_resources !== undefined) {
  const script = document.createElement("script");
  script.src = chrome.runtime.getURL("page.js");
  document.documentElement.append(script);
}
