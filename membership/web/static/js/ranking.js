// Orders a ranked ballot by buttons: what is chosen stands on top, in its order. The numbers stay,
// and say the same; without this script they alone are the ballot.
const form = document.querySelector("form.ballot[data-ranked]");

if (form) {
  const list = form.querySelector(".options");
  const paper = [...list.children];
  const counter = form.querySelector(".ballot-counter");
  const most = Number(counter.dataset.most);
  const live = form.querySelector(".rank-said");
  const place = (row) => row.querySelector(".rank-place");
  const title = (row) => row.querySelector(".option-title").textContent;
  const button = (row, move) => row.querySelector(`[data-move="${move}"]`);
  let chosen = [];

  const fill = (words, row) =>
    words
      .replace("{title}", title(row))
      .replace("{place}", chosen.indexOf(row) + 1)
      .replace("{chosen}", chosen.length)
      .replace("{most}", most);

  const say = (...told) => {
    live.textContent = told.map(([what, row]) => fill(live.dataset[what], row)).join(" ");
  };

  const show = () => {
    const order = [...chosen, ...paper.filter((row) => !chosen.includes(row))];
    const focused = document.activeElement;
    if (order.some((row, at) => list.children[at] !== row)) list.append(...order);
    for (const row of paper) {
      const at = chosen.indexOf(row);
      place(row).value = at < 0 ? "" : at + 1;
      row.dataset.place = at < 0 ? "" : at + 1;
      button(row, "choose").hidden = at >= 0;
      button(row, "choose").ariaDisabled = chosen.length >= most;
      for (const what of ["up", "down", "off"]) button(row, what).hidden = at < 0;
      button(row, "up").ariaDisabled = at === 0;
      button(row, "down").ariaDisabled = at === chosen.length - 1;
    }
    const isFull = chosen.length >= most;
    counter.textContent = fill(isFull ? counter.dataset.full : counter.dataset.pattern, paper[0]);
    // A card that was moved has lost the focus, and a button may have given way to another one.
    const row = focused?.closest(".rank");
    const other = chosen.includes(row) ? "up" : "choose";
    if (row) (focused.hidden ? button(row, other) : focused).focus();
  };

  // Puts a card at a place, or nowhere (-1); what no longer has one is not chosen any more.
  const put = (row, at) => {
    chosen = chosen.filter((each) => each !== row);
    if (at >= 0) chosen.splice(at, 0, row);
    const fallen = chosen.splice(most);
    show();
    say([at < 0 ? "off" : "place", row], ...fallen.map((each) => ["off", each]));
  };

  const move = (row, what) => {
    const at = chosen.indexOf(row);
    if (what === "choose" && chosen.length >= most) say(["full", row]);
    else if (what === "choose") put(row, chosen.length);
    else if (what === "off") put(row, -1);
    else if (what === "up" && at === 0) say(["first", row]);
    else if (what === "down" && at === chosen.length - 1) say(["last", row]);
    else put(row, what === "up" ? at - 1 : at + 1);
  };

  for (const row of paper) {
    const moves = document.getElementById("rank-moves").content.cloneNode(true);
    for (const each of moves.children) each.ariaLabel = `${each.textContent}: ${title(row)}`;
    row.querySelector(".rank-controls").append(moves);
  }
  list.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-move]");
    if (pressed) move(pressed.closest(".rank"), pressed.dataset.move);
  });
  list.addEventListener("change", ({ target }) => put(target.closest(".rank"), target.value - 1));
  counter.hidden = false;
  // What the browser remembers of a page that was left counts.
  addEventListener("pageshow", () => {
    chosen = paper
      .filter((row) => place(row).value)
      .sort((one, other) => place(one).value - place(other).value);
    show();
  });
}
