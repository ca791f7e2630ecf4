# Measures file and API ingestion on the embedded data, as `make bench` does:
#   docker build -t stac-ingestion . && docker run --rm -v "$PWD/results:/project/results" stac-ingestion
FROM python:3.13-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 measurer \
    && install --directory --owner measurer /project /project/results
USER 1000
WORKDIR /project
COPY --chown=measurer . .
RUN make .venv/.measuring
ENTRYPOINT ["make"]
CMD ["bench"]
