# One image for workers and for the MLflow server.
#   docker build -t foldsweep:cpu .
#   docker build -t foldsweep:gpu --build-arg EXTRAS=gpu .     (CUDA comes with the Python packages)
FROM python:3.11-slim AS build
ARG EXTRAS=cpu
RUN python -m venv /opt/foldsweep
ENV PATH=/opt/foldsweep/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY spaces spaces
COPY objectives objectives
COPY mlruns_config mlruns_config
COPY search search
RUN pip install --constraint constraints.txt setuptools \
    && pip install --constraint constraints.txt --no-build-isolation ".[${EXTRAS}]"

FROM python:3.11-slim
# Volumes that are mounted on these folders take over their owner.
RUN useradd --create-home --uid 1000 foldsweep \
    && install --directory --owner foldsweep /foldsweep-home /mlartifacts /weights
COPY --from=build /opt/foldsweep /opt/foldsweep
ENV PATH=/opt/foldsweep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GIT_PYTHON_REFRESH=quiet \
    FOLDSWEEP_HOME=/foldsweep-home \
    KERAS_HOME=/weights
USER foldsweep
WORKDIR /home/foldsweep
CMD ["foldsweep", "--help"]
