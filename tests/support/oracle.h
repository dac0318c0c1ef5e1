/* SPDX-License-Identifier: MIT */
/*
 * An engine that is right because it keeps nothing: each instruction is fetched, decoded,
 * translated to IR and evaluated for itself, and the page tables are walked anew for each fetch and
 * each access. There are no blocks, no TLB, no links, no threads. What the other engines keep is
 * compared with it.
 *
 * It runs one vCPU on the caller's thread until there is a reason to return, and knows nothing of
 * accel/tcg.h: the vCPU has no TLB.
 */
#ifndef TESTS_SUPPORT_ORACLE_H
#define TESTS_SUPPORT_ORACLE_H

#include "cpu/cpu.h"
#include "tcg/ir.h"

struct oracle {
    struct vcpu *v;
    struct ir_builder builder; /* of the instruction that runs */
    uint64_t insns;            /* executed so far; one that takes an exception counts */
    bool refused;
};

enum oracle_reason {
    ORACLE_COUNT,   /* as many instructions as were asked for */
    ORACLE_KICKED,  /* vcpu_kick, from whatever thread */
    ORACLE_REFUSED, /* the class's watch refused an access by TCG_WATCHED; the instruction has not
                       been executed */
    ORACLE_ASLEEP,  /* waits for an interrupt */
    ORACLE_OFF
};

/* v is reset, has its memory and no accelerator; it stays the caller's. */
void oracle_init(struct oracle *o, struct vcpu *v);
void oracle_free(struct oracle *o);

/* At most so many instructions. */
enum oracle_reason oracle_run(struct oracle *o, uint64_t insns);

#endif
