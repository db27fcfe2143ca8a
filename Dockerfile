# The product alone: no demo, no tests, no secrets. All settings come from the environment.
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/kava
COPY requirements.txt .
RUN /opt/kava/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements.txt
WORKDIR /srv/kava
COPY app.py pyproject.toml ./
COPY config config
COPY tasks tasks
COPY templates templates
COPY membership membership
RUN if [ -d membership/translations ]; then \
        /opt/kava/bin/pybabel compile --directory membership/translations; \
    fi

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/kava --shell /usr/sbin/nologin kava
COPY --from=build /opt/kava /opt/kava
COPY --from=build /srv/kava /srv/kava
WORKDIR /srv/kava
ENV PATH=/opt/kava/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER kava
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--factory", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "16", "--no-ws", "app:create_app"]
