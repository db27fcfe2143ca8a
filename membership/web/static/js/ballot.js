// Says "2 of 3 chosen", keeps it true, and closes the other boxes once all choices are made.
// Without it the server counts.
const form = document.querySelector("form.ballot");

if (form) {
  const boxes = [...form.querySelectorAll(".option-box")];
  const counter = form.querySelector(".ballot-counter");
  const most = Number(counter.dataset.most);

  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    const isFull = chosen >= most;
    for (const box of boxes) box.disabled = isFull && !box.checked;
    counter.textContent = (isFull ? counter.dataset.full : counter.dataset.pattern)
      .replace("{chosen}", chosen)
      .replace("{most}", most);
  };
  counter.hidden = false;
  form.addEventListener("change", count);
  addEventListener("pageshow", count);
}
