# What one does with Dialtree's source. `make` alone lists the targets.

SHELL := /bin/sh

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME ?= 10m

# The version comes from what Go records about the checkout. A GOFLAGS that
# turns that off is overruled, save where git cannot read the checkout.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS)

.PHONY: help
help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build ## build, and start the demo on loopback; Ctrl-C ends it
	bin/dialtree demo

.PHONY: build
build: ## build bin/dialtree: static, and the same bytes from the same source
	$(BUILD) -o bin/dialtree ./cmd/dialtree

# The directories of an installation; packages set DESTDIR.
PREFIX ?= /usr
UNITDIR ?= $(PREFIX)/lib/systemd/system

.PHONY: install
install: build ## install the binary and the units for systemd, below DESTDIR
	install -D -m 755 bin/dialtree $(DESTDIR)$(PREFIX)/bin/dialtree
	install -d $(DESTDIR)$(UNITDIR)
	install -m 644 packaging/systemd/dialtree.service packaging/systemd/dialtree-*.socket $(DESTDIR)$(UNITDIR)
	sed -i 's|/usr/bin/dialtree|$(PREFIX)/bin/dialtree|' $(DESTDIR)$(UNITDIR)/dialtree.service
	install -D -m 644 packaging/logrotate/dialtree $(DESTDIR)/etc/logrotate.d/dialtree

.PHONY: sbom
sbom: build ## write bin/dialtree.cdx.json: what the binary was built from
	bin/dialtree version --sbom > bin/dialtree.cdx.json

.PHONY: test
test: build ## run every test; installs the servers that tests need where it may
	scripts/install-test-deps
	go test ./...
	go test -race ./...
	DIALTREE_BIN=$(CURDIR)/bin/dialtree go test -tags e2e -count=1 -timeout 25m ./e2e/...
	@scripts/install-test-deps --left-out

.PHONY: docs
docs: ## write docs/commands.md from the help of the commands
	go test -run '^TestCommandsDocument$$' ./cmd/dialtree -update

.PHONY: check
check: ## gofmt, go vet, staticcheck and known vulnerabilities, also of the whole-system tests
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: run gofmt -w on"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go vet -tags e2e ./e2e/...
	go run $(STATICCHECK) ./...
	go run $(STATICCHECK) -tags e2e ./e2e/...
	@scripts/vulnerabilities $(GOVULNCHECK)

.PHONY: bench
bench: build ## measure side by side with other servers, about ten minutes; QUICK=1 for a look
	@LLOADD=$${LLOADD:-$$(e2e/bench/build-lloadd "$${XDG_CACHE_HOME:-$$HOME/.cache}/dialtree-lloadd" 2>/dev/null)} \
	DIALTREE_BIN=$(CURDIR)/bin/dialtree go run ./e2e/bench $(PART)

.PHONY: torture
torture: build ## attack it in every way for more than an hour, and write the tables of docs/reliability.md; ONLY=name: some, printed
	scripts/install-test-deps
	$(if $(ONLY),,DIALTREE_DAMAGED=10000 go test -count=1 -timeout 30m -v -run '^TestDamage$$' ./store)
	@figures=$$(mktemp) && trap 'rm -f "$$figures"' EXIT && \
	LLOADD=$${LLOADD:-$$(e2e/bench/build-lloadd "$${XDG_CACHE_HOME:-$$HOME/.cache}/dialtree-lloadd" 2>/dev/null)} \
	DIALTREE_TORTURE=long DIALTREE_FIGURES=$$figures DIALTREE_BIN=$(CURDIR)/bin/dialtree \
	go test -tags e2e -count=1 -timeout 4h -v -run '$(if $(ONLY),^TestTorture$(ONLY),^Test(Torture|Service|Restart))' ./e2e; status=$$?; \
	go run ./e2e/torture/report "$$figures" $(if $(ONLY),,docs/reliability.md) && exit $$status

.PHONY: screenshots
screenshots: build ## take the pictures of docs/screenshots anew
	scripts/install-test-deps
	SCREENSHOTS=1 DIALTREE_BIN=$(CURDIR)/bin/dialtree go test -tags e2e -count=1 -run '^TestScreenshots$$' ./e2e

.PHONY: fuzz
fuzz: ## fuzz every target of every package for FUZZTIME (10m) each
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done
