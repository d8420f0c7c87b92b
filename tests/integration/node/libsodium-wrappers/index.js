// Stands in for libsodium-wrappers, with as much of it as a dashboard calls:
// seal.py has the libsodium.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("seal.py", import.meta.url));

function ask(...parameters) {
	const input = JSON.stringify(parameters.map((one) =>
		typeof one === "number" ? one : Buffer.from(one).toString("base64")));
	const { status, stdout } = spawnSync("/usr/bin/python3", [program],
		{ input, stdio: ["pipe", "pipe", "inherit"] });
	if (status !== 0)
		throw new Error("seal.py failed");
	return Uint8Array.from(stdout);
}

export default {
	ready: Promise.resolve(),
	crypto_generichash(size, message, key, format) {
		if (key !== null || format !== "hex")
			throw new Error("no more than the example needs");
		return Buffer.from(ask(size, message)).toString("hex");
	},
	crypto_box_seal: (message, key) => ask(message, key),
};
