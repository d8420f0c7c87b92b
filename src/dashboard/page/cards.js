// What there is, each thing on a card of its own. Elements stay, so that nobody
// loses focus or what they unfolded.
"use strict";

const DOING = { repair: "being repaired", refresh: "being given its new token", survey: "being looked through" };
const keptHeads = [{ text: "Kind" }, { text: "Name" }, { text: "Why" }];
const EVERYBODY = ["0.0.0.0/0", "::/0"];

// A card's head, with its buttons: [{text, run, className}]; gives the buttons.
function head(card, buttons) {
  const actions = make("div", undefined, "actions");
  const made = buttons.map(({ text, run, className }) => {
    const button = make("button", text, className);
    button.addEventListener("click", attempt(run));
    return button;
  });
  actions.append(...made);
  card.name = make("h3");
  card.status = make("span");
  const top = make("div", undefined, "head");
  top.append(card.name, card.status, actions);
  card.item.append(top);
  return made;
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

async function retry(cluster) {
  await ask("/api/retry", { id: cluster.id });
  await refresh();
  say(`Another attempt for ${cluster.name} is asked for.`);
}

class ClusterCard {
  constructor() {
    this.item = make("li");
    [this.open, this.again, this.mend, this.remove] = head(this, [
      { text: "Kubeconfig", run: () => fetchKubeconfig(this.cluster) },
      { text: "Try again", run: () => retry(this.cluster) },
      { text: "Repair…", run: () => openAudit(this.cluster.credential_id, this.cluster) },
      { text: "Delete…", run: () => openDeletion(this.cluster), className: "quiet-danger" },
    ]);
    this.detail = make("p", undefined, "detail");
    this.reason = make("p", undefined, "reason");
    this.kept = fold("Kept");
    this.kept.details.open = true;
    this.waits = make("ul", undefined, "waits");
    this.graph = scrolled("Phases");
    this.time = fold("Timeline");
    this.time.details.open = true;
    this.nodes = fold("Nodes");
    this.item.append(this.detail, this.reason, this.kept.details, this.waits, this.graph, this.time.details, this.nodes.details);
  }

  show(cluster) {
    this.cluster = cluster;
    this.item.dataset.status = cluster.status;
    this.name.textContent = cluster.name;
    pill(this.status, cluster.status);
    this.detail.textContent = this.describe();
    this.reason.textContent = cluster.reason || "";
    this.kept.details.hidden = !cluster.kept.length;
    this.kept.body.replaceChildren(table(keptHeads, cluster.kept.map((line) => [words(line.kind), line.name, line.why])));
    this.waits.replaceChildren(...this.waiting().map((line) => make("li", line)));
    this.graph.setAttribute("aria-label", `Phases of ${cluster.name}`);
    this.time.details.hidden = !cluster.phases.some((phase) => phase.from);
    this.draw();
    this.nodes.details.hidden = !cluster.nodes.length;
    this.nodes.body.replaceChildren(table(
      [{ text: "Name" }, { text: "Public address" }, { text: "Private address" }],
      cluster.nodes.map((node) => [node.name, node.public || "none", node.private || ""])));
    this.open.hidden = !opens || cluster.status !== "running";
    this.again.hidden = cluster.status !== "failed";
    this.mend.hidden = cluster.status !== "running" || cluster.goal !== "provision";
    // One that waits for somebody may be told something else.
    this.remove.hidden = cluster.protected || (cluster.status === "deleting" && !cluster.code);
    this.remove.textContent = cluster.status === "deleting" ? "Go on…" : "Delete…";
  }

  goesOn() {
    const { status, goal } = this.cluster;
    return ["provisioning", "deleting"].includes(status) || goal in DOING;
  }

  waiting() {
    if (!this.goesOn()) return [];
    return this.cluster.phases
      .filter((phase) => phase.reason && ["queued", "leased"].includes(phase.status))
      .map((phase) => `${phaseName(phase)} waits: ${phase.reason}`);
  }

  describe() {
    const { location, type, workers, server_type, cost, api_sources, ssh_sources, ingress, pod_security, goal } = this.cluster;
    const price = money(cost);
    const open = EVERYBODY.every((one) => api_sources.includes(one));
    return [
      DOING[goal], location, type === "dedicated_ha" ? "3 control planes" : "1 control plane",
      workers === 1 ? "1 worker" : `${workers} workers`, server_type && `of type ${server_type}`,
      price && `${price} a month (net)`, !open && `API for ${api_sources.join(", ") || "nobody"}`,
      ssh_sources.length && `SSH for ${ssh_sources.join(", ")}`, ingress !== "none" && `ingress by ${ingress}`,
      pod_security !== "baseline" && `pods ${pod_security}`, this.cluster.protected && "protected from deletion",
    ].filter(Boolean).join(" · ");
  }

  draw() {
    const { phases } = this.cluster;
    const room = this.item.clientWidth - 34;
    this.graph.replaceChildren(...(phases.length ? [graph(phases, room)] : []));
    if (!this.time.details.hidden) this.time.body.replaceChildren(timeline(phases, this.goesOn(), room));
  }
}

// What a deletion was, and what it left.
class DeletedCard {
  constructor() {
    this.item = make("li");
    head(this, []);
    this.detail = make("p", undefined, "detail");
    this.receipt = fold("Receipt");
    this.receipt.details.addEventListener("toggle", attempt(() => this.look()));
    this.item.append(this.detail, this.receipt.details);
  }

  show(cluster) {
    const swept = cluster.swept_at;
    const news = !this.cluster || this.cluster.swept_at !== swept;
    this.cluster = cluster;
    this.name.textContent = cluster.name;
    pill(this.status, "deleted");
    this.detail.textContent = swept
      ? `Deleted ${moment(cluster.changed_at)}. Looked through for the last time ${moment(swept)}: nothing of it was left.`
      : `Deleted ${moment(cluster.changed_at)}. There was nothing at Hetzner to look through.`;
    if (news) attempt(() => this.look())();
  }

  async look() {
    if (!this.receipt.details.open) return;
    const { lines } = await ask("/api/receipt", { id: this.cluster.id });
    const of = (fate) => lines.filter((line) => line.fate === fate);
    const part = (title, some) => some.length ? [make("h4", `${title} (${some.length})`), table(
      [...keptHeads, { text: "When", number: true }],
      some.map((line) => [words(line.kind), line.name || "?", line.why, new Date(line.at).toLocaleTimeString()]))] : [];
    this.receipt.body.replaceChildren(
      ...part("Kept", of("kept")), ...part("Deleted", of("deleted")),
      ...part("Gone before, by somebody else", of("gone")));
    if (!lines.length) this.receipt.body.replaceChildren(make("p", "It had nothing at Hetzner.", "detail"));
  }
}

class CredentialCard {
  constructor() {
    this.item = make("li");
    [this.audit] = head(this, [
      { text: "Audit…", run: () => openAudit(this.credential.id) },
      { text: "New token…", run: () => askToken(this.credential) },
    ]);
    this.reason = make("p", undefined, "reason");
    this.item.append(this.reason);
  }

  show(credential) {
    this.credential = credential;
    this.item.dataset.status = credential.status;
    this.name.textContent = credential.name;
    pill(this.status, credential.status);
    this.reason.textContent = credential.reason || "";
    this.audit.hidden = credential.status !== "ready";
  }
}
