# Stand-ins for the official images `prometheus` and `grafana`: the program of
# Debian's package prometheus, without what its web pages need, and grafana.py.
# Users, folders and settings are the same, as far as docker-compose.yml uses
# them.
ARG BASE
FROM ${BASE} AS both
WORKDIR /tmp
RUN apt-get -qq update \
    && apt-get -qq install --yes python3 python3-yaml \
    && apt-get -qq download prometheus \
    && dpkg-deb --fsys-tarfile prometheus_*.deb \
        | tar --extract --directory / ./usr/bin \
    && rm -rf prometheus_*.deb /var/lib/apt/lists/* \
    && install --directory --owner nobody --group nogroup /prometheus

FROM both AS prometheus
USER nobody
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]

FROM both AS grafana
COPY grafana.py /usr/local/bin/grafana
USER 472:0
ENTRYPOINT ["grafana"]
