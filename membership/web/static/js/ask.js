// The ask speaks the reader's currency, is not shown to patrons, and not where it was dismissed.
// While wordings are tried, one of them is taken by chance. All that is remembered stays on this
// device, and what is told is a number more. Without this script the ask stands as the server wrote
// it, in the currency of the page's language.
const CURRENCY_OF_REGION = {
  UA: "UAH", GB: "GBP", US: "USD", PL: "PLN", CA: "CAD", CH: "CHF", JP: "JPY", KW: "KWD",
};
const EURO = "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split(" ");
// What came of an ask is credited to it for so long; js/came.js reads it on the support page. Of the
// time only the month is kept: whoever looks through the device learns no day.
const REMEMBERED = 90 * 24 * 60 * 60 * 1000;
const isFresh = (touch) => Date.now() - Date.parse(touch?.month) < REMEMBERED;

// What this device keeps under a name; a browser may refuse to keep anything.
function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Then it is for this page alone.
  }
}

// The currencies of the reader's languages, most wanted first; a language alone tells its country.
function wantedCurrencies() {
  return navigator.languages.map((tag) => {
    try {
      const region = new Intl.Locale(tag).maximize().region;
      return EURO.includes(region) ? "EUR" : CURRENCY_OF_REGION[region];
    } catch {
      return undefined; // a tag that no browser should have
    }
  });
}

function speak(ask, currency, offers) {
  const [coffee] = offers[currency];
  for (const link of ask.querySelectorAll("a[data-offer]")) {
    const address = new URL(link.href);
    address.searchParams.set("currency", currency);
    if (link.dataset.offer !== "other") {
      const [amount, shown] = offers[currency][Number(link.dataset.offer)];
      address.searchParams.set("amount", amount);
      const price = link.querySelector("strong");
      if (price) price.textContent = shown;
    }
    link.href = address;
  }
  for (const price of ask.querySelectorAll("[data-coffee]")) price.textContent = coffee[1];
}

function draw(variants) {
  let left = Math.random() * variants.reduce((sum, each) => sum + Number(each.dataset.weight), 0);
  return variants.find((each) => (left -= Number(each.dataset.weight)) < 0) ?? variants[0];
}

// The wording that this device sees for as long as the experiment runs; none where nothing is kept,
// since every page would show another one.
function chosen(place) {
  const variants = [...place.querySelectorAll("template[data-variant]")];
  if (!variants.length) return undefined;
  const { experiment } = place.dataset;
  if (recall("kava.ask")?.experiment !== experiment) {
    remember("kava.ask", { experiment, variant: draw(variants).dataset.variant });
  }
  return variants.find((each) => each.dataset.variant === recall("kava.ask")?.variant);
}

const isPatron = document.cookie.split("; ").includes("patron=1");

// What is not credited any more is not remembered either; of patrons, nothing is.
function came() {
  const { first, last } = recall("kava.came") ?? {};
  const left = isPatron || !isFresh(last) ? null : { first: isFresh(first) ? first : last, last };
  remember("kava.came", left);
  return left;
}

function touched(article, variant) {
  const month = new Date().toISOString().slice(0, 7);
  const first = came()?.first ?? { article, month };
  remember("kava.came", { first, last: { article, variant, month } });
}

const isDismissed = () => recall("kava.no-ask") !== null;

function show(place) {
  const ask = place.querySelector(".ask");
  ask.hidden = isPatron || isDismissed() || place.dataset.control === "true";
  place.querySelector(".ask-quiet").hidden = isPatron || !isDismissed();
  ask.querySelector(".ask-dismiss").hidden = false;
  showFooter();
}

function showFooter() {
  for (const ask of document.querySelectorAll(".footer-ask")) {
    ask.hidden = isPatron || isDismissed();
  }
}

showFooter();
came();

for (const place of document.querySelectorAll(".ask-place")) {
  const { article } = place.dataset;
  const ask = place.querySelector(".ask");
  const way = chosen(place);
  const variant = way?.dataset.variant ?? "0";
  if (way && "control" in way.dataset) place.dataset.control = "true";
  else if (way) ask.querySelector(".ask-words").replaceChildren(way.content.cloneNode(true));

  const offers = JSON.parse(ask.dataset.offers ?? "{}");
  const currency = wantedCurrencies().find((code) => code in offers);
  if (currency && currency !== ask.dataset.currency) speak(ask, currency, offers);
  show(place);

  place.querySelector("[data-dismiss]").addEventListener("click", () => {
    remember("kava.no-ask", true);
    show(place);
    place.querySelector(".ask-quiet").focus();
  });
  place.querySelector("[data-ask-again]").addEventListener("click", () => {
    remember("kava.no-ask", null);
    show(place);
    ask.querySelector("a").focus();
  });

  // Without the cookies that sendBeacon would take along; one that does not arrive is not missed.
  const count = (step, rest) => fetch("/count", {
    method: "POST",
    body: new URLSearchParams({ step, article, ...rest }),
    credentials: "omit",
    keepalive: true,
  }).catch(() => {});
  const read = () => {
    count("read");
    if (isPatron || isDismissed()) return;
    // The place where the ask stands, or would: the control group is counted alike.
    const watch = new IntersectionObserver((seen) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      watch.disconnect();
      count("ask_seen", { variant });
      touched(article, variant);
    }, { rootMargin: "0px 0px -15% 0px" });
    watch.observe(place);
  };
  // A page that is loaded ahead, or in another tab, is read when it is looked at.
  if (document.visibilityState === "visible") read();
  else document.addEventListener("visibilitychange", read, { once: true });
}
