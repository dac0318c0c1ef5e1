/* SPDX-License-Identifier: MIT */
/*
 * How the translator counts instructions, for the counted clock.
 *
 * hot.countdown is what may still be executed. A block takes its instructions from it before it
 * does anything; if they are more than are left it gives them back, and the rest is a block
 * translated for itself, of just so many instructions, which is thrown away when the round is over.
 * So a round ends at an exact instruction. Where the run-time is called from the middle of a block,
 * env.insns_left says how many instructions of it have not been completed; elsewhere it is 0. What
 * is not completed is the sum of both.
 *
 * To end a round early countdown is lowered, and the next block finds nothing left.
 */
#include "accel/countdown.h"
#include "accel/blocks.h"
#include "accel/callouts.h"
#include "accel/context.h"
#include "accel/tcg.h"

void countdown_begin(struct vcpu *v, int64_t n)
{
    v->hot.countdown = n;
    vcpu_env(v)->insns_left = 0;
}

int64_t countdown_left(const struct vcpu *v)
{
    return v->hot.countdown + (int64_t)vcpu_env(v)->insns_left;
}

int64_t countdown_shorten(struct vcpu *v, int64_t n)
{
    const int64_t most = n - (int64_t)vcpu_env(v)->insns_left, taken = v->hot.countdown - most;

    if (taken <= 0) {
        return 0;
    }
    v->hot.countdown = most;
    return taken;
}

const void *countdown_rest(struct vcpu *v, uint64_t pc)
{
    struct tcg *a = tcg_of(v)->accel;

    if (v->hot.countdown <= 0 || atomic_load(&v->hot.exit_request) ||
        atomic_load(&a->flush_wanted)) {
        v->hot.pc = pc;
        tcg_of(v)->ended = false;
        return host_leave_address(a->host);
    }
    context_select(v, pc);
    const struct block *b = block_short(v, pc, (uint32_t)v->hot.countdown);
    if (!b) {
        return callout_go(v, tcg_load_place(v));
    }
    v->hot.pc = pc;
    return b->entry;
}

struct block *countdown_find(struct vcpu *v, uint64_t pc)
{
    struct block *b = block_find(v, pc);

    if (b && b->guest_insns > v->hot.countdown) {
        block_forget_short(tcg_of(v)->accel);
        b = block_short(v, pc, (uint32_t)v->hot.countdown);
    }
    return b;
}

void countdown_left_block(struct vcpu *v)
{
    v->hot.countdown += (int64_t)vcpu_env(v)->insns_left - (v->hot.raised == TCG_RAISED);
    vcpu_env(v)->insns_left = 0;
}
