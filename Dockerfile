# timbresep on a CPU, with ffmpeg for M4A, AAC and others.
#   docker build -t timbresep .
#   docker run --rm -v "$PWD:/work" timbresep separate song.wav -o out/
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
# The CPU build of torch is a tenth of the default one; PyTorch's own index has it. All else is PyPI's,
# by the hashes in requirements/.
COPY constraints.txt requirements/core.txt /src/
RUN pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu \
        "$(grep ^torch== /src/constraints.txt)" \
    && pip install --no-cache-dir --no-deps --require-hashes -r /src/core.txt
COPY pyproject.toml README.md LICENSE registry.yaml /src/
COPY core /src/core
COPY plugins /src/plugins
COPY separators /src/separators
COPY data/starter /src/data/starter
RUN pip install --no-cache-dir --no-deps --no-build-isolation /src && rm -rf /src
RUN useradd --create-home musician
USER musician
WORKDIR /work
ENTRYPOINT ["timbresep"]
CMD ["--help"]
