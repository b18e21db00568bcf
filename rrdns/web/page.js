// Fetches the page anew and puts its main part in place of the old one. Without this script the
// browser reloads the page.
"use strict";
const seconds = 5;
let last = Date.now();
async function refresh() {
  if (document.hidden) return;
  try {
    const reply = await fetch(location.href, {cache: "no-store"});
    if (!reply.ok) throw new Error(reply.status);
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.title = fresh.title;
    last = Date.now();
    document.getElementById("stale").textContent = "";
  } catch {
    const age = Math.round((Date.now() - last) / 1000);
    document.getElementById("stale").textContent = `no answer for ${age} s: this is old`;
  }
}
setInterval(refresh, seconds * 1000);
document.addEventListener("visibilitychange", refresh);
