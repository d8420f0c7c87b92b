// What comes from the server is set as text, and never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
let csrf = "";
let opens = false;

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

// What went well is said for a while; what did not, until something is done.
let fading = 0;
function say(text, bad) {
  clearTimeout(fading);
  if (text && !bad) fading = setTimeout(() => say(""), 10000);
  $("message").textContent = text;
  $("message").className = bad ? "bad" : "";
}

// ---- Asking the server ----

async function reach(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error("The dashboard does not answer. Is `byoc dashboard` still running?");
  }
  if (!reply.ok) throw new Error((await reply.json()).text);
  return reply;
}

const post = (path, body) => reach(path, { method: "POST", headers: { "X-BYOC-CSRF": csrf }, body });

async function ask(path, body) {
  return (await (body ? post(path, JSON.stringify(body)) : reach(path))).json();
}

function attempt(action) {
  return async (event) => {
    if (event) event.preventDefault();
    say("");
    try {
      await action(event);
    } catch (error) {
      say(error.message, true);
    }
  };
}

// The event that answers a job: whoever waits looks again with each event, and
// now and then where none come.
const heard = new EventTarget();
async function answered(id, job, seconds) {
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    const next = new Promise((resolve) => {
      heard.addEventListener("event", resolve, { once: true });
      setTimeout(resolve, $("live").className === "on" ? until - Date.now() : 2000);
    });
    const answer = await ask("/api/answer", { id, job });
    if (answer.job_id) return answer;
    await next;
  }
  throw new Error(`No worker has answered within ${seconds} seconds. Is one running?`);
}

// ---- Parts of the page ----

const money = (cost) => cost && cost.price_month
  ? `${Number(cost.price_month).toFixed(2)} ${cost.currency}`
  : null;

function pill(element, status) {
  element.textContent = status.replace("_", " ");
  element.className = "status " + status;
}

function fold(title) {
  const details = make("details");
  const body = scrolled(title);
  details.append(make("summary", title), body);
  return { details, body };
}

function table(heads, rows) {
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr");
    row.forEach((cell, i) => line.append(make("td", cell, heads[i].number ? "number" : "")));
    body.append(line);
  }
  const head = make("tr");
  for (const one of heads) head.append(make("th", one.text, one.number ? "number" : ""));
  const top = make("thead");
  top.append(head);
  const whole = make("table");
  whole.append(top, body);
  return whole;
}

// What is too wide for a phone is moved by itself.
function scrolled(label, ...elements) {
  const body = make("div", undefined, "scroll");
  body.tabIndex = 0;
  body.setAttribute("role", "region");
  body.setAttribute("aria-label", label);
  body.append(...elements);
  return body;
}

const moment = (text) => new Date(text).toLocaleString();
