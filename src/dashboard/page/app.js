// The page as a whole: what is shown, what happens, and the forms.
"use strict";

// ---- Everything there is ----

const cards = new Map();
function fill(list, things, Card) {
  const card = (thing) => {
    const key = `${list.id} ${thing.id}`;
    if (!cards.has(key)) cards.set(key, new Card());
    return cards.get(key);
  };
  const items = things.map((thing) => card(thing).item);
  const same = items.length === list.children.length && items.every((item, i) => item === list.children[i]);
  if (!same) list.replaceChildren(...items);
  for (const thing of things) card(thing).show(thing); // it has its width now
}

function eventLine(event) {
  const item = make("li");
  const time = make("time", new Date(event.at).toLocaleTimeString());
  time.dateTime = event.at;
  const what = event.phase
    ? `${phaseName(event)} ${event.name.split(".")[1]}`
    : words(event.name);
  item.append(time, make("strong", event.subject + " "), what);
  if (event.reason) item.append(make("p", event.reason, event.name === "phase.waiting" ? "detail" : "reason"));
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
  fill($("deleted"), all.deleted, DeletedCard);
  $("no-clusters").hidden = all.clusters.length > 0;
  $("deleted-section").hidden = all.deleted.length === 0;
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

const LIVE = "Live";
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
    showLink(text, text === LIVE);
    if (text !== LIVE) soon(); // the database tells while events do not
  });
}

// ---- Forms ----

const networks = (text) => text.split(/[\s,]+/).filter(Boolean);

function wish() {
  const { name, credential_id, location, type, workers, server_type, api_sources, ssh_sources,
    ingress, pod_security, same_name } = $("create").elements;
  return {
    name: name.value, credential_id: credential_id.value, location: location.value,
    type: type.value, workers: Number(workers.value), server_type: server_type.value.trim() || null,
    api_sources: networks(api_sources.value), ssh_sources: networks(ssh_sources.value),
    ingress: ingress.value, pod_security: pod_security.value, same_name: same_name.checked,
  };
}

function showCost(cost) {
  const price = money(cost);
  const parts = fold("What that is");
  parts.body.append(table([{ text: "What" }, { text: "Type" }, { text: "How many", number: true }, { text: "A month", number: true }],
    cost.lines.map((line) => [line.what, line.name || "", line.count, line.price_month ? Number(line.price_month).toFixed(2) : "?"])));
  $("cost").replaceChildren(make("p", price
    ? `${price} a month (net), by Hetzner's prices.`
    : "Hetzner has no price there for one of the types."), parts.details);
  $("cost").hidden = $("confirm").hidden = false;
  $("confirm").focus();
}

function hideCost() {
  $("cost").hidden = $("confirm").hidden = true;
}

$("create").addEventListener("input", hideCost);
$("create").addEventListener("submit", attempt(async () => {
  showCost(await ask("/api/cost", wish()));
}));
$("confirm").addEventListener("click", attempt(async () => {
  const wanted = wish();
  await ask("/api/create", wanted);
  hideCost();
  $("create").reset();
  $("create").querySelector("details").open = false;
  await refresh();
  say(`${wanted.name} is being made.`);
}));

$("add").addEventListener("submit", attempt(async () => {
  const name = $("add").elements.name.value;
  await post("/api/credential?name=" + encodeURIComponent(name), takeToken($("add")));
  $("add").reset();
  await refresh();
  say(`${name} is stored. A worker checks its token.`);
}));

addEventListener("resize", () => {
  for (const card of cards.values()) if (card.draw && card.item.isConnected) card.draw();
});
attempt(async () => {
  csrf = (await ask("/api/session")).csrf;
  await refresh();
  listen();
})();
