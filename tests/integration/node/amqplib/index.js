// Stands in for amqplib, with as much of it as a consumer calls: consume.py
// speaks to the broker, a line of JSON for each delivery, and is told by lines
// what to acknowledge.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

class Channel {
	constructor(url) {
		this.url = url;
	}

	async prefetch(count) {
		this.count = count;
	}

	async consume(queue, take) {
		const program = fileURLToPath(new URL("consume.py", import.meta.url));
		this.child = spawn("/usr/bin/python3", [program, this.url, queue, String(this.count)],
			{ stdio: ["pipe", "pipe", "inherit"] });
		createInterface({ input: this.child.stdout }).on("line", (line) => {
			const { tag, body } = JSON.parse(line);
			take({ fields: { deliveryTag: tag }, content: Buffer.from(body, "base64") });
		});
	}

	ack(message) {
		this.child.stdin.write(`${message.fields.deliveryTag}\n`);
	}

	// What was acknowledged is, before it ends.
	async close() {
		const ended = new Promise((resolve) => this.child.on("exit", resolve));
		this.child.stdin.end();
		await ended;
	}
}

export async function connect(url) {
	return {
		createChannel: async () => new Channel(url),
		close: async () => {},
	};
}

export default { connect };
