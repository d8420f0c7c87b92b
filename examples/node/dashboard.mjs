// A dashboard, as small as it can be: stores a token that nobody here can read
// again, and asks for a cluster.
//
//     node dashboard.mjs credential KEY.pub NAME < token
//     node dashboard.mjs cluster CREDENTIAL NAME LOCATION TYPE
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import sodium from "libsodium-wrappers";
import pg from "pg";

await sodium.ready;

// byoc1.<key id>.<base64 of a sealed box>, for that credential only.
function seal(pubFile, credential, token) {
	const text = readFileSync(pubFile, "utf8").trim().split(" ").at(-1);
	const key = new Uint8Array(Buffer.from(text, "base64"));
	const id = sodium.crypto_generichash(32, key, null, "hex").slice(0, 16);
	const box = sodium.crypto_box_seal(
		`credential:${credential}:token\0${token}`, key);
	return `byoc1.${id}.${Buffer.from(box).toString("base64")}`;
}

async function addCredential(client, pubFile, name) {
	const id = randomUUID();
	const token = readFileSync(0, "utf8").trim();
	await client.query(
		"INSERT INTO byoc.credentials (id, name, sealed_token) VALUES ($1, $2, $3)",
		[id, name, seal(pubFile, id, token)]);
	await client.query("SELECT byoc.enqueue('credential.validate', $1)", [id]);
	return id;
}

async function addCluster(client, credential, name, location, type) {
	const id = randomUUID();
	await client.query(
		"INSERT INTO byoc.clusters (id, name, credential_id, location, type)" +
			" VALUES ($1, $2, $3, $4, $5)",
		[id, name, credential, location, type]);
	await client.query("SELECT byoc.enqueue('cluster.provision', $1)", [id]);
	return id;
}

const asks = { credential: addCredential, cluster: addCluster };
const [verb, ...parameters] = process.argv.slice(2);
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
try {
	// The record and the job, or neither.
	await client.query("BEGIN");
	const id = await asks[verb](client, ...parameters);
	await client.query("COMMIT");
	console.log(id);
} catch (refused) {
	// such as BY001: too many clusters
	console.error(`${refused.code}: ${refused.message}`);
	process.exitCode = 1;
} finally {
	await client.end();
}
