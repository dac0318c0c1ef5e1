# SPDX-License-Identifier: MIT
# Builds dragoman. Sources are found by wildcard: a new file needs no edit here.
# `make help` lists what can be made. BUILD=DIR is the build folder that configure was given.

BUILD ?= build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# Goals that work on a machine without compiler or libraries install these first.
SETUP_build := build
SETUP_check := build test
SETUP_demo := build demo
SETUP_bench := build bench

ifeq ($(filter help clean lint distclean,$(MAKECMDGOALS)),)
-include $(BUILD)/config.mk
endif

$(BUILD)/config.mk: configure
	@case " $(MAKECMDGOALS) " in \
	*\ check*) tools/packages install $(SETUP_check) ;; \
	*\ demo\ *) tools/packages install $(SETUP_demo) ;; \
	*\ bench\ *) tools/packages install $(SETUP_bench) ;; \
	esac
	./configure --build-dir=$(BUILD) $(CONFIGURED_WITH) $(CONFIGURE_ARGS)

# ---- sources

HOST_ARCH ?= x86_64
HOST_OS ?= linux
DIRS := base memory tcg tcg/host/$(HOST_ARCH) accel $(wildcard cpu/*) $(wildcard hw/*) block net ui \
	monitor system
OTHER_HOSTS := $(filter-out base/os_$(HOST_OS).c base/os_cpu_$(HOST_ARCH).c,$(wildcard base/os_*.c))
SOURCES := $(filter-out system/main.c $(OTHER_HOSTS),$(wildcard $(DIRS:%=%/*.c)))
MAIN := $(wildcard system/main.c)

DECODES := $(wildcard cpu/*/*.decode)
GEN_SOURCES := $(DECODES:%.decode=$(BUILD)/gen/%_decode.c)
GEN_HEADERS := $(GEN_SOURCES:.c=.h)

BASE_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter base/%,$(SOURCES)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(GEN_SOURCES:.c=.o)
LEAF_OBJECTS := $(filter %_leaf.o,$(OBJECTS))

TEST_DIRS := $(patsubst %/,%,$(wildcard tests/unit/ tests/ir/ tests/hw/ tests/insn/ tests/insn/*/ \
	tests/code/ tests/block/ tests/net/ tests/fuzz/))
TEST_SOURCES := $(wildcard $(TEST_DIRS:%=%/*.c))
TESTS := $(TEST_SOURCES:%.c=$(BUILD)/%)
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))

# ---- flags

# Guest arithmetic wraps and guest memory has no type; a fused multiply-add is never the compiler's idea.
CFLAGS := -std=gnu11 $(OPT_FLAGS) $(SAN_FLAGS) -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -fwrapv -fno-strict-aliasing -ffp-contract=off -fno-common -pthread $(USER_CFLAGS)
CPPFLAGS := -D_GNU_SOURCE -I. -I$(BUILD) -I$(BUILD)/gen $(LIB_CFLAGS)
LDFLAGS := -pthread $(SAN_FLAGS) -Wl,--as-needed $(USER_LDFLAGS)
# A LEAF function runs with the guest's vector registers live and on any stack.
LEAF_FLAGS := -mgeneral-regs-only -fno-stack-protector $(if $(SANITIZERS),-fno-sanitize=all)

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# ---- the program

.PHONY: all tests
all: $(BUILD)/libcore.a $(BUILD)/tools/.built
ifneq ($(MAIN),)
NAMES := $(BUILD)/dragoman-system-aarch64 $(BUILD)/qemu-system-aarch64
all: $(BUILD)/dragoman $(NAMES)

$(BUILD)/dragoman: $(BUILD)/system/main.o $(BUILD)/libcore.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

$(NAMES): $(BUILD)/dragoman
	ln -sf dragoman $@
endif

$(BUILD)/libcore.a: $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $(OBJECTS)

$(BUILD)/libbase.a: $(BASE_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $(BASE_OBJECTS)

$(BUILD)/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE)

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(COMPILE)

$(LEAF_OBJECTS): EXTRA := $(LEAF_FLAGS)

# base/ is part of the generators; all else may include what they generate.
$(filter-out $(BASE_OBJECTS),$(OBJECTS)) $(BUILD)/system/main.o $(SUPPORT_OBJECTS): | $(GEN_HEADERS)

# ---- generators

TOOLS := $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*gen.c))

$(BUILD)/tools/.built: $(TOOLS)
	@mkdir -p $(@D)
	@touch $@

# tools/NAMEgen.c is a program, with its further files tools/NAMEgen_*.c
.SECONDEXPANSION:
$(TOOLS): $(BUILD)/tools/%: $$(patsubst %.c,$(BUILD)/%.o,tools/$$*.c $$(wildcard tools/$$*_*.c)) $(BUILD)/libbase.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

$(BUILD)/gen/%_decode.c $(BUILD)/gen/%_decode.h: %.decode $(BUILD)/tools/decgen
	@mkdir -p $(@D)
	$(BUILD)/tools/decgen $< -o $(BUILD)/gen/$*_decode

# ---- tests

tests: $(TESTS) all

$(TESTS): $(BUILD)/tests/%: tests/%.c tests/test.h $(SUPPORT_OBJECTS) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $< $(SUPPORT_OBJECTS) \
		$(BUILD)/libcore.a $(LIB_LIBS) $(TEST_LIBS) -lm

-include $(OBJECTS:.o=.d) $(BUILD)/system/main.d $(SUPPORT_OBJECTS:.o=.d) $(TESTS:=.d)
-include $(wildcard $(BUILD)/tools/*.d)
