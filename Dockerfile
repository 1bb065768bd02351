# syntax=docker/dockerfile:1
FROM python:3.11-slim-trixie AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml ./
COPY service ./service
# What only builds is taken out again: the image can run the service and install nothing.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/venv/bin/pip uninstall --yes flit-core pip setuptools

FROM python:3.11-slim-trixie
LABEL org.opencontainers.image.title="flex-router" \
      org.opencontainers.image.description="Routes conversations to people on Twilio Flex and rescues those that nobody takes"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    HOST=0.0.0.0 \
    PORT=8080
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin router
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY config ./config
COPY service/healthcheck.py ./healthcheck.py
USER 10001:10001
EXPOSE 8080
# Isolated and without site-packages: 20 ms instead of the half second that the service's own imports take.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-S", "/app/healthcheck.py"]
ENTRYPOINT ["flex-router"]
CMD ["web"]
