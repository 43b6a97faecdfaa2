# The service alone, with no embedded server: it needs a PostgreSQL 15 or later, named in TIMECREDITS_DATABASE_URL (the
# application's role), and TIMECREDITS_SECRET_KEY. `migrate` needs the first, and TIMECREDITS_OWNER_DATABASE_URL.
#   docker build -t timecredits .
#   docker run --rm -e TIMECREDITS_DATABASE_URL=... -e TIMECREDITS_OWNER_DATABASE_URL=... timecredits migrate
#   docker run -p 8000:8000 -e TIMECREDITS_DATABASE_URL=... -e TIMECREDITS_SECRET_KEY=... timecredits

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements requirements
RUN pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && python -m venv /opt/timecredits \
 && /opt/timecredits/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY LICENSE README.md pyproject.toml ./
COPY migrations migrations
COPY src src
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/timecredits/bin/pip install --no-deps --no-index dist/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --system --no-create-home --shell /usr/sbin/nologin timecredits
COPY --from=build /opt/timecredits /opt/timecredits
ENV PATH=/opt/timecredits/bin:$PATH PYTHONUNBUFFERED=1 TIMECREDITS_HOST=0.0.0.0 TIMECREDITS_PORT=8000
USER timecredits
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"TIMECREDITS_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["timecredits"]
CMD ["serve"]
