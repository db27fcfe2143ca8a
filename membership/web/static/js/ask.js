// The ask speaks the reader's currency, and not at all to patrons. Without this script it stands as
// the server wrote it, in the currency of the page's language.
const CURRENCY_OF_REGION = {
  UA: "UAH", GB: "GBP", US: "USD", PL: "PLN", CA: "CAD", CH: "CHF", JP: "JPY", KW: "KWD",
};
const EURO = "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split(" ");

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

const isPatron = document.cookie.split("; ").includes("patron=1");
for (const ask of document.querySelectorAll(".ask, .footer-ask")) ask.hidden = isPatron;

for (const ask of document.querySelectorAll(".ask[data-offers]")) {
  const offers = JSON.parse(ask.dataset.offers);
  const currency = wantedCurrencies().find((code) => code in offers);
  if (currency && currency !== ask.dataset.currency) speak(ask, currency, offers);
}
