/* SPDX-License-Identifier: MIT */
/*
 * Changes of mode that generated code makes without the run-time: tcg_switched (tcg/env.h) tells of
 * one, and when the context that it leads to has been found, both are remembered in
 * tcg_vcpu.switches. Generated code (stub `change`) compares what it leaves, makes the other
 * context current as context_select does, and goes on by the jump table.
 *
 * What is remembered names a context and inline tables of the TLB: it is forgotten where the latter
 * change, where the address space may have, and where contexts are given up.
 */
#ifndef ACCEL_SWITCHES_H
#define ACCEL_SWITCHES_H

#include "tcg/env.h"

struct tcg_vcpu;

/* One that is under way. */
struct pending_switch {
    const struct context *from; /* NULL: none is */
    uint64_t bits, aux;
    unsigned kind;
};

void switches_forget(struct tcg_vcpu *t);
/* v's current context is what the change that is under way, if any, leads to. */
void switches_arrive(struct vcpu *v);

#endif
