// Adds to pages that work without it: copy, print, a countdown, a look at the password, one submission at a time.
// Nothing here is needed. One file, so that its address alone decides which version a browser has.

// The buttons that copy and print are hidden until here because they need script.
function enableCopy(root) {
  // The clipboard is only there in a secure context.
  if (!navigator.clipboard) return;
  const status = root.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  for (const button of root.querySelectorAll("button[data-copy]")) {
    const label = button.textContent;
    let back;
    button.hidden = false;
    root.body.append(status);
    button.addEventListener("click", async () => {
      let answer = button.dataset.done;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        reportSaved(root);
      } catch {
        answer = "Could not copy";
      }
      button.textContent = answer;
      status.textContent = answer;
      clearTimeout(back);
      back = setTimeout(() => {
        button.textContent = label;
        status.textContent = "";
      }, 2500);
    });
  }
}

function enablePrint(root) {
  for (const button of root.querySelectorAll("button[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

// Lets the server know that the backup codes on this page were copied, printed or downloaded. The page stays as it is.
function reportSaved(root) {
  const form = root.querySelector("form[data-saved]");
  if (!form) return;
  const body = new URLSearchParams(new FormData(form));
  fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
}

// A file from what the page already shows: it can be saved for as long as the page is open. Without script the server
// makes it, for as long as it has the codes.
function enableDownload(root) {
  for (const form of root.querySelectorAll("form[data-download]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const link = root.createElement("a");
      link.href = URL.createObjectURL(new Blob([form.dataset.text], { type: "text/plain" }));
      link.download = form.dataset.download;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      reportSaved(root);
    });
  }
  // By the button, or by the browser's own menu.
  window.addEventListener("beforeprint", () => reportSaved(root));
}

// Counts down to the moment when another code may be asked for. Without script the button is simply there, and the
// server says how long to wait.
function enableWait(root) {
  for (const button of root.querySelectorAll("button[data-wait-seconds]")) {
    const ready = Date.now() + Number(button.dataset.waitSeconds) * 1000;
    const label = button.textContent;
    const show = () => {
      const left = Math.ceil((ready - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? `${label} (${left} s)` : label;
      if (left > 0) setTimeout(show, 500);
    };
    show();
  }
}

// Times are sent in UTC. Here they become the reader's: their time zone, and the way they write the page's language.
function enableLocalTimes(root) {
  const page = root.documentElement.lang;
  const language = navigator.languages.find((one) => one.split("-")[0] === page) ?? page;
  const forms = {
    moment: { dateStyle: "medium", timeStyle: "short" },
    day: { dateStyle: "medium" },
    clock: { timeStyle: "short" },
  };
  const whole = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
  for (const time of root.querySelectorAll("time[data-form]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = whole.format(at);
    const form = forms[time.dataset.form];
    if (form) time.textContent = new Intl.DateTimeFormat(language, form).format(at);
  }
}

// How long a "login as" still lasts. The server says how many seconds, so that the clock of this machine does not matter.
function enableCountdown(root) {
  for (const left of root.querySelectorAll("[data-seconds-left]")) {
    const end = Date.now() + Number(left.dataset.secondsLeft) * 1000;
    const show = () => {
      const minutes = Math.max(0, Math.ceil((end - Date.now()) / 60_000));
      left.textContent = minutes === 0 ? "it has ended" : minutes === 1 ? "1 minute left" : `${minutes} minutes left`;
      if (minutes > 0) setTimeout(show, 5_000);
    };
    show();
  }
}

// Submits a form when its six digits are complete: entered at the end, pasted, or filled in by the system. Not while a
// digit in the middle is being corrected, not while another field is empty, and never the same code twice.
function enableAutoSubmit(root) {
  for (const form of root.querySelectorAll("form[data-auto-submit]")) {
    const code = form.querySelector("input[autocomplete='one-time-code']");
    if (!code) continue;
    const status = root.createElement("p");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    form.append(status);
    let submitted = "";
    code.addEventListener("input", (event) => {
      const digits = code.value.replace(/[\s-]/g, "");
      if (event.isComposing || !/^[0-9]{6}$/.test(digits) || digits === submitted) return;
      const kind = event.inputType ?? "";
      const typed = kind === "insertText" || kind === "insertCompositionText";
      if (kind.startsWith("delete") || kind.startsWith("history")) return;
      if (typed && code.selectionStart !== code.value.length) return;
      if (!form.checkValidity()) return;
      submitted = digits;
      status.textContent = form.dataset.autoSubmit;
      form.requestSubmit(form.querySelector("button.primary") ?? undefined);
    });
  }
}

// The menu of a narrow page closes with Escape.
function enableMenu(root) {
  const menu = root.querySelector("details.menu");
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu?.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// A second press while the first is on its way does nothing. The button is not disabled, which would drop its value.
function enableSubmitOnce(root) {
  const sent = new WeakSet();
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    form.setAttribute("aria-busy", "true");
    const release = () => {
      sent.delete(form);
      form.removeAttribute("aria-busy");
    };
    // If no answer comes, the person may try again; and a page that comes back from the history is fresh.
    setTimeout(release, 10_000);
    window.addEventListener("pageshow", release, { once: true });
  });
}

function enableShowPassword(root) {
  for (const button of root.querySelectorAll("button[data-show-password]")) {
    const input = root.getElementById(button.dataset.showPassword);
    button.hidden = false;
    button.addEventListener("click", () => {
      const show = input.type === "password";
      input.type = show ? "text" : "password";
      button.setAttribute("aria-pressed", String(show));
      input.focus();
    });
    // A password is not left readable, nor kept by the browser as an ordinary text.
    input.form.addEventListener("submit", () => {
      input.type = "password";
      button.setAttribute("aria-pressed", "false");
    });
  }
}

// Opens what hides the target of a link in the summary of errors.
function enableErrorLinks(root) {
  for (const link of root.querySelectorAll(".alert a[href^='#']")) {
    link.addEventListener("click", (event) => {
      const field = root.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      field.closest("details")?.setAttribute("open", "");
      field.focus();
    });
  }
}

// A page that answers a form takes the address of the form's page. So Back and Reload lead to that page, and the browser never
// asks whether to send the form again.
function enableHistory(root) {
  const page = root.documentElement.dataset.formPage;
  if (page) history.replaceState(null, "", page);
}

enableHistory(document);
enableCopy(document);
enablePrint(document);
enableDownload(document);
enableWait(document);
enableShowPassword(document);
enableSubmitOnce(document);
enableErrorLinks(document);
enableLocalTimes(document);
enableCountdown(document);
enableAutoSubmit(document);
enableMenu(document);
