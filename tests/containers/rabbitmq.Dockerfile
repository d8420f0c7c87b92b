# A stand-in for the official image `rabbitmq`, from Debian's package: the same
# user, folders and settings, as far as docker-compose.yml uses them.
ARG BASE
FROM ${BASE}
RUN groupadd --system --gid 999 rabbitmq \
    && useradd --system --gid rabbitmq --uid 999 \
        --home-dir /var/lib/rabbitmq rabbitmq \
    && apt-get -qq update && apt-get -qq install --yes rabbitmq-server \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner rabbitmq --group rabbitmq --mode 1777 \
        /var/lib/rabbitmq /etc/rabbitmq /etc/rabbitmq/conf.d \
    && rm -rf /var/lib/rabbitmq/* /var/lib/rabbitmq/.erlang.cookie \
    && echo '[].' >/etc/rabbitmq/enabled_plugins
ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/rabbitmq LANG=C.UTF-8 LC_ALL=C.UTF-8 \
    RABBITMQ_LOGS=- RABBITMQ_PID_FILE=/var/lib/rabbitmq/pid
VOLUME /var/lib/rabbitmq
CMD ["rabbitmq-server"]
