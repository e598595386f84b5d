#!/bin/sh
# Make .venv and install the project with everything that training, export and development need.
set -u
cd "$(dirname "$0")" || exit 1

fail() {
    echo "error: $1" >&2
    exit 1
}

supported='import sys; sys.exit(not ((3, 12) <= sys.version_info[:2] < (3, 14)))'
python=
for candidate in ${PYTHON3:-} python3.12 python3.13 python3 python; do
    if "$candidate" -c "$supported" >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "Python 3.12 or 3.13 is needed and was not found; install one, or name it: make PYTHON3=/path/to/python"

if ! .venv/bin/python -c "$supported" >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv || fail "$python cannot make a virtual environment (Debian and Ubuntu: apt install python3-venv; or is the disk full?)"
fi

echo "installing into .venv: several GB the first time, a few minutes"
log=.venv/install.log
# LiteRT.js, in which the tests run the bundle's JavaScript; Node itself comes with pip
PATH="$PWD/.venv/bin:$PATH"
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@" --constraint constraints.txt; }
# uv takes a third of pip's time, but does not know the package indexes of pip's configuration; without compiled modules,
# importing TensorFlow takes three times as long, each time if Python may not write what it has compiled
with_uv() {
    pip install uv &&
        .venv/bin/uv pip install --quiet ${PYTHONDONTWRITEBYTECODE:+--compile-bytecode} --python .venv/bin/python \
            --constraint constraints.txt --editable '.[dev]'
}
if ! {
    { with_uv || pip install --editable '.[dev]'; } &&
        npm install --prefix tests/javascript --no-package-lock --no-audit --no-fund
} >"$log" 2>&1; then
    if grep -qiE 'no space left|ENOSPC' "$log"; then
        fail "the disk is full: the installation needs about 10 GB"
    elif grep -qiE 'NewConnectionError|NameResolutionError|ConnectTimeout|Network is unreachable|Temporary failure|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|Connection broken|Read timed out' "$log"; then
        fail "the packages cannot be downloaded: there is no network, or it broke off; run the same command again"
    fi
    changed=$(sed -n 's/^ *error: \(.* SHA-256 .*\)/\1/p' "$log" | head -n 1)
    [ -z "$changed" ] || fail "$changed"
    tail -n 5 "$log" >&2
    fail "the dependencies could not be installed; all that was said is in $log"
fi
