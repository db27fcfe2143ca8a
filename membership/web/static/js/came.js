// The support form carries which stories led here, as far as this device remembers (js/ask.js): the
// first and the last whose ask was seen in the last 90 days, and its wording. An address that names
// a story (?article=) is the last one. The form works without this.
const REMEMBERED = 90 * 24 * 60 * 60 * 1000;

function touches() {
  try {
    return JSON.parse(localStorage.getItem("kava.came")) ?? {};
  } catch {
    return {}; // a browser that keeps nothing, or something else under this name
  }
}

const isFresh = (touch) => touch && Date.now() - Date.parse(touch.day) < REMEMBERED;

function carry(form, name, value) {
  const field = form.elements[name] ?? document.createElement("input");
  if (!field.isConnected) {
    Object.assign(field, { type: "hidden", name });
    form.append(field);
  }
  field.value ||= value;
  return field.value;
}

const form = document.getElementById("support");
if (form) {
  const { first, last } = touches();
  const told = {
    article: carry(form, "article", isFresh(last) ? last.article : ""),
    variant: carry(form, "variant", isFresh(last) ? last.variant : ""),
  };
  carry(form, "first_article", isFresh(first) ? first.article : "");
  if (form.closest("[data-count]")) {
    navigator.sendBeacon?.("/count", new URLSearchParams({ step: "support_page", ...told }));
  }
}
