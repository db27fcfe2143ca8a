// Asks again how a campaign goes while it is sent, as long as somebody looks at it.
// Without it the page shows what was so when it was opened.
const PAUSE = 5000;
const place = document.getElementById("progress");

const look = async () => {
  if (document.hidden || place.contains(document.activeElement)) return;
  try {
    const answer = await fetch(place.dataset.url, { redirect: "error" });
    if (!answer.ok) return;
    const now = document.createElement("template");
    now.innerHTML = await answer.text();
    const known = place.firstElementChild.dataset.state;
    // All of the page tells the state: what can be done with it, and whom it goes to.
    if (now.content.firstElementChild.dataset.state !== known) location.reload();
    else place.replaceChildren(now.content);
  } catch {
    // The next look may find the site again.
  }
};
const asking = setInterval(async () => {
  if (place.querySelector("[data-live]")) await look();
  else clearInterval(asking);
}, PAUSE);
