/* SPDX-License-Identifier: MIT */
/* Addresses of A64 loads and stores. */
#ifndef CPU_ARM_A64_LOADSTORE_H
#define CPU_ARM_A64_LOADSTORE_H

#include "cpu/arm/a64.h"

/* base + (index << scale) + disp, and what is written to the base register afterwards. */
struct a64_address {
    ir_val base, index;
    unsigned scale;
    int32_t disp;
    unsigned rn;
    ir_val writeback; /* IR_NONE: the base register stays */
};

/* How an immediate form uses the offset, as rows have it in idx. */
enum {
    IDX_OFFSET = 0,
    IDX_POST = 1,
    IDX_PAIR_OFFSET = 2,
    IDX_PRE = 3
};

/* Reads the base, and checks all that may leave the block because of it. */
struct a64_address address_offset(struct a64_block *c, unsigned rn, int32_t disp);
struct a64_address address_indexed(struct a64_block *c, unsigned rn, int32_t imm, unsigned idx);
struct a64_address address_register(struct a64_block *c, unsigned rn, unsigned rm, unsigned option,
                                    unsigned shift);
struct a64_address address_literal(struct a64_block *c, int32_t off);

/* The access, extra bytes further on; t as ir_load has it. */
ir_val load_at(struct a64_block *c, ir_type t, memop m, const struct a64_address *at,
               int32_t extra);
void store_at(struct a64_block *c, memop m, const struct a64_address *at, int32_t extra, ir_val v);

/* After the last access. Before the destination registers: they win over the base register. */
void finish_address(struct a64_block *c, const struct a64_address *at);

/* The memop of load-acquire and store-release, and of atomics and exclusives, of 1 << size bytes;
 * order is added. */
memop ordered_mem(const struct a64_block *c, unsigned size);
memop atomic_mem(const struct a64_block *c, unsigned size);

/* Two I64 as one vector, and back. */
static inline ir_val vector_of_pair(struct a64_block *c, ir_val low, ir_val high)
{
    return ir_vset(c->b, T_I64X2, ir_vzext(c->b, low), 1, high);
}

#endif
