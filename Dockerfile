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

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY rrdns ./rrdns
RUN pip wheel --no-cache-dir --wheel-dir /wheels .
RUN python -m venv /opt/rrdns \
 && /opt/rrdns/bin/pip install --no-cache-dir --no-index --find-links /wheels rrdns

FROM python:${PYTHON_VERSION}-slim
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
  CMD ["python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:9353/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["rrdns"]
CMD ["-c", "/etc/rrdns/rrdns.yaml", "serve"]
