# Everything needs Go and make only. `make test` uses what else the machine has.

GO       ?= go
BINARIES := virt_exporter virt_alerter virttool
ADDRESS  := 127.0.0.1:9971
ALERTS   := 127.0.0.1:9972

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
INFO     := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(INFO).Version=$(VERSION) -X $(INFO).Revision=$(REVISION)

# The quick kind of test: without real load and real engines.
.PHONY: all
all: build
	$(GO) vet ./...
	$(GO) test $$($(GO) list ./... | grep -v /fixtures/live)

# Static binaries. The version is stamped here and not by -buildvcs, which fails
# in a clone that belongs to another user.
.PHONY: build
build: $(addprefix build/,$(BINARIES))

.PHONY: $(addprefix build/,$(BINARIES))
$(addprefix build/,$(BINARIES)):
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(@F)

# The exporter, and beside it the alerter with what it has seen in build/data.
# Ctrl-C stops both; so does either one's end.
.PHONY: run
run: build/virt_exporter build/virt_alerter
	@EXPORTER=$(ADDRESS) ALERTER=$(ALERTS) .ci/run-both.sh

# A recorded story of several hosts, for who has no fleet: nobody is scraped.
.PHONY: demo
demo: build/virt_alerter
	@echo "Grafana: add a data source of the type Prometheus with the URL http://$(ALERTS) and the scrape interval 1m."
	@echo "Import the dashboards into it: $(CURDIR)/dashboards/*.json"
	@build/virt_alerter --demo --web.listen-address=$(ALERTS)

# Records anew what the demo plays, into fixtures/story/recording: a quarter of an hour,
# as root, on a machine that has nothing else to do.
.PHONY: story
story:
	VIRT_STORY_OUT=$(CURDIR)/fixtures/story/recording $(GO) test ./fixtures/live -run '^TestRecordStory$$' -count=1 -timeout 25m

# Every test there is. With CI=true or INSTALL=1, as root on Debian, it first
# installs the engines that the tests start. Its last lines say what was skipped.
.PHONY: test
test:
	@GO=$(GO) .ci/test.sh

# Puts known kinds of load on this machine with the rules as they are shipped, for
# two hours, and writes what was raised, and how soon, to
# alerts/RUNBOOK.md. SPEED=10 runs the rules ten times as fast.
SPEED ?= 1
.PHONY: scenarios
scenarios:
	mkdir -p build && rm -f build/scenarios.jsonl
	code=0; VIRT_SCENARIO_SPEED=$(SPEED) VIRT_SCENARIO_OUTCOMES=$(CURDIR)/build/scenarios.jsonl \
		$(GO) test ./fixtures/live -run TestScenarios -count 1 -timeout 3h -v || code=$$?; \
	$(GO) run ./.ci/scenariotable build/scenarios.jsonl alerts/RUNBOOK.md && exit $$code

.PHONY: lint
lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0 run ./... ./.ci/testsummary ./.ci/scenariotable ./.ci/mixin
	cd .ci/dashboardlinter && CGO_ENABLED=0 $(GO) build -buildvcs=false -o ../../build/dashboard-linter github.com/grafana/dashboard-linter
	for file in dashboards/*.json; do build/dashboard-linter lint --strict --config dashboards/.lint $$file || exit 1; done

# Writes what the hosts in fixtures/ must expose anew. Read the diff.
.PHONY: golden
golden:
	$(GO) test ./collector -run Golden -update

# Writes collector/METRICS.md from the table of families.
.PHONY: docs
docs:
	$(GO) test ./collector -run MetricsDoc -update

# Writes the dashboards, dashboards/*.json, from the Go beside them.
.PHONY: dashboards
dashboards:
	$(GO) test ./dashboards -run TestFilesAreWhatTheGoSays -update

# Writes rules and dashboards to build/mixin in the layout of what others call a mixin.
.PHONY: mixin
mixin:
	$(GO) run ./.ci/mixin build/mixin

# Writes the rules as objects of the Prometheus operator, for deploy/kubernetes.
.PHONY: rules
rules:
	$(GO) run ./.ci/mixin -operator deploy/kubernetes/operator/prometheusrule.yaml

# Compiles the programs in collector/source/bpf anew, with clang-14: the objects and
# the Go that loads them are committed, so that nothing else needs clang.
.PHONY: bpf
bpf:
	@GO=$(GO) .ci/bpf.sh

.PHONY: fuzz
fuzz:
	@GO=$(GO) .ci/fuzz.sh

.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./...

# What the program for run-queue waits costs per context switch, beside an empty one
# and beside bcc's and bpftrace's runqlat where these are installed. As root.
PAIRS ?= 15
.PHONY: bench-bpf
bench-bpf:
	VIRT_BPF_PAIRS=$(PAIRS) $(GO) test ./collector/source/bpf -run '^TestSwitchCost$$' -count 1 -timeout 30m -v

.PHONY: clean
clean:
	rm -rf build
