"""Hetzner's DHCP, as far as it matters here: every client gets the one address,
with the routes of a private network or with none.

    dhcp_server.py DEVICE ADDRESS routes|no-routes SILENT

Clients that send an identifier, as networkd does, get it for an hour, others for
eight seconds; those get no answer at all while there is a file SILENT.
"""

import os
import socket
import struct
import sys

ROUTER = socket.inet_aton("10.0.0.1")
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
MESSAGE_TYPE, CLIENT_ID, END = 53, 61, 255
# Option 121: the router on the link; through it network and metadata service.
ROUTES = (b"\x20" + ROUTER + bytes(4) + b"\x10\x0a\x00" + ROUTER +
          b"\x20" + socket.inet_aton("169.254.169.254") + ROUTER)


def read_options(packet):
    options, at = {}, 240
    while at < len(packet) and packet[at] != END:
        if packet[at] == 0:  # padding
            at += 1
            continue
        size = packet[at + 1]
        options[packet[at]] = packet[at + 2:at + 2 + size]
        at += 2 + size
    return options


def make_answer(packet, kind, address, lease, routes):
    options = {MESSAGE_TYPE: bytes([kind]), 54: ROUTER,
               1: socket.inet_aton("255.255.255.255"),
               51: struct.pack("!I", lease), 26: struct.pack("!H", 1450)}
    if routes:
        options[121] = ROUTES
    head = bytearray(packet[:240])  # with the cookie at its end
    head[0] = 2
    head[16:20] = socket.inet_aton(address)
    return bytes(head) + b"".join(
        bytes([code, len(value)]) + value for code, value in options.items()
    ) + bytes([END])


def main():
    device, address, routes, silent = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    server.bind(("", 67))
    print("ready", flush=True)
    while True:
        packet = server.recv(2048)
        options = read_options(packet)
        named = CLIENT_ID in options
        kind = {DISCOVER: OFFER, REQUEST: ACK}.get(options[MESSAGE_TYPE][0])
        if not kind or (not named and os.path.exists(silent)):
            continue
        server.sendto(make_answer(packet, kind, address, 3600 if named else 8,
                                  routes == "routes"), ("255.255.255.255", 68))


main()
