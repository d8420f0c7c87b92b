// What is asked before something is done.
"use strict";

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

// ---- A new token ----

// The field is emptied before the answer comes: a token is in no page longer
// than it has to be.
function takeToken(form) {
  const token = form.elements.token.value.trim();
  form.elements.token.value = "";
  return token;
}

let rotated = null;
function askToken(credential) {
  rotated = credential;
  $("rotation-title").textContent = `New token for ${credential.name}`;
  $("rotation-error").textContent = "";
  $("rotation-form").reset();
  $("rotation").showModal();
}

dialogForm("rotation", async (form) => {
  await post("/api/token?id=" + rotated.id, takeToken(form));
  say(`${rotated.name} has a new token. A worker checks it.`);
});

// ---- Deletion ----

const lineHeads = [{ text: "Kind" }, { text: "Name" }, { text: "Why" }, { text: "A month", number: true }];
const lines = (all, label) => scrolled(label, table(lineHeads, all.map((line) =>
  [words(line.kind), line.name, line.why, line.price_month ? Number(line.price_month).toFixed(2) : ""])));

let doomed = null;
const choices = ["keep_volumes", "with_neighbours", "all_gone"];
const removal = () => Object.fromEntries(
  choices.map((name) => [name, $("deletion-form").elements[name].checked]));

function showPlan(plan) {
  const list = $("deletion-list");
  if (plan.reason) return list.replaceChildren(make("p", plan.reason, "reason"));
  list.replaceChildren(make("h3", plan.goes.length ? "This would be deleted" : "There is nothing at Hetzner to delete."));
  if (plan.goes.length) list.append(lines(plan.goes, "What would be deleted"),
    make("p", `Costs ${Number(plan.price_month).toFixed(2)} ${plan.currency || ""} a month (net) until then.`));
  if (plan.stays.length) list.append(make("h3", "This would stay"), lines(plan.stays, "What would stay"));
}

// With other options it is another list: the newest question counts, and is
// asked when the one before it is answered, for two at once are refused.
let question = 0;
let answers = Promise.resolve();
function planDeletion() {
  const cluster = doomed;
  const asked = ++question;
  const current = () => doomed === cluster && question === asked;
  $("deletion-list").replaceChildren(make("p", "A worker looks what there is at Hetzner…", "detail"));
  answers = answers.then(() => current() && askPlan(cluster, current));
  return answers;
}

async function askPlan(cluster, current) {
  try {
    const { job } = await ask("/api/plan", { id: cluster.id, ...removal() });
    const plan = await answered(cluster.id, job, 60);
    if (current()) showPlan(plan);
  } catch (error) {
    if (current()) $("deletion-list").replaceChildren(make("p", error.message, "reason"));
  }
}

function showObstacles() {
  $("deletion-list").replaceChildren(make("p", doomed.reason, "reason"));
  if (doomed.kept.length) $("deletion-list").append(make("h3", "This is kept so far"),
    scrolled("What is kept", table(keptHeads, doomed.kept.map((line) => [words(line.kind), line.name, line.why]))));
}

// One that is under way takes other options over, and looks again at once.
function openDeletion(cluster) {
  const under_way = cluster.status === "deleting";
  doomed = cluster;
  $("deletion-title").textContent = under_way ? `Go on deleting ${cluster.name}` : `Delete ${cluster.name}`;
  $("deletion-prompt").textContent = `Type ${cluster.name} to delete it for good`;
  $("deletion-error").textContent = "";
  $("deletion-form").reset();
  for (const [name, wanted] of Object.entries(cluster.removal))
    if (under_way && choices.includes(name)) $("deletion-form").elements[name].checked = wanted;
  $("deletion-confirm").disabled = true;
  $("deletion").showModal();
  return under_way ? showObstacles() : planDeletion();
}

dialogForm("deletion", async (form) => {
  await ask("/api/delete", { id: doomed.id, name: form.elements.name.value, ...removal() });
  say(`${doomed.name} is being deleted.`);
});
$("deletion-form").addEventListener("input", () => {
  $("deletion-confirm").disabled = $("deletion-form").elements.name.value !== doomed.name;
});
for (const name of choices)
  $("deletion-form").elements[name].addEventListener("change", () => {
    if (doomed.status !== "deleting") planDeletion();
  });
$("deletion").addEventListener("close", () => { doomed = null; });

// ---- Audits, and repairs of what they find ----

async function repair(id, name) {
  await ask("/api/repair", { id });
  $("audit").close();
  await refresh();
  say(`The repair of ${name} is asked for.`);
}

// What lacks, cluster by cluster.
function showDrift(list, drift) {
  const clusters = new Map(drift.map((line) => [line.cluster_id, line.cluster_name]));
  for (const [id, name] of clusters) {
    const button = make("button", `Repair ${name}`, "main");
    button.type = "button";
    button.addEventListener("click", () => repair(id, name).catch((error) => {
      $("audit-error").textContent = error.message;
    }));
    const actions = make("div", undefined, "actions");
    actions.append(button);
    list.append(make("h3", `${name} lacks`),
      scrolled(`What ${name} lacks`, table(keptHeads, drift.filter((line) => line.cluster_id === id)
        .map((line) => [words(line.kind), line.name, line.why]))),
      make("p", "A repair makes again what was deleted, and deletes nothing. What was changed by hand has to be changed back by hand.", "detail"),
      actions);
  }
}

function showAudit(found, cluster) {
  const list = $("audit-list");
  list.replaceChildren();
  if (found.reason) return list.append(make("p", found.reason, "reason"));
  const drift = cluster ? found.drift.filter((line) => line.cluster_id === cluster.id) : found.drift;
  showDrift(list, drift);
  if (cluster) {
    if (!drift.length) list.append(make("p", `Nothing of ${cluster.name} lacks: there is nothing to repair.`));
    return;
  }
  if (found.orphans.length) list.append(make("h3", "Orphans: of clusters that are deleted or not known"),
    lines(found.orphans, "Orphans"),
    make("p", `They cost ${Number(found.price_month).toFixed(2)} ${found.currency} a month (net). \`byoc audit --remove-orphans\` has those of clusters deleted here deleted.`, "detail"));
  if (found.strangers.length) list.append(make("h3", "Strangers: of no cluster here, and they cost money"),
    lines(found.strangers, "Strangers"));
  if (!list.children.length) list.append(make("p", "Nothing lacks, and nothing is left over."));
}

// Of one cluster, or of all that is in the project.
let audited = null;
async function openAudit(credential, cluster) {
  const asked = audited = {};
  $("audit-title").textContent = cluster ? `Repair ${cluster.name}` : "What is in the project";
  $("audit-error").textContent = "";
  $("audit-list").replaceChildren(make("p", "A worker looks what there is at Hetzner, and changes nothing…", "detail"));
  $("audit").showModal();
  try {
    const { job } = await ask("/api/audit", { id: credential });
    const found = await answered(credential, job, 60);
    if (audited === asked) showAudit(found, cluster);
  } catch (error) {
    if (audited === asked) $("audit-list").replaceChildren(make("p", error.message, "reason"));
  }
}
$("audit-cancel").addEventListener("click", () => $("audit").close());
$("audit").addEventListener("close", () => { audited = null; });
