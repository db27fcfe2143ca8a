// The support form carries which stories led here, as far as this device remembers (js/ask.js): the
// first and the last whose ask was seen lately, and its wording. An address that names a story
// (?article=) is the last one. Sent with the form, they are forgotten here; of patrons, nothing is
// remembered. The form works without this.
const REMEMBERED = 90 * 24 * 60 * 60 * 1000;

const isFresh = (touch) => Date.now() - Date.parse(touch?.month) < REMEMBERED;
const isPatron = document.cookie.split("; ").includes("patron=1");

function forget() {
  try {
    localStorage.removeItem("kava.came");
  } catch {
    // a browser that keeps nothing
  }
}

function touches() {
  try {
    const came = JSON.parse(localStorage.getItem("kava.came"));
    if (!isPatron && isFresh(came?.last)) return came;
  } catch {
    // a browser that keeps nothing, or something else under this name
  }
  forget();
  return {};
}

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
    article: carry(form, "article", last?.article ?? ""),
    variant: carry(form, "variant", last?.variant ?? ""),
  };
  carry(form, "first_article", isFresh(first) ? first.article : "");
  if (form.closest("[data-count]")) {
    const body = new URLSearchParams({ step: "support_page", ...told });
    fetch("/count", { method: "POST", body, credentials: "omit", keepalive: true }).catch(() => {});
  }
  form.addEventListener("submit", forget);
}
