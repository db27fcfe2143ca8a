// A proof of work before the payment page: the workers of altcha look for the answer while the
// reader reads, and the form waits for it. The challenge stands in the page; nobody is asked.
const box = document.querySelector("[data-challenge]");

if (box && window.Worker && window.crypto?.subtle) {
  const form = box.closest("form");
  const challenge = JSON.parse(box.dataset.challenge);
  const { worker: program } = document.querySelector("script[data-worker]").dataset;
  const workers = [];
  let solved = false;
  let pressed = false;

  const end = () => workers.splice(0).forEach((worker) => worker.terminate());
  const found = (solution) => {
    end();
    solved = true;
    form.elements.solution.value = btoa(JSON.stringify({ challenge, solution }));
    box.textContent = box.dataset.done;
    if (pressed) form.requestSubmit();
  };
  const fail = () => {
    end();
    box.textContent = box.dataset.failed;
    // Sent without an answer, the form comes back with a new challenge.
    solved = true;
    if (pressed) form.requestSubmit();
  };

  box.textContent = box.dataset.working;
  const count = Math.min(navigator.hardwareConcurrency || 1, 4);
  for (let start = 0; start < count; start += 1) {
    const worker = new Worker(program);
    worker.onerror = fail;
    worker.onmessage = ({ data }) => (data?.derivedKey ? found(data) : fail());
    worker.postMessage({
      type: "work",
      challenge,
      counterStart: start,
      counterStep: count,
      timeout: 0,
    });
    workers.push(worker);
  }

  form.addEventListener("submit", (event) => {
    if (solved || event.submitter?.name === "by_mail") return;
    event.preventDefault();
    pressed = true;
    box.textContent = box.dataset.waiting;
  });
}
