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

// The event that answers a job: whoever waits looks again with each event.
const heard = new EventTarget();
async function answered(id, job, seconds) {
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    const next = new Promise((resolve) => {
      heard.addEventListener("event", resolve, { once: true });
      setTimeout(resolve, 2000);
    });
    const answer = await ask("/api/answer", { id, job });
    if (answer.job_id) return answer;
    await next;
  }
  throw new Error(`No worker has answered within ${seconds} seconds. Is one running?`);
}

// ---- Clusters ----

const money = (cost) => cost && cost.price_month
  ? `${Number(cost.price_month).toFixed(2)} ${cost.currency}`
  : null;

function pill(element, status) {
  element.textContent = status.replace("_", " ");
  element.className = "status " + status;
}

function fold(title) {
  const details = make("details");
  const body = make("div", undefined, "scroll");
  body.tabIndex = 0;
  body.setAttribute("role", "region");
  body.setAttribute("aria-label", title);
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
  for (const one of heads) head.append(make("th", one.text));
  const top = make("thead");
  top.append(head);
  const whole = make("table");
  whole.append(top, body);
  return whole;
}

async function fetchKubeconfig(cluster) {
  say(`Asking for the kubeconfig of ${cluster.name}…`);
  const { job } = await ask("/api/kubeconfig", { id: cluster.id });
  const answer = await answered(cluster.id, job, 30);
  if (answer.reason) throw new Error(answer.reason);
  const reply = await post("/api/open", JSON.stringify({ id: cluster.id, job }));
  const link = make("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = `kubeconfig-${cluster.name}.yaml`;
  link.click();
  URL.revokeObjectURL(link.href);
  say(`The kubeconfig of ${cluster.name} is downloaded. It expires ${new Date(answer.expires_at).toLocaleString()}.`);
}

// Elements stay, so that nobody loses focus or what they unfolded.
class ClusterCard {
  constructor() {
    this.item = make("li");
    this.name = make("h3");
    this.status = make("span");
    this.detail = make("p", undefined, "detail");
    this.reason = make("p", undefined, "reason");
    this.graph = make("div", undefined, "scroll");
    this.graph.tabIndex = 0;
    this.graph.setAttribute("role", "region");
    this.time = fold("Timeline");
    this.time.details.open = true;
    this.nodes = fold("Nodes");
    this.open = make("button", "Kubeconfig");
    this.remove = make("button", "Delete…", "quiet-danger");
    this.open.addEventListener("click", attempt(() => fetchKubeconfig(this.cluster)));
    this.remove.addEventListener("click", attempt(() => planDeletion(this.cluster)));
    const actions = make("div", undefined, "actions");
    actions.append(this.open, this.remove);
    const head = make("div", undefined, "head");
    head.append(this.name, this.status, actions);
    this.item.append(head, this.detail, this.reason, this.graph, this.time.details, this.nodes.details);
  }

  show(cluster) {
    const price = money(cluster.cost);
    const begun = cluster.phases.some((phase) => phase.from);
    this.cluster = cluster;
    this.item.dataset.status = cluster.status;
    this.name.textContent = cluster.name;
    pill(this.status, cluster.status);
    this.detail.textContent = [
      cluster.location, cluster.type === "dedicated_ha" ? "3 control planes" : "1 control plane",
      cluster.workers === 1 ? "1 worker" : `${cluster.workers} workers`,
      price && `${price} a month (net)`, cluster.protected && "protected from deletion",
    ].filter(Boolean).join(" · ");
    this.reason.textContent = cluster.reason || "";
    this.graph.setAttribute("aria-label", `Phases of ${cluster.name}`);
    this.time.details.hidden = !begun;
    this.draw();
    this.nodes.details.hidden = !cluster.nodes.length;
    this.nodes.body.replaceChildren(table(
      [{ text: "Name" }, { text: "Public address" }, { text: "Private address" }],
      cluster.nodes.map((node) => [node.name, node.public || "none", node.private || ""])));
    this.open.hidden = !opens || cluster.status !== "running";
    this.remove.hidden = cluster.protected || cluster.status === "deleting";
  }

  draw() {
    const { phases, status } = this.cluster;
    const room = this.item.clientWidth - 34;
    this.graph.replaceChildren(...(phases.length ? [graph(phases, room)] : []));
    if (!this.time.details.hidden) this.time.body.replaceChildren(
      timeline(phases, ["provisioning", "deleting"].includes(status), room));
  }
}

// ---- Credentials ----

class CredentialCard {
  constructor() {
    this.item = make("li");
    this.name = make("h3");
    this.status = make("span");
    this.reason = make("p", undefined, "reason");
    this.rotate = make("button", "New token…");
    this.rotate.addEventListener("click", attempt(() => askToken(this.credential)));
    const actions = make("div", undefined, "actions");
    actions.append(this.rotate);
    const head = make("div", undefined, "head");
    head.append(this.name, this.status, actions);
    this.item.append(head, this.reason);
  }

  show(credential) {
    this.credential = credential;
    this.item.dataset.status = credential.status;
    this.name.textContent = credential.name;
    pill(this.status, credential.status);
    this.reason.textContent = credential.reason || "";
  }
}

let rotated = null;
function askToken(credential) {
  rotated = credential;
  $("rotation-title").textContent = `New token for ${credential.name}`;
  $("rotation-error").textContent = "";
  $("rotation-form").reset();
  $("rotation").showModal();
}

// ---- Deletion ----

let doomed = null;
const lineHeads = [{ text: "Kind" }, { text: "Name" }, { text: "Why" }, { text: "A month", number: true }];
const lines = (all) => table(lineHeads, all.map((line) =>
  [words(line.kind), line.name, line.why, line.price_month ? Number(line.price_month).toFixed(2) : ""]));

function showPlan(plan) {
  const list = $("deletion-list");
  if (plan.reason) return list.replaceChildren(make("p", plan.reason, "reason"));
  list.replaceChildren(make("h3", plan.goes.length ? "This would be deleted" : "There is nothing at Hetzner to delete."));
  if (plan.goes.length) list.append(lines(plan.goes),
    make("p", `Costs ${Number(plan.price_month).toFixed(2)} ${plan.currency || ""} a month (net) until then.`));
  if (plan.stays.length) list.append(make("h3", "This would stay"), lines(plan.stays));
}

async function planDeletion(cluster) {
  doomed = cluster;
  $("deletion-title").textContent = `Delete ${cluster.name}`;
  $("deletion-prompt").textContent = `Type ${cluster.name} to delete it for good`;
  $("deletion-error").textContent = "";
  $("deletion-form").reset();
  $("deletion-confirm").disabled = true;
  $("deletion-list").replaceChildren(make("p", "A worker looks what there is at Hetzner…", "detail"));
  $("deletion").showModal();
  try {
    const { job } = await ask("/api/plan", { id: cluster.id });
    const plan = await answered(cluster.id, job, 60);
    if (doomed === cluster) showPlan(plan);
  } catch (error) {
    if (doomed === cluster) $("deletion-list").replaceChildren(make("p", error.message, "reason"));
  }
}

// ---- Everything there is ----

const cards = new Map();
function fill(list, things, Card) {
  const items = things.map((thing) => {
    if (!cards.has(thing.id)) cards.set(thing.id, new Card());
    return cards.get(thing.id).item;
  });
  const same = items.length === list.children.length && items.every((item, i) => item === list.children[i]);
  if (!same) list.replaceChildren(...items);
  for (const thing of things) cards.get(thing.id).show(thing); // it has its width now
}

function eventLine(event) {
  const item = make("li");
  const time = make("time", new Date(event.at).toLocaleTimeString());
  time.dateTime = event.at;
  const what = event.phase
    ? `${words(event.phase)}${Number(event.index) ? " " + event.index : ""} ${event.name.split(".")[1]}`
    : words(event.name);
  item.append(time, make("strong", event.subject + " "), what);
  if (event.reason) item.append(make("p", event.reason, "reason"));
  return item;
}

function offerCredentials(ready) {
  const select = $("create").elements.credential_id;
  const before = select.value;
  const same = ready.length === select.options.length &&
    ready.every((one, i) => one.id === select.options[i].value);
  if (same) return;
  select.replaceChildren(...ready.map((one) => new Option(one.name, one.id)));
  if (ready.some((one) => one.id === before)) select.value = before;
}

async function refresh() {
  const all = await ask("/api/overview");
  opens = all.opens;
  fill($("clusters"), all.clusters, ClusterCard);
  fill($("credentials"), all.credentials, CredentialCard);
  $("no-clusters").hidden = all.clusters.length > 0;
  offerCredentials(all.credentials.filter((one) => one.status === "ready"));
  $("events").replaceChildren(...all.events.map(eventLine));
}

// Several events at once make one question.
let due = 0;
function soon() {
  heard.dispatchEvent(new Event("event"));
  if (!due) due = setTimeout(async () => {
    due = 0;
    try {
      await refresh();
    } catch (error) {
      say(error.message, true);
    }
  }, 150);
}

function showLink(text, on) {
  if ($("live").textContent !== text) $("live").textContent = text;
  $("live").className = on ? "on" : "off";
}

function listen() {
  const source = new EventSource("/api/events");
  source.addEventListener("byoc", soon);
  source.addEventListener("open", soon);
  source.addEventListener("error", () => showLink("Not connected", false));
  source.addEventListener("link", (event) => {
    const { text } = JSON.parse(event.data);
    showLink(text, text === "Live");
  });
}

// ---- Forms ----

function wish() {
  const { name, credential_id, location, type, workers } = $("create").elements;
  return {
    name: name.value, credential_id: credential_id.value, location: location.value,
    type: type.value, workers: Number(workers.value),
  };
}

function hideCost() {
  $("cost").hidden = $("confirm").hidden = true;
}

$("create").addEventListener("input", hideCost);
$("create").addEventListener("submit", attempt(async () => {
  const cost = await ask("/api/cost", wish());
  $("cost").textContent = money(cost)
    ? `${money(cost)} a month (net), by Hetzner's prices.`
    : "Hetzner has no price there for one of the types.";
  $("cost").hidden = $("confirm").hidden = false;
  $("confirm").focus();
}));
$("confirm").addEventListener("click", attempt(async () => {
  const wanted = wish();
  await ask("/api/create", wanted);
  hideCost();
  $("create").reset();
  await refresh();
  say(`${wanted.name} is being made.`);
}));

// The field is emptied before the answer comes: a token is in no page longer
// than it has to be.
function takeToken(form) {
  const token = form.elements.token.value.trim();
  form.elements.token.value = "";
  return token;
}

$("add").addEventListener("submit", attempt(async () => {
  const name = $("add").elements.name.value;
  await post("/api/credential?name=" + encodeURIComponent(name), takeToken($("add")));
  $("add").reset();
  await refresh();
  say(`${name} is stored. A worker checks its token.`);
}));

function dialogForm(id, action) {
  $(id + "-cancel").addEventListener("click", () => $(id).close());
  $(id + "-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await action($(id + "-form"));
      $(id).close();
      await refresh();
    } catch (error) {
      $(id + "-error").textContent = error.message;
    }
  });
}

dialogForm("rotation", async (form) => {
  await post("/api/token?id=" + rotated.id, takeToken(form));
  say(`${rotated.name} has a new token. A worker checks it.`);
});
dialogForm("deletion", async (form) => {
  await ask("/api/delete", { id: doomed.id, name: form.elements.name.value });
  say(`${doomed.name} is being deleted.`);
});
$("deletion-form").addEventListener("input", () => {
  $("deletion-confirm").disabled = $("deletion-form").elements.name.value !== doomed.name;
});
$("deletion").addEventListener("close", () => { doomed = null; });

addEventListener("resize", () => {
  for (const card of cards.values()) if (card.draw && card.item.isConnected) card.draw();
});
attempt(async () => {
  csrf = (await ask("/api/session")).csrf;
  await refresh();
  listen();
})();
