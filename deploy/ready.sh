#!/bin/bash
# Does the worker of this container say that it is ready? For health checks.
exec 3<>/dev/tcp/127.0.0.1/9400 || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
IFS=' ' read -r -t 4 -u 3 _ status _ && [ "$status" = 200 ]
