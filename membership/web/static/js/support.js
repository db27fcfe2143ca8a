// The support form works without this. Here the button also says an amount that is typed,
// and what is typed or chosen last is what counts.
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

  const sayAmount = () => {
    const amount = Number(free.value.replace(/\s/g, "").replace(",", "."));
    const say = form.querySelector(`.say[data-of="${interval()}-other"]`);
    const label = button.dataset[`label${interval()[0].toUpperCase()}${interval().slice(1)}`];
    say.textContent =
      Number.isFinite(amount) && amount > 0
        ? label.replace("{amount}", money.format(amount))
        : plain[say.dataset.of];
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
