/* SPDX-License-Identifier: MIT */
/* Changes of mode by generated code: see switches.h. */
#include "accel/switches.h"

#include "accel/context.h"
#include "accel/tcg.h"

void switches_forget(struct tcg_vcpu *t)
{
    t->switching.from = NULL;
    for (unsigned n = 0; n < TCG_SWITCHES; n++) {
        t->switches[n].from = TCG_NO_SWITCH;
    }
}

/* Where instructions are followed one by one the run-time is asked each time. */
void switches_arrive(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);
    const struct pending_switch p = t->switching;
    struct context *to = t->context;

    t->switching.from = NULL;
    if (!p.from || p.from->traced || to->traced) {
        return;
    }
    t->switches[p.kind + (p.aux ? TCG_SWITCH_KINDS : 0)] = (struct tcg_switch){
        .from = p.from->key ^ p.bits,
        .aux = p.aux,
        .aux_key = layout_aux_key(p.aux, t->accel->aux_secret),
        .key = to->key,
        .code_slots = to->slots.fixed,
        .context = to,
        .tlb_current = v->hot.tlb_current,
        .tlb_user = v->hot.tlb_user};
}
