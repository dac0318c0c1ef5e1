# SPDX-License-Identifier: MIT
# Builds dragoman. Sources are found by wildcard: a new file needs no edit here.
# `make help` lists what can be made. BUILD=DIR is the build folder that configure was given.

BUILD ?= build
# Fetched guests and the emulator that speed is compared with; may be shared between clones.
CACHE := $(or $(DRAGOMAN_CACHE),$(BUILD)/cache)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDEXPANSION:
MAKEFLAGS += --no-builtin-rules
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
# V=1 shows the commands.
ifeq ($(V),)
QUIET = @printf '  %-5s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@);
endif

# ---- configuration: these goals work on a machine that lacks packages, by installing them first

# make -n changes nothing: what configure wrote is read, and not made.
DRY := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
PURPOSES := $(if $(filter check check-all check-quick tests,$(MAKECMDGOALS)),build test) \
	$(if $(filter demo,$(MAKECMDGOALS)),build demo) $(if $(filter bench,$(MAKECMDGOALS)),build bench)
ifneq ($(DRY),)
$(eval $(file < $(BUILD)/config.mk))
else ifeq ($(filter help clean distclean,$(MAKECMDGOALS)),)
-include $(BUILD)/config.mk
# Packages that came or went since then are a reason to look again.
ifneq ($(CONFIGURE_SAW),$(shell tools/packages state))
$(BUILD)/config.mk: FORCE
endif
endif

.PHONY: FORCE
$(BUILD)/config.mk: configure tools/packages
	$(if $(strip $(PURPOSES)),tools/packages install $(sort $(PURPOSES)))
	./configure --build-dir=$(BUILD) $(CONFIGURED_WITH) $(if $(filter check check-all,$(MAKECMDGOALS)),--enable-werror)

# ---- sources

HOST_ARCH ?= x86_64
HOST_OS ?= linux
FOLDERS := base memory tcg tcg/host/$(HOST_ARCH) accel cpu $(wildcard cpu/*) hw $(wildcard hw/*) block net ui \
	monitor system
OTHER_HOSTS := $(filter-out base/os_$(HOST_OS).c base/os_cpu_$(HOST_ARCH).c,$(wildcard base/os_*.c))
SOURCES := $(filter-out system/main.c $(OTHER_HOSTS),$(wildcard $(FOLDERS:%=%/*.c)))
# The program links when the floors below system/ are all there.
MAIN := $(if $(and $(wildcard accel/tcg.c),$(wildcard net/*.c),$(wildcard cpu/classes.c)),system/main.c)

# What decgen makes of a.decode or a.opmap begins with a_decode. Those in tests/ are no part of the program.
decoders = $(basename $(wildcard $(1)/*.decode $(1)/*.opmap))
DECODERS := $(call decoders,cpu/*)
TEST_DECODERS := $(call decoders,tests/decode) $(call decoders,tests/invented)
GEN_SOURCES := $(DECODERS:%=$(BUILD)/gen/%_decode.c) $(DECODERS:%=$(BUILD)/gen/%_decode_translate.c)
GEN_TEST_SOURCES := $(DECODERS:%=$(BUILD)/gen/%_decode_random.c) $(foreach part,.c _translate.c _random.c,\
	$(TEST_DECODERS:%=$(BUILD)/gen/%_decode$(part)))
GEN_HEADERS := $(DECODERS:%=$(BUILD)/gen/%_decode.h) $(TEST_DECODERS:%=$(BUILD)/gen/%_decode.h)

# What the guest's CPU runs: hw/X/NAME_rom.S becomes the bytes of an array, NAME_rom.
ROM_HEADERS := $(patsubst %.S,$(BUILD)/gen/%.h,$(wildcard hw/*/*_rom.S))
GEN_HEADERS += $(ROM_HEADERS)

BASE_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter base/%,$(SOURCES)))
BLOCK_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter block/%,$(SOURCES)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(GEN_SOURCES:.c=.o)
LEAF_OBJECTS := $(filter %_leaf.o,$(OBJECTS))
MAIN_OBJECT := $(MAIN:%.c=$(BUILD)/%.o)
# Each folder tools/NAME with a main.c is a program, dragoman-NAME; what they share is in tools/command/.
disk_tool_objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/$(1)/*.c tools/command/*.c))
DISK_TOOLS := $(patsubst tools/%/main.c,$(BUILD)/dragoman-%,$(wildcard tools/*/main.c))

# Each tests/KIND/NAME.c is a program; what several share is in tests/support/ and tests/invented/.
TEST_SOURCES := $(filter-out tests/support/% tests/invented/% tests/bench/%,$(wildcard tests/*/*.c tests/insn/*/*.c))
TESTS := $(TEST_SOURCES:%.c=$(BUILD)/%)
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_list.c,$(wildcard tests/support/*.c tests/support/tiny/*.c tests/invented/*.c))) $(GEN_TEST_SOURCES:.c=.o)
# dragoman with the tests' accelerator beside its own.
ORACLE := $(MAIN:%=$(BUILD)/dragoman-oracle)
SCRIPTS := $(wildcard tests/boot/*.sh tests/system/*.sh tests/code/*.sh tests/monitor/*.t tests/cli/*.sh)
# What takes an hour is for check-all alone.
SCRIPTS += $(if $(LONG),$(wildcard tests/long/*.sh))
# The sizes of the test run.
QUICK := unit ir hw block net
VARIANT_KINDS := unit ir hw block net fuzz

# ---- flags

# Guest arithmetic wraps and guest memory has no type; fusing a multiply-add is never the compiler's idea.
CFLAGS := -std=gnu11 $(OPT_FLAGS) $(SAN_FLAGS) -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -fwrapv -fno-strict-aliasing -ffp-contract=off -fno-common -pthread $(USER_CFLAGS)
CPPFLAGS := -D_GNU_SOURCE -I. -I$(BUILD) -I$(BUILD)/gen $(LIB_CFLAGS)
LDFLAGS := -pthread $(SAN_FLAGS) -Wl,--as-needed $(USER_LDFLAGS)
# A LEAF function runs with the guest's vector registers live, on any stack.
LEAF_FLAGS := -mgeneral-regs-only -fno-stack-protector $(if $(SANITIZERS),-fno-sanitize=all)
COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA_FLAGS) -MMD -MP -c -o $@ $<

# ---- the program

.PHONY: all
all: $(BUILD)/libcore.a $(if $(MAIN),$(BUILD)/dragoman $(BUILD)/.names) $(DISK_TOOLS)

$(BUILD)/dragoman: $(MAIN_OBJECT) $(BUILD)/libcore.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

# The disk tools stand on block/ and base/ alone.
$(DISK_TOOLS): $(BUILD)/dragoman-%: $$(call disk_tool_objects,$$*) $(BUILD)/libblock.a $(BUILD)/libbase.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

# The program has a name for each architecture of its table (cpu/classes.c).
names = $$($(BUILD)/dragoman -arch help | sed -n 's/^  \([a-z0-9_]*\) .*/$(1)-system-\1/p')
$(BUILD)/.names: $(BUILD)/dragoman
	@for name in $(call names,dragoman) $(call names,qemu); do ln -sf dragoman $(BUILD)/$$name; done
	@touch $@

$(BUILD)/libcore.a: $(OBJECTS)
$(BUILD)/libbase.a: $(BASE_OBJECTS)
$(BUILD)/libblock.a: $(BLOCK_OBJECTS)
$(BUILD)/libsupport.a: $(SUPPORT_OBJECTS)
$(BUILD)/libcore.a $(BUILD)/libbase.a $(BUILD)/libblock.a $(BUILD)/libsupport.a:
	$(call QUIET,AR)rm -f $@; $(AR) rcs $@ $^

# configure leaves config.h alone if nothing that concerns compiling has changed.
$(BUILD)/config.h: $(BUILD)/config.mk ;
$(BUILD)/%.o: %.c $(BUILD)/config.h
	@mkdir -p $(@D)
	$(call QUIET,CC)$(COMPILE)

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(call QUIET,CC)$(COMPILE)

$(LEAF_OBJECTS): EXTRA_FLAGS := $(LEAF_FLAGS)

# base/ is part of the generators; all else may include what they generate.
$(filter-out $(BASE_OBJECTS),$(OBJECTS)) $(MAIN_OBJECT) $(SUPPORT_OBJECTS) $(BUILD)/tests/support/oracle_list.o: | $(GEN_HEADERS)

# ---- generators: tools/NAMEgen.c is a program, with its further files tools/NAMEgen_*.c

TOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tools/*gen.c))
tool_objects = $(patsubst %.c,$(BUILD)/%.o,$(1).c $(wildcard $(1)_*.c))
$(TOOLS): $(BUILD)/%: $$(call tool_objects,$$*) $(BUILD)/libbase.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm

GENERATED := $(addprefix $(BUILD)/gen/%_decode,.c _translate.c _random.c .h)
define DECGEN
	@mkdir -p $(@D)
	$(call QUIET,GEN)ASAN_OPTIONS=detect_leaks=0 $(BUILD)/tools/decgen $< -o $(BUILD)/gen/$*_decode
endef
$(GENERATED): %.decode $(BUILD)/tools/decgen
	$(DECGEN)
$(GENERATED): %.opmap $(BUILD)/tools/decgen
	$(DECGEN)

$(ROM_HEADERS): $(BUILD)/gen/%.h: %.S $(BUILD)/config.h
	@mkdir -p $(@D)
	$(call QUIET,ROM)$(CC) -E -P -x assembler-with-cpp $< | as --32 -o $@.o -
	@ld -m elf_i386 -Ttext=0 -e 0 --oformat binary -o $@.bin $@.o
	@{ echo '#include <stdint.h>'; echo 'static const uint8_t $(basename $(@F))[] = {'; \
		od -An -v -tx1 $@.bin | sed 's/ \(..\)/0x\1,/g'; echo '};'; } > $@

# ---- references that are derived from tables

.PHONY: docs
docs: $(BUILD)/docs/ir.md

$(BUILD)/docs/ir.md: tcg/ops.h $(BUILD)/tools/irdocgen
	@mkdir -p $(@D)
	$(call QUIET,DOC)$(BUILD)/tools/irdocgen $< -o $@

# ---- tests

.PHONY: tests variant-tests check check-quick check-all guests oracle lint format code-expect
tests: $(TESTS) $(ORACLE) all

$(BUILD)/dragoman-oracle: $(MAIN_OBJECT) $(BUILD)/tests/support/oracle_list.o $(BUILD)/libsupport.a $(BUILD)/libcore.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

TEST_OBJECTS := $(addsuffix .o,$(TESTS) $(BENCHES))
$(TEST_OBJECTS): | $(GEN_HEADERS)
$(TESTS) $(BENCHES): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libsupport.a $(BUILD)/libcore.a
	$(call QUIET,TEST)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIB_LIBS) $(TEST_LIBS) -lm

RUN_TESTS = DRAGOMAN_CACHE=$(abspath $(CACHE)) BUILD=$(BUILD) tests/run

check-quick:
	@+$(SUBMAKE) tests
	@$(RUN_TESTS) $(filter $(QUICK:%=$(BUILD)/tests/%/%),$(TESTS))

# One run over everything, so that its last line counts everything. The builds beside the release build run the
# tests that need no guest, under sanitizers or with the assertions of hot paths.
VARIANTS := asan
FLAGS_asan := CC="$(strip $(filter ccache,$(CC)) clang-14)" --enable-sanitizers=address,undefined --enable-werror
FLAGS_tsan := CC="$(strip $(filter ccache,$(CC)) clang-14)" --enable-sanitizers=thread --enable-werror
FLAGS_debug := CC="$(CC)" --enable-debug --enable-werror
VARIANT_TESTS := $(filter $(VARIANT_KINDS:%=$(BUILD)/tests/%/%),$(TESTS))

check:
	@tools/packages install build test
	@+$(SUBMAKE) tests
	@+$(SUBMAKE) guests oracle || echo "make check: without these guests, tests that need them are skipped"
	@+$(SUBMAKE) $(VARIANTS:%=variant-%)
	@$(RUN_TESTS) tools/lint $(TESTS) $(SCRIPTS) \
		$(foreach v,$(VARIANTS),$(VARIANT_TESTS:$(BUILD)/%=$(BUILD)-$(v)/%))

check-all:
	@+LONG=1 TEST_SCALE=$(or $(TEST_SCALE),20) TEST_FUZZ_SECONDS=$(or $(TEST_FUZZ_SECONDS),600) $(SUBMAKE) check VARIANTS="asan tsan debug"

variant-tests: $(VARIANT_TESTS)
variant-%: $(BUILD)-%/config.mk
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-$* variant-tests

$(BUILD)-%/config.mk: configure
	./configure --build-dir=$(BUILD)-$* $(FLAGS_$*)

guests: all
	@BUILD=$(BUILD) tests/guests/fetch.sh $(CACHE) $(shell sed -n 's/^[a-z0-9_]* //p' tests/guests/wanted)
oracle:
	@tests/guests/fetch.sh $(CACHE) qemu10

# Formats what differs from the last commit, or FILES.
format:
	clang-format-14 -i $(or $(FILES),$(shell git diff --name-only --diff-filter=d HEAD -- "*.c" "*.h"; git ls-files -o --exclude-standard -- "*.c" "*.h"))

lint: tests
	@BUILD=$(BUILD) tools/lint

code-expect: tests
	@BUILD=$(BUILD) tests/code/expect.sh --regenerate

# ---- showing and measuring

.PHONY: demo bench
demo: all
	@BUILD=$(BUILD) tests/guests/demo.sh $(CACHE) $(ARCH)

bench: all $(BENCHES)
	@BUILD=$(BUILD) tests/bench/run.sh $(CACHE)

# ---- installing and cleaning

.PHONY: install clean distclean help
# A manual page's list of options comes from the program's own table.
MANUALS := $(BUILD)/dragoman.1 $(DISK_TOOLS:=.1)
$(MANUALS): $(BUILD)/%.1: docs/user/%.1 $(BUILD)/%
	$(BUILD)/$* -man > $@.options
	sed -e '/^\.\\" OPTIONS$$/r $@.options' $< > $@

install: all $(MANUALS)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install $(BUILD)/dragoman $(DESTDIR)$(PREFIX)/bin/
	for name in $(call names,dragoman); do ln -sf dragoman $(DESTDIR)$(PREFIX)/bin/$$name; done
	install $(DISK_TOOLS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(MANUALS) $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache ! -name 'config.*' -exec rm -rf {} +
	rm -rf $(BUILD)-asan $(BUILD)-tsan $(BUILD)-debug $(BUILD)-lint

distclean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-debug $(BUILD)-lint

define HELP
  make              the program, build/dragoman-system-NAME for each architecture, dragoman-img, dragoman-nbd
  make demo         fetches a Debian guest and boots it to a shell (ARCH=arm64, amd64, i386)
  make check        all tests, as continuous integration runs them
  make check-quick  the tests that need no guest, for the inner loop
  make check-all    all tests with 20 times the random cases, each fuzz target for ten minutes, other builds too
  make bench        speed beside QEMU 10: a table of ratios
  make docs         references derived from tables: build/docs/ir.md
  make lint         include graph, sizes, format, compiler warnings
  make format       formats the C files that differ from the last commit, or FILES="..."
  make code-expect  regenerates tests/code/*.expect
  make install      into the prefix that configure was given; DESTDIR= is honoured
  make clean        removes what was built; distclean the fetched guests too
BUILD=DIR chooses the build folder, DRAGOMAN_CACHE=DIR where fetched guests are kept, V=1 shows commands.
endef
export HELP
help:
	@echo "$$HELP"

-include $(OBJECTS:.o=.d) $(MAIN_OBJECT:.o=.d) $(SUPPORT_OBJECTS:.o=.d) $(TEST_OBJECTS:.o=.d)
-include $(wildcard $(BUILD)/tools/*.d $(BUILD)/tools/*/*.d)
