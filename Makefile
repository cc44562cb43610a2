# One set of features everywhere, so that nothing is compiled twice. `checkpoints` are the named
# kill points of the crash tests; a release build has none.
SHELL    := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test package test-packages mutants lint experiment bench fuzz clean install
FEATURES := --workspace --features seedship/checkpoints
FUZZ_SECONDS ?= 60

help:
	@echo 'make demo [SITE=DIR]   watch a release go live: real rtorrents, load, kills (60 s)'
	@echo 'make test              every test, with real programs. Further: SEEDSHIP_SCHEDULES=5000 (into'
	@echo '                       interleavings), SEEDSHIP_KILLS=100 and SEEDSHIP_FAULTS=100 of each'
	@echo '                       command (0: at every call), SEEDSHIP_SEED=1 (others)'
	@echo 'make package           the Debian package: target/debian/seedship_*.deb'
	@echo 'make test-packages     the package, its units, Puppet, Apache: on a booted Debian, as root'
	@echo 'make mutants           take each promise out of the source: some test must fail (10 min)'
	@echo 'make lint              format, clippy, dependencies'
	@echo 'make experiment        what requests see of a switch: unlink + symlink, BusyBox, ours'
	@echo '                       (3 min; EXPERIMENT_SECONDS=3 each row, EXPERIMENT_WATCH=15)'
	@echo 'make bench             ours beside the tools that people use, in one run'
	@echo 'make fuzz              long runs of the fuzz targets (FUZZ_SECONDS=60 each)'
	@echo 'make clean             remove what was built and fetched'

install:
	@scripts/install

demo: install
	@[[ -x target/debug/demo ]] || echo 'building: some minutes, once'
	@cargo build --quiet $(FEATURES)
	@# What the build wrote is on its way to the disk; the times told below should not be its.
	@sync --file-system target
	@target/debug/demo $${SITE:+--site "$$SITE"}

test: install
	@scripts/rtorrent-sid
	@# The demonstration is run by a test, which does not build it.
	@cargo build --quiet $(FEATURES)
	@nextest=$$(scripts/tool cargo-nextest); \
	export SEEDSHIP_SKIPPED=$$PWD/.lab/skipped; : > "$$SEEDSHIP_SKIPPED"; \
	trap 'sort "$$SEEDSHIP_SKIPPED"' EXIT; \
	"$$nextest" nextest run $(FEATURES) -E 'not binary(packages)'; \
	cargo test --quiet --doc $(FEATURES)

package:
	@scripts/install packages
	@scripts/package

# As root, on Debians that are booted for it: the package, units, Puppet, web servers under load.
test-packages: package
	@scripts/rtorrent-sid
	@scripts/booted-root
	@nextest=$$(scripts/tool cargo-nextest); \
	export SEEDSHIP_SKIPPED=$$PWD/.lab/skipped; : > "$$SEEDSHIP_SKIPPED"; \
	trap 'sort "$$SEEDSHIP_SKIPPED"' EXIT; \
	"$$nextest" nextest run $(FEATURES) -E 'binary(packages)'

# In copies of the sources, one mutant at a time; MUTANT='trial|hold' runs those of such names alone.
mutants: install
	@scripts/tool cargo-nextest > /dev/null
	cargo test --quiet $(FEATURES) --test main -- --ignored --exact mutants::each_is_caught --nocapture

lint: install
	cargo fmt --all --check
	cargo clippy $(FEATURES) --all-targets -- -D warnings
	@deny=$$(scripts/tool cargo-deny); \
	"$$deny" --log-level error --workspace check bans licenses sources; \
	if said=$$("$$deny" --workspace fetch db 2>&1); then \
	    "$$deny" --workspace check advisories; \
	else \
	    echo "advisories not checked: $$(tail -n1 <<< "$$said")"; \
	fi

experiment: install
	cargo bench --quiet --profile dev $(FEATURES) --bench experiment

# Payloads and releases lie on the checkout's file system, not where /tmp may be memory: TMPDIR names
# another place. ONLY='start land' picks subjects.
bench: install
	@imdl=$$(scripts/tool --release imdl); \
	echo 'building, optimised: some minutes, once'; \
	mkdir -p target/tmp; \
	IMDL="$$imdl" TMPDIR="$${TMPDIR:-$$PWD/target/tmp}" cargo bench --quiet --bench peers -- $(ONLY)

# Needs nothing but the stable toolchain. What a thread that is just ending still holds would count as
# a leak.
fuzz:
	@fuzz=$$(scripts/tool cargo-fuzz); export RUSTC_BOOTSTRAP=1; \
	for target in $$("$$fuzz" list); do \
	    echo "== $$target"; \
	    mkdir -p "fuzz/found/$$target"; \
	    "$$fuzz" run "$$target" "fuzz/found/$$target" "fuzz/corpus/$$target" -- -max_total_time=$(FUZZ_SECONDS) -detect_leaks=0; \
	done

clean:
	cargo clean
	rm -rf .lab fuzz/target
