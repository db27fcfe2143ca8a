// Asks again how a campaign goes while it is sent, as long as somebody looks at it.
// Without it the page shows what was so when it was opened.
const PAUSE = 5000;
const place = document.getElementById("progress");
const said = document.getElementById("progress-said");

const look = async () => {
  if (document.hidden || place.contains(document.activeElement)) return;
  try {
    const answer = await fetch(place.dataset.url, { redirect: "error" });
    if (!answer.ok) return;
    const before = place.firstElementChild.dataset.state;
    place.innerHTML = await answer.text();
    if (place.firstElementChild.dataset.state !== before) {
      said.textContent = place.querySelector(".state").textContent;
    }
  } catch {
    // The next look may find the site again.
  }
};
const asking = setInterval(async () => {
  if (place.querySelector("[data-live]")) await look();
  else clearInterval(asking);
}, PAUSE);
