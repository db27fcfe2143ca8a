// Shows topics that look like the title while it is typed, so that one of them can be supported.
// Without it they are shown once the suggestion is sent.
const PAUSE = 350;

for (const place of document.querySelectorAll(".alikes[data-url]")) {
  const title = place.closest("form").elements.title;
  const found = place.querySelector(".alikes-found");
  const said = place.querySelector("[role=status]");
  let waiting;
  let asked = new AbortController();

  const show = (piece) => {
    found.innerHTML = piece;
    said.textContent = found.querySelector("[data-said]")?.dataset.said ?? "";
  };
  const look = async () => {
    asked = new AbortController();
    const address = new URL(place.dataset.url, location.href);
    address.searchParams.set("title", title.value);
    try {
      const answer = await fetch(address, { signal: asked.signal, redirect: "error" });
      show(answer.ok ? await answer.text() : "");
    } catch (error) {
      if (error.name !== "AbortError") show("");
    }
  };
  title.addEventListener("input", () => {
    clearTimeout(waiting);
    asked.abort();
    waiting = setTimeout(look, PAUSE);
  });
}
