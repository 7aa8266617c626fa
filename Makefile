# Everything needs Go and make only. `make test` uses what else the machine has.

GO       ?= go
BINARIES := virt_exporter virttool
ADDRESS  := 127.0.0.1:9971

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

.PHONY: run
run: build/virt_exporter
	@echo
	@echo "Look at http://$(ADDRESS)/metrics (stop with Ctrl-C)"
	@echo
	@exec build/virt_exporter --web.listen-address=$(ADDRESS)

# Every test there is. With CI=true or INSTALL=1, as root on Debian, it first
# installs the engines that the tests start. Its last lines say what was skipped.
.PHONY: test
test:
	@GO=$(GO) .ci/test.sh

.PHONY: lint
lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0 run ./... ./.ci/testsummary

# Writes what the hosts in fixtures/ must expose anew. Read the diff.
.PHONY: golden
golden:
	$(GO) test ./collector -run Golden -update

# Writes collector/METRICS.md from the table of families.
.PHONY: docs
docs:
	$(GO) test ./collector -run MetricsDoc -update

.PHONY: fuzz
fuzz:
	@GO=$(GO) .ci/fuzz.sh

.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./...

.PHONY: clean
clean:
	rm -rf build
