// One press is enough: the page that the form leads to, with its token, is fetched and sent on.
// Without this script, or when anything is amiss, that page is shown.
for (const form of document.querySelectorAll("form[data-newsletter]")) {
  let isBusy = false;
  // A page that the browser kept, and shows again, is as it was when it was left.
  addEventListener("pageshow", (event) => { if (event.persisted) isBusy = false; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const ready = answer.ok && page.querySelector("form#newsletter");
      if (ready) {
        ready.hidden = true;
        document.body.append(ready);
        ready.submit();
        return;
      }
    } catch {
      // The browser says itself what is wrong with the network.
    }
    form.submit();
  });
}
