# Builds, reproduces, tests. `make help` lists the targets.

GO       ?= go
ARGS     ?=# further flags of `radd reproduce`, such as --full
BENCH    ?= .# benchmarks to run, a regular expression
FUZZTIME ?= 30s# time for each fuzz function
TESTFLAGS ?=# further flags of the test runs, such as -count=1

# Time limits of one package's tests.
TIMEOUT       = 12m
SHORT_TIMEOUT = 10m

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the program is cross-built for: os/architecture.
PLATFORMS = linux/arm64 darwin/amd64 darwin/arm64

# Every folder here keeps at least COVERAGE percent of its statements covered,
# by the tests of all packages together. The test suites among them do not count,
# nor what only a GPU's emulation reaches, where there is no compiler for that.
COVERAGE = 85
UNCOUNTED = kernelstest|cudatest|nvcc$(shell command -v g++ >/dev/null || echo '|kernels/cuda')
COVERED  = task kernels graph train analysis distill report

# What tells two builds apart: a hash of all sources.
SOURCE = $$(find . \( -name .git -o -name bin -o -name build -o -name runs \) -prune -o -type f \
	\( -name '*.go' -o -name '*.s' -o -name '*.cu' -o -name '*.cuh' -o -name '*.h' -o -name '*.gz' -o -name '*.py' -o -name 'page.*' -o -name gpu-check -o -path './bench/sweeps/*.yaml' -o -name go.mod \) -print | \
	LC_ALL=C sort | git hash-object --stdin-paths | git hash-object --stdin | cut -c1-12)

# ---- build and run

.PHONY: build
build: ## build bin/radd (the default)
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.source=$(SOURCE)" -o bin/radd ./cmd/radd

.PHONY: gpu
gpu: ## build bin/radd-gpu, which computes on NVIDIA GPUs
	@mkdir -p bin
	@$(cuda_toolkit) || { $(no_cuda_toolkit); exit 1; }
	@$(with_cuda) $(GO) build -trimpath -tags gpu -ldflags "-X main.source=$(SOURCE)" -o bin/radd-gpu ./cmd/radd

# What a machine needs that has a GPU and its driver and nothing else.
BUNDLED = go.mod bench/sweeps/thousand.yaml $(filter-out %/bayes.npz %/radd_n50.npz %/radd_n50_student.npz,$(wildcard testdata/oracle/*.npz))
BUNDLE_LIMIT = 40# MB, packed with a dictionary that holds everything: the programs have much in common

.PHONY: gpu-bundle
gpu-bundle: ## pack programs, tests and fixtures for a machine with a GPU: build/gpu
	@$(cuda_toolkit) || { $(no_cuda_toolkit); exit 1; }
	@command -v xz >/dev/null || { echo "xz is missing: apt-get install xz-utils on Debian"; exit 1; }
	@rm -rf build/gpu build/bundle && mkdir -p build/gpu build/bundle/bin build/bundle/kernels/cuda build/bundle/graph build/bundle/bench/sweeps build/bundle/testdata/oracle
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.source=$(SOURCE)" -o build/bundle/bin/radd ./cmd/radd
	@$(with_cuda) $(GO) build -trimpath -tags gpu -ldflags "-s -w -X main.source=$(SOURCE)" -o build/bundle/bin/radd-gpu ./cmd/radd
	@$(with_cuda) $(GO) test -c -trimpath -tags gpu -ldflags "-s -w" -o build/bundle/kernels/cuda/cuda.test ./kernels/cuda
	@$(with_cuda) $(GO) test -c -trimpath -tags gpu -ldflags "-s -w" -o build/bundle/graph/graph.test ./graph
	@for f in $(BUNDLED); do cp "$$f" "build/bundle/$$f" || exit 1; done
	@tar -C build/bundle -cf - . | xz -T1 --lzma2=preset=6,dict=128MiB >build/gpu/content.tar.xz && cp bench/gpu-check build/gpu/ && rm -rf build/bundle
	@size=$$(du -sb build/gpu | cut -f 1); echo "build/gpu: $$size bytes"; \
	[ "$$size" -le $(BUNDLE_LIMIT)000000 ] || { echo "more than $(BUNDLE_LIMIT) MB"; exit 1; }

.PHONY: gpu-check
gpu-check: gpu-bundle ## check and measure on every NVIDIA GPU here: docs/gpu
	build/gpu/gpu-check

.PHONY: gpu-kernels
gpu-kernels: ## compile the CUDA kernels anew (needs nvcc)
	cd kernels/cuda && $(GO) run generate.go

# What a build with the tag gpu needs: cuda.h and a libcuda to link with. Where
# they are in a place of their own, CGO_CFLAGS=-I… and CGO_LDFLAGS=-L… say so.
cuda_stubs = $(CGO_LDFLAGS) -L/usr/local/cuda/lib64/stubs -L/usr/lib/x86_64-linux-gnu/stubs
with_cuda = CGO_ENABLED=1 CGO_CFLAGS="-O2 -g '-I$(CURDIR)/kernels/cuda/include' $(CGO_CFLAGS)" CGO_LDFLAGS="$(cuda_stubs)"
cuda_toolkit = printf '\043include <cuda.h>\nint main(void) { return cuInit(0) == CUDA_SUCCESS; }\n' | \
	"$$($(GO) env CC)" -x c - -o /dev/null $(CGO_CFLAGS) -I/usr/local/cuda/include \
	$(cuda_stubs) -L/usr/local/cuda/lib64 -lcuda 2>/dev/null
no_cuda_toolkit = echo "cuda.h, libcuda or a C compiler is missing: install gcc and a CUDA toolkit, 11.8 or newer"; \
	echo "(Debian: add the components contrib and non-free, then apt-get install gcc libc6-dev nvidia-cuda-toolkit)"

.PHONY: reproduce
reproduce: build ## train, roll out and print the table beside the paper's
	bin/radd reproduce $(ARGS)

# ---- tests

.PHONY: test
test: ## run every test
	@$(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./...

.PHONY: test-slurm
test-slurm: build ## a sweep on two Slurm daemons of this machine, killed, requeued, a node down (installs Slurm on Debian)
	.ci/slurm

.PHONY: test-python
test-python: build ## the Python package's tests (installs torch, numpy and pandas on Debian)
	.ci/python

.PHONY: bench
bench: ## run the benchmarks (BENCH=regexp)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m ./...

.PHONY: fuzz
fuzz: ## run every fuzz function for a while (FUZZTIME=30s each)
	@set -e; list=$$($(GO) test -list '^Fuzz' ./...); \
	echo "$$list" | awk '/^Fuzz/ { n[++k] = $$1 } /^ok/ { for (i = 1; i <= k; i++) print $$2, n[i]; k = 0 }' | \
	while read -r package name; do \
		echo "== $$package $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" </dev/null; \
	done

.PHONY: cover
cover: ## coverage of the whole test run, as a table and build/coverage.html
	@$(call covered_tests,-timeout $(TIMEOUT))
	@$(GO) tool cover -html=build/coverage.out -o build/coverage.html
	@echo "build/coverage.html"

# ---- checks: what CI runs besides `make test`

.PHONY: check
check: check-format check-shell check-vet check-static check-imports check-generated check-race check-purego check-isa check-nocgo check-cross check-gpu ## everything CI checks besides the tests
	@echo "== all checks passed"

.PHONY: check-format
check-format: ## sources are as gofmt -s writes them
	@echo "== gofmt -s"
	@files=$$(gofmt -s -l .) || exit 1; [ -z "$$files" ] || { echo "$$files"; echo "run gofmt -s -w on these files"; exit 1; }

.PHONY: check-shell
check-shell: ## shell scripts pass shellcheck, where it is
	@echo "== shellcheck"
	@if command -v shellcheck >/dev/null; then shellcheck bench/gpu-check .ci/run .ci/slurm .ci/python; \
	else echo "apt-get install shellcheck on Debian"; echo "NOT RUN: shellcheck"; fi

.PHONY: check-vet
check-vet: ## go vet, with and without assembly
	@echo "== go vet"
	@$(GO) vet ./...
	@$(GO) vet -tags purego ./...

.PHONY: check-static
check-static: ## staticcheck
	@echo "== staticcheck"
	@$(GO) run $(STATICCHECK) ./...

.PHONY: check-imports
check-imports: ## imports, pins, fixtures and text keep to the house's rules
	@echo "== import rules"
	@$(GO) test -count=1 ./internal/architecture

.PHONY: check-generated
check-generated: ## generated files are what their generators write
	@echo "== generated files"
	@out=$$($(GO) test -count=1 -run '^TestGenerated' ./... 2>&1); code=$$?; \
	echo "$$out" | grep -v -e '\[no test'; exit $$code

.PHONY: check-race
check-race: ## short tests under the race detector
	@echo "== tests, race detector"
	@if command -v "$$($(GO) env CC)" >/dev/null 2>&1; then \
		CGO_ENABLED=1 $(GO) test -race -short -timeout $(SHORT_TIMEOUT) $(TESTFLAGS) ./...; \
	else \
		echo "the race detector needs a C compiler: apt-get install gcc libc6-dev on Debian, xcode-select --install on macOS"; \
		[ -z "$$CI" ] && echo "NOT RUN: race detector"; \
	fi

.PHONY: check-purego
check-purego: ## short tests without assembly
	@echo "== tests, purego"
	@$(GO) test -short -tags purego -timeout $(SHORT_TIMEOUT) $(TESTFLAGS) ./...

# What a whole program computes with; the kernels' own tests go over all anyway.
WHOLE = ./graph ./train ./distill ./cmd/radd

.PHONY: check-isa
check-isa: build ## short tests of whole programs on the machine's other instruction sets
	@set -e; line=$$(bin/radd devices --json | tail -n 1); chosen=$$(echo "$$line" | grep -oE '"chosen":"[^"]*"' | cut -d'"' -f4); \
	for isa in $$(echo "$$line" | grep -oE '"isa":"[^"]*"' | cut -d'"' -f4 | sort -u | grep -vx "$$chosen"); do \
		echo "== tests, RADD_ISA=$$isa"; \
		RADD_ISA=$$isa $(GO) test -short -timeout $(SHORT_TIMEOUT) $(TESTFLAGS) $(WHOLE); \
	done

.PHONY: check-nocgo
check-nocgo: ## short tests without cgo, and the coverage they reach
	@echo "== tests, CGO_ENABLED=0, with coverage"
	@CGO_ENABLED=0; export CGO_ENABLED; $(call covered_tests,-short -timeout $(SHORT_TIMEOUT))

.PHONY: check-cross
check-cross: ## builds for the other platforms
	@set -e; for platform in $(PLATFORMS); do \
		echo "== build $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) vet ./...; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build -o /dev/null ./cmd/radd; \
	done

.PHONY: check-gpu
check-gpu: ## the GPU build and its tests compile, where a CUDA toolkit is
	@echo "== build, vet and tests with the tag gpu, compiled"
	@if $(cuda_toolkit); then \
		mkdir -p build/gpu-tests && \
		$(with_cuda) $(GO) vet -tags gpu ./... && \
		$(with_cuda) $(GO) test -tags gpu -c -o build/gpu-tests/ ./...; \
	else \
		$(no_cuda_toolkit); echo "NOT RUN: the build with the tag gpu"; \
	fi
	@command -v nvcc >/dev/null || echo "NOT RUN: the CUDA kernels are not compiled anew, as nvcc is missing; their hashes are checked"
	@command -v g++ >/dev/null || echo "NOT RUN: the CUDA kernels are not emulated, as g++ is missing"

# covered_tests runs all tests with the flags in $(1) and holds the folders in
# COVERED to COVERAGE. A statement counts where any package's test reaches it.
comma = ,
empty =
space = $(empty) $(empty)
define covered_tests
mkdir -p build && \
$(GO) test $(1) $(TESTFLAGS) -coverpkg=$(subst $(space),$(comma),$(COVERED:%=./%/...)) -coverprofile=build/coverage.out ./... >build/coverage.log || \
	{ cat build/coverage.log; exit 1; }; \
awk -v uncounted='$(UNCOUNTED)' -v folders='$(COVERED)' -v least=$(COVERAGE) ' \
	NR > 1 && $$1 !~ uncounted { split($$1, path, "/"); of[$$1] = path[2]; size[$$1] = $$2; if ($$3 > 0) hit[$$1] = 1 } \
	END { for (b in of) { all[of[b]] += size[b]; if (b in hit) done[of[b]] += size[b] } \
	      n = split(folders, list, " "); \
	      for (i = 1; i <= n; i++) { f = list[i]; percent = all[f] ? 100 * done[f] / all[f] : 0; low = percent < least; failed += low; \
	        printf "coverage %-8s %5.1f %%%s\n", f, percent, low ? " (at least " least " % is wanted)" : "" } \
	      exit failed > 0 }' build/coverage.out
endef

# ---- the rest

.PHONY: clean
clean: ## remove what was built; runs/ stays
	rm -rf bin build

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
