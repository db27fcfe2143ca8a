// Keeps "2 of 3 chosen" true and closes the other options once all choices are made.
// Without it the server counts.
for (const ballot of document.querySelectorAll("form.ballot[data-most]")) {
  const most = Number(ballot.dataset.most);
  const boxes = [...ballot.querySelectorAll(".option-box")];
  const counter = ballot.querySelector(".ballot-counter");

  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    for (const box of boxes) box.disabled = !box.checked && chosen >= most;
    if (counter) {
      counter.textContent = counter.dataset.pattern
        .replace("{chosen}", chosen)
        .replace("{most}", most);
    }
  };
  ballot.addEventListener("change", count);
  addEventListener("pageshow", count);
}
