#!/bin/sh
# Installs the pix2pix program of a release for Linux or macOS, in ~/.local:
#   curl -LsSf https://github.com/pix2pix-rs/pix2pix/releases/latest/download/install.sh | sh
# PIX2PIX_HOME is another place, PIX2PIX_RELEASE the address of another release.
set -eu

home=${PIX2PIX_HOME:-$HOME/.local}
case $home in
/*) ;;
*) home=$PWD/${home#./} ;;
esac
release=${PIX2PIX_RELEASE:-https://github.com/pix2pix-rs/pix2pix/releases/latest/download}

fail() {
    echo "error: $1" >&2
    exit 1
}

case $(uname -m) in
x86_64 | amd64) machine=x86_64 ;;
aarch64 | arm64) machine=aarch64 ;;
*) fail "there is no program for $(uname -m) processors; build it with Rust, as README.md says" ;;
esac
case $(uname -s) in
Linux) target=$machine-unknown-linux-gnu ;;
Darwin) target=$machine-apple-darwin ;;
*) fail "there is no program for $(uname -s) here; on Windows, unpack the zip archive of the release" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
archive=pix2pix-$target.tgz
get() {
    if command -v curl >/dev/null; then
        curl -LsSf "$release/$1" -o "$work/$1"
    elif command -v wget >/dev/null; then
        wget -q "$release/$1" -O "$work/$1"
    else
        fail "neither curl nor wget is installed; install one of them"
    fi || fail "cannot download $release/$1"
}
get "$archive"
get "$archive.sha256"
cd "$work"
if command -v sha256sum >/dev/null; then
    sha256sum -c "$archive.sha256" >/dev/null 2>&1
else
    shasum -a 256 -c "$archive.sha256" >/dev/null 2>&1
fi || fail "$release/$archive was damaged on its way: its SHA-256 is not that of $archive.sha256; try again"
tar -xzf "$archive"
unpacked=pix2pix-$target

mkdir -p "$home/bin" "$home/share/pix2pix/web" "$home/share/man/man1" "$home/share/bash-completion/completions"
# tried before it takes the place of another; a program that runs keeps its file
new=$home/bin/.pix2pix-new
mv -f "$unpacked/pix2pix" "$new"
version=$("$new" --version) || {
    rm -f "$new"
    fail "this system cannot run the release's program, which needs glibc 2.31 on Linux; build it with Rust, as README.md says"
}
mv -f "$new" "$home/bin/pix2pix"
cp "$unpacked"/web/* "$home/share/pix2pix/web/"
if [ -d "$unpacked/man" ]; then
    cp "$unpacked"/man/*.1 "$home/share/man/man1/"
    cp "$unpacked/completions/pix2pix.bash" "$home/share/bash-completion/completions/pix2pix"
fi

echo "$version is in $home/bin"
case ":$PATH:" in
*":$home/bin:"*) echo "Now type: pix2pix demo" ;;
*) echo "Add it to your path: export PATH=\"$home/bin:\$PATH\"" ;;
esac
