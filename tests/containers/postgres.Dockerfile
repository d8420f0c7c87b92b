# A stand-in for the official image `postgres`, from Debian's package: the same
# user, folders and settings, as far as docker-compose.yml uses them.
ARG BASE
FROM ${BASE}
RUN groupadd --system --gid 999 postgres \
    && useradd --system --gid postgres --uid 999 --shell /bin/bash \
        --home-dir /var/lib/postgresql postgres \
    && apt-get -qq update && apt-get -qq install --yes postgresql-common \
    && sed -ri 's/#(create_main_cluster) .*$/\1 = false/' \
        /etc/postgresql-common/createcluster.conf \
    && apt-get -qq install --yes postgresql-15 \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner postgres --group postgres --mode 1777 \
        /var/lib/postgresql/data
COPY postgres.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin \
    PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
