#!/bin/sh
# Stands in for `sio-load serve --exit-with-stdin --listen ADDRESS:PORT --path PATH`, and says how
# it was called.
echo "$@"
cd "$(dirname "$0")/../socketio-4" || exit 1
PORT=${4##*:} EXIT_WITH_STDIN=1 exec node ../npm/server.cjs
