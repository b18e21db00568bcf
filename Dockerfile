# The image holds the server only: mount the configuration and the domain files at /etc/rrdns.
#
#   docker build -t rrdns .
#   docker run -d --name rrdns -p 53:53/udp -p 53:53/tcp -p 127.0.0.1:9353:9353 \
#     -v /etc/rrdns:/etc/rrdns:ro -v rrdns-state:/var/lib/rrdns rrdns
#   docker exec rrdns rrdns status
#
# server.http must be "0.0.0.0:9353" in the container, or -p cannot reach it.
#
# Port 53 without root: Docker (20.10 or newer) and containerd set
# net.ipv4.ip_unprivileged_port_start=0 in a container's own network. With --network=host, and under
# Kubernetes without that sysctl, set it yourself: file capabilities (setcap) on Python do not help
# together with no-new-privileges.

ARG PYTHON_VERSION=3.13
# Other bases with a Python of their own; the first needs its headers too, if it has no apt-get.
ARG BUILD_IMAGE=python:${PYTHON_VERSION}-slim
ARG IMAGE=python:${PYTHON_VERSION}-slim

FROM ${BUILD_IMAGE} AS build
# The compiler stays in this stage. Any version of Debian's will do.
# hadolint ignore=DL3008
RUN command -v gcc >/dev/null \
 || { apt-get update \
   && apt-get install --yes --no-install-recommends gcc libc6-dev \
   && rm -rf /var/lib/apt/lists/*; }
WORKDIR /src
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY man ./man
COPY rrdns ./rrdns
# The compiled executor is part of the image: a build without it fails.
ENV RRDNS_NATIVE=require
RUN python3 -m venv /tools \
 && /tools/bin/pip wheel --no-cache-dir --wheel-dir /wheels . \
 && python3 -m venv /opt/rrdns \
 && /opt/rrdns/bin/pip install --no-cache-dir --no-index --find-links /wheels rrdns \
 && /opt/rrdns/bin/python -I -c "import rrdns.server._loop"

# hadolint ignore=DL3006
FROM ${IMAGE}
COPY --from=build /opt/rrdns /opt/rrdns
RUN useradd --system --user-group --uid 10053 --no-create-home --home-dir /var/lib/rrdns rrdns \
 && install -d -o rrdns -g rrdns -m 0755 /run/rrdns \
 && install -d -o rrdns -g rrdns -m 0750 /var/lib/rrdns
ENV PATH=/opt/rrdns/bin:$PATH \
    PYTHONUNBUFFERED=1
# A number, so that an orchestrator can see that it is not root.
USER 10053:10053
EXPOSE 53/udp 53/tcp 9353/tcp
# The health of the loops, not of the nodes; 9353 is the default of server.http.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["/opt/rrdns/bin/python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:9353/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["rrdns"]
CMD ["-c", "/etc/rrdns/rrdns.yaml", "serve"]
