// A service worker: it adds the headers that let threads share memory to the page and to its workers, for hosts that cannot.

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate" || event.request.destination === "worker") {
    event.respondWith(isolated(event.request));
  }
});

async function isolated(request) {
  const answer = await fetch(request);
  // what leads elsewhere has no headers to add to: the browser follows it by itself
  if (answer.status === 0) return answer;
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}
