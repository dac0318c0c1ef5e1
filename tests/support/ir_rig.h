/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of the IR: rows of each type, a window of memory, run-time functions of each
 * class. A block of IR runs from a state, by the reference interpreter or as host code in the
 * translating accelerator, and what it leaves is compared.
 *
 *   rows     x0-x15 i64, w0-w3 i32, f and g flags, v0-v15 vectors, y0-y7 of 256 bits; and env,
 *            reached by env_load
 *   memory   RIG_BASE, RIG_BYTES, plain; its first page is also the last one of 16, 24, 31 and 32
 *            bits of address, its second the one at 0; all other data accesses fault. MMU index 0
 * is the ordinary one, RIG_USER the unprivileged one; odd ones exchange the two pages code     the
 * block under test is at RIG_PC; at any other PC the guest stops
 */
#ifndef TESTS_SUPPORT_IR_RIG_H
#define TESTS_SUPPORT_IR_RIG_H

#include "base/softfloat.h"
#include "cpu/cpu.h"
#include "tcg/eval.h"
#include "tcg/ir.h"

#define RIG_BASE UINT64_C(0x10000)
#define RIG_BYTES 8192
#define RIG_USER 1
#define RIG_PC UINT64_C(0x1000)
#define RIG_MOVES UINT64_C(0x2aaa12340000) /* how far from there a movable block runs */

/* What a block may change, and where it ended. */
struct rig_state {
    uint64_t x[16];
    uint32_t w[4];
    uint16_t f, g;
    _Alignas(16) union ir_v128 v[16];
    union ir_v128 y[8][2];
    uint64_t env[4];
    uint64_t pc;       /* where the block went on, or the instruction that raised */
    uint64_t fault;    /* what the exception was about; 0 none */
    uint64_t monitor;  /* address; all ones: open */
    uint32_t fp_flags; /* set before, cumulative after */
    uint8_t rounding;
    bool raised;
    uint8_t memory[RIG_BYTES];
};

enum {
    RIG_W = 16,
    RIG_F = 20,
    RIG_G = 21,
    RIG_V = 22,
    RIG_Y = 38,
    RIG_ROWS = 46
};
enum {
    RIG_LEAF,
    RIG_FULL,
    RIG_RAISES_IF,
    RIG_RAISE,
    RIG_VECTOR,
    RIG_TAIL,
    RIG_CALLS
};

extern const struct ir_reg rig_rows[RIG_ROWS];
extern const struct ir_call *const rig_calls[];
extern const struct ir_guest rig_guest;

/* Offset of env[i] for ir_env_load. */
uint32_t rig_env_offset(unsigned i);

struct rig;

/*
 * One guest. level: 0 the interpreter, else x86-64-v2 … v4's host code. parallel: as if other vCPUs
 * ran at the same time. NULL, with the reason in e, if this host cannot.
 */
struct rig *rig_create(int level, bool parallel, struct error *e);
/* The same with other rules than Arm's: x86's, which are this host's. */
extern const struct ir_guest rig_guest_x86;
struct rig *rig_create_for(const struct ir_guest *guest, int level, bool parallel, struct error *e);
void rig_destroy(struct rig *r);

/* Where b runs: at RIG_PC, a movable block somewhere else. */
uint64_t rig_start(const struct ir_builder *b);

/*
 * Runs b, which is translated for RIG_PC, from *s; *s is then what it left. A block may lead to
 * itself: the interpreter gives up after a thousand rounds, at its start; host code goes on.
 */
void rig_run(struct rig *r, const struct ir_builder *b, struct rig_state *s);

/* The host code of the block that ran last, for messages. Allocated. */
char *rig_code(struct rig *r);

/* How often the inline TLB was refilled so far. */
uint64_t rig_refills(const struct rig *r);

/* A state with everything 0, the monitor open, rounding to nearest. */
void rig_clear(struct rig_state *s);

/*
 * The first difference between two states as text in why (size bytes), or false. flags: the bits of
 * FLAGS rows that count.
 */
bool rig_differs(const struct rig_state *got, const struct rig_state *want, unsigned flags,
                 char *why, size_t size);

#endif
