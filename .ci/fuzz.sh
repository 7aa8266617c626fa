#!/usr/bin/env bash
# Runs each fuzz test for FUZZTIME (10s).
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file func; do
	echo "== $(dirname "$file") ${func#func }"
	"$GO" test "$(dirname "$file")" -run '^$' -fuzz "^${func#func }\$" -fuzztime "${FUZZTIME:-10s}" </dev/null
done
