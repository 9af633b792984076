#!/usr/bin/env bash
# Builds a release for a target, and packs it as an archive and a wheel (pack.py).
#
#   release.sh TARGET FOLDER
#
# Linux programs are linked statically, so that they run on every distribution: with musl (x86_64-unknown-linux-musl and
# aarch64-unknown-linux-musl need `musl-gcc`), or, to try it without musl, with the C library of this machine
# (…-linux-gnu).
set -euo pipefail
if [ $# -ne 2 ]; then
  echo 'usage: hooks/release.sh TARGET FOLDER' >&2
  exit 2
fi
target=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# No library of this machine is linked.
export LIBZ_SYS_STATIC=1
case $target in
*-linux-musl)
  command -v musl-gcc >/dev/null || {
    echo "error: $target needs musl-gcc: install musl-tools" >&2
    exit 1
  }
  export "CC_${target//-/_}=musl-gcc"
  ;;
*-linux-gnu) export RUSTFLAGS='-C target-feature=+crt-static' ;;
esac
rustup target add "$target"
# The commit in `planspec --version -o json`.
PLANSPEC_COMMIT=$(git rev-parse HEAD)
export PLANSPEC_COMMIT
cargo build --release --locked --bin planspec --features git2/vendored-libgit2 --target "$target"
built=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/$target/release/planspec

case $target in
*-linux-*)
  if readelf --dynamic --wide "$built" | grep NEEDED >&2; then
    echo "error: $built needs these libraries, and is to need none" >&2
    exit 1
  fi
  ;;
esac
hooks/pack.py "$built" "$target" "$folder"
