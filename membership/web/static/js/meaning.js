// Escape puts away what a figure means until it is pointed at anew (WCAG 1.4.13).
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const meaning of document.querySelectorAll(".meaning:is(:hover, :focus-within)")) {
    meaning.dataset.hushed = "";
    const again = () => delete meaning.dataset.hushed;
    meaning.addEventListener("pointerleave", again, { once: true });
    meaning.addEventListener("focusout", again, { once: true });
  }
});
