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
LIBS    := -lbpf -ldw -lelf -llzma -lzstd -lz -ljson-c -liberty -lpthread
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-missing-declarations -Ivmlinux -Iinclude -Ibpf

# A layer may use only those before it; the lint checks the includes.
LAYERS  := base model trace elf live view report cmd
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
BPF_HDRS := $(wildcard bpf/*.h vmlinux/*.h include/*.h)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDRS)
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/bpf/rsstrace.linked.o: $(BPF_OBJS)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/gen/rsstrace.skel.h: $(BUILD)/bpf/rsstrace.linked.o
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name rsstrace_bpf > $@.tmp && mv $@.tmp $@

# --- user side ----------------------------------------------------------------------------------
$(BUILD)/user/%.o: user/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(call objs,live): | $(BUILD)/gen/rsstrace.skel.h

define layer_lib
$(BUILD)/lib$(1).a: $(call objs,$(1))
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

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean: ## remove build/
	$(Q)rm -rf $(BUILD)
