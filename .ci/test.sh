#!/usr/bin/env bash
# Runs every test there is with what the machine has. The last lines say what
# was skipped and why. See `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
notes=()

if [ "${CI:-}" = true ] || [ "${INSTALL:-}" = 1 ]; then
	.ci/install.sh
fi

mkdir -p build
# The rules are checked and tested with promtool of the release that virt_alerter
# embeds; where it cannot be built, with the one that is installed.
if (cd .ci/promtool && CGO_ENABLED=0 "$GO" build -buildvcs=false -tags remove_all_sd -o ../../build/promtool github.com/prometheus/prometheus/cmd/promtool); then
	export PROMTOOL=$PWD/build/promtool
else
	notes+=(-note "promtool of the engine's release: it could not be built")
fi

# What the API of Kubernetes and of the Prometheus operator take is in their modules,
# which the project itself does without.
manifests=
if (cd .ci/manifests && "$GO" list -deps -test ./... >/dev/null); then
	manifests=1
else
	notes+=(-note "deploy/kubernetes: the modules of its API could not be had")
fi

# The race detector is the only thing that needs a C compiler.
race=(-race)
if [ "$("$GO" env CGO_ENABLED)" != 1 ] || ! command -v "$("$GO" env CC)" >/dev/null; then
	export CGO_ENABLED=0
	race=()
	notes+=(-note "the race detector: no C compiler ($("$GO" env CC)) here")
fi

echo "== gofmt, go vet"
# go list and the patterns of go vet leave out .ci for its dot.
unformatted=$("$("$GO" env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
"$GO" vet ./... ./.ci/testsummary ./.ci/scenariotable ./.ci/mixin
[ -z "$manifests" ] || (cd .ci/manifests && "$GO" vet ./...)
# The objects for the kernel are little-endian: without them it has to compile too.
GOARCH=s390x CGO_ENABLED=0 "$GO" vet ./collector/source/bpf

# The tests of fixtures/live load the CPUs and compare what was counted: they
# run alone, after the others, and without the race detector's own load. So do those
# of programs in the kernel, which see whatever runs.
packages=$("$GO" list ./...)
live=$(grep '/fixtures/live' <<<"$packages" || true)
waits=$(grep '/source/libvirt$' <<<"$packages" || true)
unit=$(grep -v '/fixtures/live\|/source/bpf$\|/source/libvirt$' <<<"$packages")

# Some packages and some tests wait more than they work. A package that does begins
# first, and has others beside it. What is parallel in fixtures/live does next to
# nothing but wait: all of it has a place at once, however few CPUs there are.
jobs=$(($(nproc) + 1))
beside=$((2 * $(nproc)))
everywhere=24

# What they measure of queries is not asserted under the race detector, which has nothing
# to find in them either.
unraced='^TestDashboards(ShowTheStory|AreCheapAtFleetSize)$'

echo "== go test"
"$GO" build -buildvcs=false -o build/testsummary ./.ci/testsummary
# shellcheck disable=SC2086 # package paths hold no spaces
{
	failed=0
	"$GO" test -json "${race[@]}" -p "$jobs" -parallel "$beside" -skip "$unraced" -timeout 10m $waits $unit ./.ci/testsummary ./.ci/mixin || failed=1
	"$GO" test -json -run "$unraced" -timeout 10m ./alerts/engine || failed=1
	"$GO" test -json "${race[@]}" -count 1 -timeout 10m ./collector/source/bpf || failed=1
	# They run a pod, and load a CPU.
	[ -z "$manifests" ] || (cd .ci/manifests && "$GO" test -json -count 1 -timeout 10m ./...) || failed=1
	if [ -n "$live" ]; then
		"$GO" test -json -p 1 -parallel "$everywhere" -count 1 -timeout 75m $live || failed=1
	fi
	exit $failed
} | build/testsummary "${notes[@]}"
