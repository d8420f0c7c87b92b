"""consume.py URL QUEUE PREFETCH: deliveries as lines of JSON; tags that come on
standard input are acknowledged, and its end is the end."""

import base64
import json
import sys
import threading

import pika

url, queue, prefetch = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.basic_qos(prefetch_count=int(prefetch))


def tell(_, method, __, body):
    print(json.dumps({"tag": method.delivery_tag,
                      "body": base64.b64encode(body).decode()}), flush=True)


def listen():
    for line in sys.stdin:
        connection.add_callback_threadsafe(
            lambda tag=int(line): channel.basic_ack(tag))
    connection.add_callback_threadsafe(channel.stop_consuming)


channel.basic_consume(queue, tell)
threading.Thread(target=listen, daemon=True).start()
channel.start_consuming()
connection.close()
