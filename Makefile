# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# rsstrace: `make help` lists what there is. V=1 is loud.

VERSION := 0.1.0
BUILD   := build
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
Q       := $(if $(V),,@)
say     = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

WARN    := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla
CFLAGS  ?= -O2 -g
SANITIZE :=
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(SANITIZE) -Iinclude -Iuser -I$(BUILD)/gen -D_GNU_SOURCE \
	-DRSSTRACE_VERSION='"$(VERSION)"'
LIBS    := -lbpf -ldw -lelf -llzma -lzstd -lz -ljson-c -lprotobuf-c -lsqlite3 -liberty -lpthread -lm
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-missing-declarations -Ivmlinux -Iinclude -Ibpf $(BPF_CHECKS)

# A layer may use only those before it; the lint checks the includes.
LAYERS  := base model trace elf live view report export cmd
LIBFILES = $(foreach l,$(LAYERS),$(BUILD)/lib$(l).a)
srcs     = $(wildcard user/$(1)/*.c)
objs     = $(patsubst %.c,$(BUILD)/%.o,$(call srcs,$(1)))
upto     = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call upto,$(1),$(wordlist 2,99,$(2))))

.PHONY: all help deps demo check check-unit check-live check-lint clean install asan
all: $(BUILD)/rsstrace ## build/rsstrace

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

# --- BPF side -----------------------------------------------------------------------------------
BPF_SRCS := $(wildcard bpf/*.bpf.c)
BPF_OBJS := $(patsubst bpf/%.c,$(BUILD)/bpf/%.o,$(BPF_SRCS))
.SECONDARY: $(BPF_OBJS)
BPF_HDRS := $(wildcard bpf/*.h vmlinux/*.h include/*.h)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDRS)
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# bpf/X.bpf.c becomes build/gen/X.skel.h with struct X_bpf; `gen object` leaves out what only a debugger reads
$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen object $(BUILD)/bpf/$*.linked.o $<
	$(Q)$(BPFTOOL) gen skeleton $(BUILD)/bpf/$*.linked.o name $*_bpf > $@.tmp && mv $@.tmp $@

# --- user side ----------------------------------------------------------------------------------
$(BUILD)/user/%.o: user/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(call objs,live): | $(patsubst bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(BPF_SRCS))

# Messages: the .proto files of export/ become C in build/gen.
PROTOS  := $(wildcard user/export/*.proto)
PB_OBJS := $(patsubst user/export/%.proto,$(BUILD)/gen/%.pb-c.o,$(PROTOS))
$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h: user/export/%.proto
	$(call say,PROTO,$<)
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=user/export --c_out=$(BUILD)/gen $<
$(BUILD)/gen/%.pb-c.o: $(BUILD)/gen/%.pb-c.c
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(SANITIZE) -I$(BUILD)/gen -c $< -o $@
TEXT_HDRS := $(BUILD)/gen/flamegraph_html.h $(BUILD)/gen/schema_sql.h
$(call objs,export): | $(PB_OBJS) $(TEXT_HDRS)

# Texts as C strings, a line of them a line of the string.
$(BUILD)/gen/flamegraph_html.h: user/export/flamegraph.html
$(BUILD)/gen/schema_sql.h: user/export/schema.sql
$(TEXT_HDRS):
	@mkdir -p $(@D)
	$(Q)sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $< >$@.tmp && mv $@.tmp $@
.SECONDARY: $(PB_OBJS:.o=.c) $(PB_OBJS:.o=.h)

define layer_lib
$(BUILD)/lib$(1).a: $(call objs,$(1)) $(if $(filter export,$(1)),$(PB_OBJS))
	@rm -f $$@
	$$(Q)$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_lib,$(l))))

$(BUILD)/rsstrace: $(LIBFILES)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(call objs,cmd) -Wl,--start-group $(LIBFILES) -Wl,--end-group $(LIBS)

# --- tests --------------------------------------------------------------------------------------
# tests/unit/LAYER/test_*.c links the layers up to LAYER.
UNIT_SRCS := $(wildcard tests/unit/*/test_*.c)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))
define unit_rule
$(BUILD)/unit/$(1)/test_%: tests/unit/$(1)/test_%.c $(foreach l,$(call upto,$(1),$(LAYERS)),$(BUILD)/lib$(l).a)
	$(call say,TEST,$$<)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $$(ALL_CFLAGS) -Itests/unit -MMD -MP -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka $(LIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rule,$(l))))

WORKLOADS := $(patsubst tests/workload/%.c,$(BUILD)/workload/%,$(wildcard tests/workload/*.c))
$(BUILD)/workload/%: tests/workload/%.c $(wildcard tests/workload/*.h)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Werror $(WORKLOAD_CFLAGS) -o $@ $< -lpthread

# tests/tools/*.c look into traces; they link what reads and replays them.
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(wildcard tests/tools/*.c))
$(BUILD)/tests/%: tests/tools/%.c $(foreach l,$(call upto,trace,$(LAYERS)),$(BUILD)/lib$(l).a)
	$(call say,TOOL,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

# tests/fuzz/fuzz_*.c, each with the other files of the folder. `make fuzzers` builds them and what they link under
# build/fuzz, with clang's libFuzzer and the sanitizers.
FUZZ_PARTS := $(filter-out $(wildcard tests/fuzz/fuzz_*.c),$(wildcard tests/fuzz/*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIBS  := $(foreach l,base model trace view report,$(BUILD)/lib$(l).a)
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_PARTS) $(wildcard tests/fuzz/*.h) $(FUZZ_LIBS)
	$(call say,FUZZER,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(FUZZ_PARTS) -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean: ## remove build/
	$(Q)rm -rf $(BUILD)

# --- what people call ---------------------------------------------------------------------------
PYTHON  ?= $(firstword $(wildcard /usr/bin/python3) python3)
PREFIX  ?= /usr/local
DESTDIR ?=
PYTEST  ?=
RUN     := $(PYTHON) tests/run.py --build $(BUILD)
# libfoo-dev brings libfoo; gcc brings the sanitizers; util-linux: setpriv for the tests of missing privileges
PACKAGES := make gcc g++ libc6-dev clang bpftool pkg-config libbpf-dev libelf-dev libdw-dev libzstd-dev zlib1g-dev \
	libjson-c-dev libiberty-dev uthash-dev libprotobuf-c-dev protobuf-c-compiler libsqlite3-dev libcmocka-dev \
	python3 python3-pytest util-linux protobuf-compiler sqlite3 valgrind golang-go \
	zstd libclang-rt-dev libdebuginfod-dev debuginfod qemu-system-x86 busybox-static e2fsprogs redis-server \
	flex bison bc dwarves xz-utils

# What of the packages $(1) is not there.
define install-missing
if dpkg-query -W -f '$${db:Status-Status}\n' $(1) 2>&1 | grep -qvx installed; then \
		export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && \
		apt-get -qq install -y --no-install-recommends $(1); \
	fi
endef

deps: ## every package that build and tests need, from the distribution (root)
	$(Q)$(call install-missing,$(PACKAGES))

.PHONY: workloads tools vmlinux-full check-vm check-all
workloads: $(WORKLOADS)
tools: $(TOOLS) $(BUILD)/bench/day

check: all workloads tools fuzzers-if-any $(UNIT_BINS) ## everything that can run here; what cannot says so
	$(Q)$(RUN) lint unit fuzz integration --unit $(UNIT_BINS) --pytest="$(PYTEST)"

check-all: all workloads tools fuzzers-if-any $(UNIT_BINS) unit-asan ## check, and then asan and check-vm
	$(Q)$(RUN) lint unit asan fuzz integration vm --unit $(UNIT_BINS) --pytest="$(PYTEST)"

check-lint: $(BUILD)/libmodel.a $(BUILD)/libbase.a ## layers, sizes, words, padding, the model's purity
	$(Q)$(RUN) lint

check-unit: $(UNIT_BINS) ## the layers one by one; no root, under a minute
	$(Q)$(RUN) unit --unit $(UNIT_BINS)

check-live: all workloads tools ## the binary against the kernel's numbers (root); PYTEST="-k name" picks
	$(Q)$(RUN) integration --pytest="$(PYTEST)"

# What check-stacks has beside the programs of `make check`: the compiler of one, the others as they are.
STACKS_PACKAGES := rustc nodejs default-jdk-headless postgresql
.PHONY: check-stacks stack-truth deps-stacks
deps-stacks: deps ## and programs of other languages and kinds, for check-stacks (root)
	$(Q)$(call install-missing,$(STACKS_PACKAGES))

check-stacks: all ## whole stacks in percent of faulted bytes, and each against libdwfl (root); STACKS="c redis" picks
	$(Q)$(PYTHON) tests/stacks/check_stacks.py --build $(BUILD) $(STACKS)
	$(Q)$(MAKE) BUILD=$(BUILD)/truth BPF_CHECKS=-DUNWIND_TRUTH all stack-truth
	$(Q)$(PYTHON) tests/stacks/check_truth.py --build $(BUILD)/truth $(STACKS)

.PHONY: unwind-cases
unwind-cases: ## captured stacks for the unit test of the unwinder's step, anew (root); STACKS="c redis" picks
	$(Q)$(MAKE) BUILD=$(BUILD)/truth BPF_CHECKS=-DUNWIND_TRUTH all stack-truth
	$(Q)$(PYTHON) tests/stacks/check_truth.py --build $(BUILD)/truth --cases tests/unit/elf/stacks $(STACKS)

stack-truth: $(BUILD)/stack_truth
$(BUILD)/stack_truth: $(wildcard tests/stacks/*.c) $(wildcard tests/stacks/*.h) $(BUILD)/libelf.a $(BUILD)/libbase.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

check-vm: all workloads tools ## Debian's kernels under qemu; KERNELS="6.12 7" picks, ONLY=word, too
	$(Q)$(PYTHON) tests/vm/check_vm.py --build $(BUILD) --only "$(ONLY)" $(KERNELS)

.PHONY: torture
SEED    ?= 1
THREADS ?= 8
torture: all workloads tools ## one storm, page by page (root); SEED=7 THREADS=8 OPTIONS="--ms 4000", REDUCE=1
	$(Q)$(PYTHON) tests/tools/torture.py --seed $(SEED) --threads $(THREADS) $(OPTIONS) $(if $(REDUCE),--reduce)

$(BUILD)/bench/reconcile $(BUILD)/bench/scale $(BUILD)/bench/cfi: $(BUILD)/bench/%: tests/bench/%.c $(LIBFILES)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -Wl,--start-group $(LIBFILES) -Wl,--end-group $(LIBS)

# The walk alone, in a BPF object of its own, and its target, with frame pointers and without.
WALK := $(BUILD)/bench/walk
WALK_FILES := $(WALK)/walk_cost $(WALK)/deep_fp $(WALK)/deep_none
DEEP_CFLAGS := -std=gnu11 -O2 -g $(WARN) -nostdlib -static -fno-stack-protector -fcf-protection=none \
	-fno-optimize-sibling-calls -fasynchronous-unwind-tables
$(WALK)/walk_cost.skel.h: tests/bench/walk/walk_cost.bpf.c $(BPF_HDRS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $(WALK)/walk_cost.bpf.o
	$(Q)$(BPFTOOL) gen object $(WALK)/walk_cost.linked.o $(WALK)/walk_cost.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $(WALK)/walk_cost.linked.o name walk_cost_bpf >$@.tmp && mv $@.tmp $@
$(WALK)/walk_cost: tests/bench/walk/walk_cost.c tests/bench/walk/deep.h $(WALK)/walk_cost.skel.h $(LIBFILES)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -I$(WALK) -o $@ $< -Wl,--start-group $(LIBFILES) -Wl,--end-group $(LIBS)
$(WALK)/deep_fp: DEEP_CFLAGS += -fno-omit-frame-pointer -DFRAME_POINTERS
$(WALK)/deep_none: DEEP_CFLAGS += -fomit-frame-pointer
$(WALK)/deep_fp $(WALK)/deep_none: tests/bench/walk/deep.c tests/bench/walk/deep.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(DEEP_CFLAGS) -o $@ $<

.PHONY: bench-walk
bench-walk: $(WALK_FILES) ## what the walk of a stack costs a fault, beside bpf_get_stack (root); ROUNDS=9
	$(Q)$(PYTHON) tests/bench/walk_cost.py --build $(BUILD) --rounds $(ROUNDS) --json $(BUILD)/bench/walk.json

.PHONY: bench-reconcile bench-scale bench-cfi
MILLIONS ?= 20
bench-scale: $(BUILD)/bench/scale ## what a record costs the model, by the target's size; MILLIONS=100 for the longest
	$(Q)$< $(MILLIONS) $<.jsonl
	$(Q)$(PYTHON) tests/bench/plot_scale.py $<.jsonl $<.svg

LIBRARIES := /usr/lib/$(shell $(CC) -print-multiarch)
OBJECTS ?= $(sort $(realpath $(wildcard $(LIBRARIES)/libc.so.6 $(LIBRARIES)/libLLVM-*.so.1)))
bench-cfi: $(BUILD)/bench/cfi ## unwind tables, by our reader of CFI and by elfutils'; OBJECTS="libx.so prog"
	$(Q)$< $(OBJECTS)

bench-reconcile: $(BUILD)/bench/reconcile ## what asking the kernel for residency costs, and how long it holds mmap_lock
	$(Q)$<

DAY := $(BUILD)/bench/day
$(DAY): tests/bench/day.c $(foreach l,$(call upto,trace,$(LAYERS)),$(BUILD)/lib$(l).a)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

.PHONY: bench-day
HOURS ?= 24
FAULTS ?= 1000
bench-day: all $(DAY) ## a day of faults, simulated: trace size, replay and seek time, the tracer's memory; HOURS=2 FAULTS=1000
	$(Q)$(PYTHON) tests/bench/day.py --build $(BUILD) --hours $(HOURS) --faults $(FAULTS)

.PHONY: fuzz fuzzers fuzzers-if-any fuzz-build check-fuzz
SECONDS ?= 60
FUZZ_MAKE = $(MAKE) BUILD=$(BUILD)/fuzz CC=$(CLANG) CFLAGS="-O1 -g -fno-omit-frame-pointer -DTABLES_MAX=1024 -DRECORD_PAGES_MAX=65536ULL" \
	SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined"
fuzz-build: $(FUZZERS)
fuzzers:
	+$(Q)$(FUZZ_MAKE) fuzz-build

# Where clang has no libFuzzer, `make check` does without and says so.
FUZZ_PROBE := int LLVMFuzzerTestOneInput(const char *at, unsigned long len) { return !at && len; }
fuzzers-if-any:
	+$(Q)mkdir -p $(BUILD)/fuzz && if echo '$(FUZZ_PROBE)' | $(CLANG) -xc - -fsanitize=fuzzer,address \
		-o $(BUILD)/fuzz/probe 2>/dev/null; then $(FUZZ_MAKE) fuzz-build; fi

fuzz: fuzzers ## hostile traces and records for SECONDS=60 each; what they find is a file in build/fuzz/found
	$(Q)$(PYTHON) tests/fuzz/run.py --build $(BUILD)/fuzz --seconds $(SECONDS)

check-fuzz: fuzzers-if-any ## the fuzzers' corpus, and a fixed number of changes to it; no root
	$(Q)$(RUN) fuzz

# BENCH, PEERS: words of the names of loads and tracers
BENCH   ?=
PEERS   ?=
ROUNDS  ?= 3
PEER_PACKAGES := linux-perf heaptrack valgrind bpftrace redis-server redis-tools python3 python3-matplotlib
KEPT    := tests/bench/baseline.json

$(BUILD)/bench/loads: $(wildcard tests/bench/loads*.c) tests/bench/loads.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARN) -o $@ $(filter %.c,$^) -lsqlite3 -lpthread

.PHONY: deps-bench bench bench-compare bench-keep
deps-bench: deps ## and what rsstrace is compared with (root)
	$(Q)$(call install-missing,$(PEER_PACKAGES))

bench: deps-bench all $(BUILD)/bench/loads $(WALK_FILES) ## what tracing costs, beside others (root); BENCH="storm redis" PEERS=rsstrace ROUNDS=9
	$(Q)$(PYTHON) tests/bench/bench.py --build $(BUILD) --rounds $(ROUNDS) --workloads "$(BENCH)" \
		--tracers "$(PEERS)" --json $(BUILD)/bench/bench.json
	$(Q)$(PYTHON) tests/bench/plot.py $(BUILD)/bench/bench.json $(BUILD)/bench/bench.svg || true

bench-compare: ## the last bench beside the figures kept in the tree
	$(Q)test -e $(BUILD)/bench/bench.json || $(MAKE) bench PEERS=rsstrace
	$(Q)$(PYTHON) tests/bench/compare.py $(KEPT) $(BUILD)/bench/bench.json

bench-keep: ## make the last bench the one kept in the tree
	$(Q)cp $(BUILD)/bench/bench.json $(KEPT)
	$(Q)for svg in bench scale; do if [ -e $(BUILD)/bench/$$svg.svg ]; then cp $(BUILD)/bench/$$svg.svg tests/bench/; fi; done

.PHONY: check-reuse
check-reuse: $(BUILD)/bench/loads ## stacks that an earlier walk found, each against a walk of its own (root)
	$(Q)$(MAKE) BUILD=$(BUILD)/checked BPF_CHECKS=-DUNWIND_CHECK_REUSE all
	$(Q)$(PYTHON) tests/bench/reuse/check_reuse.py $(BUILD)/checked $(BUILD)/bench/loads

.PHONY: unit-bins unit-asan
unit-bins: $(UNIT_BINS)
unit-asan:
	+$(Q)$(MAKE) BUILD=$(BUILD)/asan SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" unit-bins

asan: unit-asan ## the unit tests with the address and undefined-behaviour sanitizers
	$(Q)$(RUN) asan --unit $(UNIT_BINS)

demo: deps ## a leaking server, watched live, recorded and reported (root)
	$(Q)$(MAKE) all $(BUILD)/workload/leaky_server
	$(Q)sh tests/demo.sh $(BUILD)

install: all ## into DESTDIR and PREFIX
	$(Q)install -Dm755 $(BUILD)/rsstrace $(DESTDIR)$(PREFIX)/bin/rsstrace
	$(Q)install -Dm644 README.md $(DESTDIR)$(PREFIX)/share/doc/rsstrace/README.md

vmlinux-full: ## every type of the running kernel as C, for browsing: build/vmlinux-full.h
	@mkdir -p $(BUILD)
	$(Q)$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c >$(BUILD)/vmlinux-full.h
