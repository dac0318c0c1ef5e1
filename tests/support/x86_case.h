/* SPDX-License-Identifier: MIT */
/*
 * Cases of x86 instructions that are executed by the host CPU and by this program, and what they
 * leave. A batch has cases of one mode; they have their code in slots of a page range that holds
 * breakpoints else, and begin with registers that point into a window of memory that all share.
 * Code and data are at the same addresses for the host and for the guest.
 */
#ifndef TESTS_SUPPORT_X86_CASE_H
#define TESTS_SUPPORT_X86_CASE_H

#include "base/rng.h"
#include "base/strbuf.h"
#include "cpu/x86/insn.h"

/* Places: 64 KiB of code, 64 KiB of data, of which a window is recorded. */
#define X86_CASE_CODE 0x20000000u
#define X86_CASE_DATA 0x20010000u
#define X86_CASE_ROOM 0x10000u
#define X86_CASE_WINDOW 0x8000u /* in data */
#define X86_CASE_WINDOW_BYTES 512u

/* A case has 256 bytes of code from where it begins in its slot on, so that one in 16 lies on two
 * pages; from its 100th byte on there are breakpoints in any case. */
#define X86_CASE_SLOT 256u
#define X86_CASE_START 244u
#define X86_CASE_COUNT 250u /* cases of a batch */

/* The upper half of ESP in 16-bit code: where an exception's stack lies in the guest. */
#define X86_CASE_HIGH_SP 0x10010000u

/* The state of x87, MMX, SSE and AVX, as XSAVE has it in the standard format: SDM, volume 1, tables
 * 10-2 and 13.4. Behind the legacy area is the header, which begins with what is not initial. */
#define X86_FX_BYTES 832u
#define X86_FX_HEADER 512u
#define X86_FX_YMM 576u /* upper halves */
#define X86_FX_MXCSR 24u
#define X86_FX_ST 32u /* 16 bytes each, of which 10 count */
#define X86_FX_XMM 160u

struct x86_case {
    uint64_t r[16], rflags, rip;
    uint64_t unused[6];
    uint8_t fx[X86_FX_BYTES];
};

struct x86_record {
    uint64_t r[16], rflags, rip, vector, error;
    uint8_t window[X86_CASE_WINDOW_BYTES];
    uint64_t unused[4];
    uint8_t fx[X86_FX_BYTES];
};

/* Results that are near each other, not equal. */
enum x86_estimate {
    X86_EXACT,
    X86_NEAR,  /* as near as the instruction says */
    X86_ANGLE, /* of an angle that was reduced by more or fewer digits of pi, too */
};

struct x86_batch {
    unsigned mode, count; /* 2, 4, 8; of cases */
    struct x86_case cases[X86_CASE_COUNT];
    uint8_t code[X86_CASE_ROOM], data[X86_CASE_ROOM];
    /* What is not compared: flags, by the manual; and of what a case is, for the report. */
    uint32_t undefined[X86_CASE_COUNT];
    uint8_t estimate[X86_CASE_COUNT]; /* enum x86_estimate */
    uint16_t codes[X86_CASE_COUNT];   /* of the x87 status word, undefined */
    uint16_t row[X86_CASE_COUNT];
    uint8_t bytes[X86_CASE_COUNT];
};

struct x86_results {
    struct x86_record record[X86_CASE_COUNT];
    uint8_t data[X86_CASE_ROOM];
    unsigned count; /* of records that are there */
};

/* x86_cases.c */

/* A batch of random cases of the rows from *row on, in turn, which the host may execute and which
 * the features have; *row goes on. Sequences: several instructions in each. */
void x86_batch_make(struct x86_batch *b, struct rng *rng, unsigned mode, unsigned *row,
                    bool sequences);
/* Whether rows of that number are made at all, in the mode. */
bool x86_case_has_row(unsigned row, unsigned mode);
/* Does the instruction at which r stopped check several things of its operand, alignment or
 * elements? Which of their faults comes is the CPU's choice (SDM, volume 3, table 6-2, priority
 * 10); and so it is of an operand around the end of 4 GiB (volume 3, 5.3). */
bool x86_case_has_checks(const struct x86_batch *b, unsigned n, const struct x86_record *r);
/* The text of a case's instructions. */
void x86_case_print(const struct x86_batch *b, unsigned n, struct strbuf *out);

/* For x86_cases.c and x86_prelude.c: is the row's name one of these, up to the end or an underline?
 * The list ends with NULL. */
bool x86_case_is(unsigned row, const char *const *names);
/* x86_fx.c: a random state of these units. */
void x86_case_fx(struct rng *rng, uint8_t *fx);
/* Makes ST(n) one with an exponent in [from, to), unless it is no normal number. */
void x86_case_st(struct rng *rng, uint8_t *fx, unsigned n, const unsigned from_to[2]);
/* Whether two are the same, but for the pointers to the last instruction, which CPUs may not save
 * (SDM, volume 1, 8.1.8), and tags and TOP if the instruction faulted, which may be MMX's then
 * (9.5.1). */
struct x86_fx_how {
    uint8_t estimate; /* enum x86_estimate */
    bool faulted;
    uint16_t codes; /* of the status word that do not count */
};
bool x86_fx_same(const uint8_t *x, const uint8_t *y, struct x86_fx_how how);
/* Registers of x, or those that differ in y (NULL: all). */
void x86_fx_print(const uint8_t *x, const uint8_t *y, struct strbuf *out);

/* x86_images.c: is it one of XSAVE and its like; where an image of it is, in data; images at the
 * beginning; which components. */
bool x86_case_has_image(unsigned row);
uint32_t x86_case_image(struct rng *rng);
void x86_case_put_images(struct rng *rng, uint8_t *data);
/* Whether what is there is the same on all CPUs: MXCSR_MASK is not. */
bool x86_case_counts(uint32_t data_offset);
void x86_case_components(struct rng *rng, struct x86_case *c);

/* x86_prelude.c: instructions before a case's own, which put into memory, and into registers of c,
 * what it needs there: pointers, selectors, flags. Returns their length. */
unsigned x86_case_prelude(struct rng *rng, struct x86_case *c, const struct x86_instr *i,
                          uint8_t *code);

/* x86_host.c: by the host CPU, in a child. false: the host cannot run code of that mode (*why), or
 * the child ended before the last case (*why is NULL). */
bool x86_host_run(const struct x86_batch *b, struct x86_results *out, const char **why);
/* Whether the host CPU has a feature of the map (enum x86_feat), if it can be told. */
bool x86_host_has(unsigned feat);

/* x86_guest.c: by this program. */
struct accel_config;
/* config NULL: the engine that keeps nothing. */
bool x86_guest_run(const struct x86_batch *b, const struct accel_config *config,
                   struct x86_results *out);

#endif
