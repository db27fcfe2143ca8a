// The support form works without this. Here the button also says an amount that is typed,
// and what is typed or chosen last is what counts. What a typed amount may be, and what the card
// fee adds, is as in membership/money.py and membership/billing/amounts.py.
const form = document.getElementById("support");

if (form) {
  const free = form.elements.amount;
  const button = form.querySelector(".give-button");
  const money = new Intl.NumberFormat(document.documentElement.lang, {
    style: "currency",
    currency: form.dataset.currency,
    currencyDisplay: "narrowSymbol",
    trailingZeroDisplay: "stripIfInteger",
  });
  const plain = {};
  for (const say of form.querySelectorAll(".say[data-of$='-other']")) {
    plain[say.dataset.of] = say.textContent;
  }
  const interval = () => form.elements.interval.value;
  const other = () => document.getElementById(`give-${interval()}-other`);

  const fee = JSON.parse(form.dataset.fee);
  // In minor units; undefined when it is no amount.
  const typed = () => {
    const found = /^(\d{1,9})(?:[.,](\d*))?$/.exec(free.value.replace(/\s/g, ""));
    const part = found?.[2] ?? "";
    if (!found || part.length > fee.decimals) return undefined;
    const minor = Number(found[1] + part.padEnd(fee.decimals, "0"));
    return minor > 0 && minor % fee.step === 0 ? minor : undefined;
  };
  const withFee = (minor) => {
    const parts = (minor + fee.fixed) * fee.of;
    const step = fee.kept * fee.step;
    const rest = parts % step;
    return ((parts - rest) / step + (rest > 0 ? 1 : 0)) * fee.step;
  };

  const sayAmount = () => {
    const gift = typed();
    const say = form.querySelector(`.say[data-of="${interval()}-other"]`);
    const label = button.dataset[`label${interval()[0].toUpperCase()}${interval().slice(1)}`];
    if (gift === undefined) {
      say.textContent = plain[say.dataset.of];
      return;
    }
    const charged = form.elements.cover_fees.checked ? withFee(gift) : gift;
    say.textContent = label.replace("{amount}", money.format(charged / 10 ** fee.decimals));
  };

  free.addEventListener("input", () => {
    other().checked = true;
    sayAmount();
  });
  form.addEventListener("change", ({ target }) => {
    if (target.name.startsWith("preset_")) {
      if (target.value === "other") free.focus();
      else free.value = "";
    }
    sayAmount();
  });
  // Pressed twice, sent once; a page that comes back from the browser's memory can send again.
  form.addEventListener("submit", () => {
    setTimeout(() => (button.disabled = true));
  });
  addEventListener("pageshow", () => {
    button.disabled = false;
    sayAmount();
  });
}
