# Builds the program and puts it alone into a small image: the C library and its kin, CA certificates, a user
# without rights. No shell, no package manager. Both stages are Debian 12, so the C library is the same.
#
#   docker build -t otp-gateway:local .
#   docker run --rm otp-gateway:local keys new --tenant shop --owner "back end"
#   docker run --rm -p 127.0.0.1:8080:8080 otp-gateway:local demo --listen 0.0.0.0:8080
#
# With the embedded store keep /data on a volume: docker run -v otp-data:/data ...

FROM rust:1.95-bookworm AS build
WORKDIR /src

# The dependencies first, over an empty program: they are built again only when one of these files changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release \
    && rm -r src

COPY config config
COPY templates templates
COPY src src
# Cargo compares times; those of copied files may be older than the empty program's.
RUN touch src/lib.rs src/main.rs \
    && cargo build --locked --release --bin otp-gateway \
    && strip target/release/otp-gateway \
    && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="otp-gateway" \
      org.opencontainers.image.description="A self-hosted gateway that gets one-time login codes to phones by SMS and by voice" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /src/target/release/otp-gateway /usr/bin/otp-gateway
COPY LICENSE-MIT LICENSE-APACHE NOTICE /usr/share/doc/otp-gateway/
# The embedded store's default path is relative, so it lands here.
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /data
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/otp-gateway"]
CMD ["serve", "--config", "/etc/otp-gateway/otp.toml"]
