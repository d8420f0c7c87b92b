// A consumer of events: prints what happens to one cluster or credential, until
// an event comes that is waited for.
//
//     node consumer.mjs ID NAME      such as: node consumer.mjs 0b9c… running
import amqp from "amqplib";

const queue = process.env.QUEUE ?? "consumer.dashboard";
const prefix = /^cloud\.mengi\.byoc\.[a-z]+\./;
const [subject, awaited] = process.argv.slice(2);
const seen = new Set();
let newest = ""; // sequences are texts that compare as numbers do

const connection = await amqp.connect(process.env.AMQP_URL);
const channel = await connection.createChannel();
await channel.prefetch(20);

// Is it the one that is waited for?
function take(event) {
	if (event.subject !== subject || seen.has(event.id))
		return false;
	seen.add(event.id); // delivery is at least once
	const name = event.type.replace(prefix, "");
	const { phase, phases_done, phases_total, reason } = event.data;
	const progress = phases_total !== undefined && `${phases_done}/${phases_total}`;
	console.log(event.sequence, name,
		[phase, progress, reason].filter(Boolean).join(" "));
	// Events may overtake each other: only a newer one tells the status.
	const newer = event.sequence > newest;
	if (newer)
		newest = event.sequence;
	return newer && name === awaited;
}

let ended = false;
await channel.consume(queue, async (message) => {
	if (ended)
		return;
	ended = take(JSON.parse(message.content.toString()));
	channel.ack(message); // once it is dealt with
	if (ended) {
		await channel.close();
		await connection.close();
	}
});
