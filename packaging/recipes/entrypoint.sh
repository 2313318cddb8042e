#!/bin/sh
# The entry point of a container: gives the credentials to a daemon in it, which holds them in memory, and becomes the
# program, which asks `dt-cred get`. The program has them neither in its environment nor in its arguments.
set -eu

credentials=${DATATRAILS_CREDENTIALS_FILE:-/run/secrets/dt-cred}
if [ -e "$credentials" ]; then
  # The lines of `dt-cred store`: client_id=…, client_secret=…, and url=… where it is not DataTrails' own.
  dt-cred start --from-stdin <"$credentials" >&2
elif [ -n "${DATATRAILS_CLIENT_SECRET:-}" ]; then
  dt-cred start --from-env >&2
else
  echo "entrypoint.sh: no credentials: mount a file with client_id=… and client_secret=… at $credentials, or set" \
    'DATATRAILS_CLIENT_ID and DATATRAILS_CLIENT_SECRET' >&2
  exit 2
fi
unset DATATRAILS_CLIENT_ID DATATRAILS_CLIENT_SECRET
exec "$@"
