#!/usr/bin/env bash
# Runs the exporter and the alerter until one of them ends or the user stops them.
# See `make run`.
set -euo pipefail
cd "$(dirname "$0")/.."

build/virt_exporter --web.listen-address="$EXPORTER" &
exporter=$!
build/virt_alerter --web.listen-address="$ALERTER" --exporter="http://$EXPORTER/metrics" --storage.path=build/data &
alerter=$!
trap 'kill "$exporter" "$alerter" 2>/dev/null || true; wait' EXIT
trap 'exit 0' INT TERM

printf '\nMetrics: http://%s/metrics\nAlerts:  http://%s/ (stop with Ctrl-C)\n\n' "$EXPORTER" "$ALERTER"
code=0
wait -n "$exporter" "$alerter" || code=$?
exit "$code"
