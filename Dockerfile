# Onefold's own processes: collector, API, worker, sink, deliverer, rebuilder, maintenance. One image, the command chooses:
#   docker run onefold collector | api | worker | sink | deliverer | rebuilder | maintenance
FROM python:3.12-slim AS build
WORKDIR /build
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels -c constraints.txt .

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 onefold && mkdir /data && chown onefold /data
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels onefold && rm -rf /wheels
USER onefold
WORKDIR /data
ENV ONEFOLD_DATA_DIR=/data ONEFOLD_HTTP_HOST=0.0.0.0 PYTHONUNBUFFERED=1
ENTRYPOINT ["onefold"]
CMD ["--help"]
