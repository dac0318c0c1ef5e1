/* SPDX-License-Identifier: MIT */
/* Code of a class for each level of this host: see levels.h. */
#include "tests/support/levels.h"

#include <stdio.h>

void levels_open(struct levels *l, const struct cpu_class *cls)
{
    struct error e;
    for (unsigned i = 0; i < LEVELS; i++) {
        const struct host_config c = {.layout = VCPU_LAYOUT,
                                      .guest = cls->ir,
                                      .cache_bytes = 1 << 20,
                                      .level = 2 + (int)i,
                                      .counted = i == 1};
        l->hosts[i] = host_create(&c, &e);
        l->compilers[i] = l->hosts[i] ? host_compiler_create(l->hosts[i]) : NULL;
    }
    ir_builder_init(&l->builder, cls->ir);
}

static bool compile(struct host *h, struct compiler *c, struct ir_builder *b)
{
    struct block blk = {
        .pc = b->pc, .mode_key = b->mode_key, .bytes = b->guest_bytes, .valid = true};

    if (host_compile(c, b, &blk)) {
        return blk.entry && blk.code_bytes;
    }
    host_reset(h); /* it was full, or is the first */
    host_compiler_renew(c);
    blk = (struct block){
        .pc = b->pc, .mode_key = b->mode_key, .bytes = b->guest_bytes, .valid = true};
    return host_compile(c, b, &blk);
}

const char *levels_translate(struct levels *l, struct vcpu *v, const struct levels_code *c)
{
    static char why[300];
    struct error e = {""};
    for (unsigned level = 0; level < LEVELS; level++) {
        struct ir_builder *b = &l->builder;
        ir_begin(b, c->pc, c->mode);
        ir_set_aux(b, c->aux);
        b->code = c->code;
        b->code_bytes = (uint32_t)c->n;
        b->max_guest_insns = UINT32_MAX;
        v->cls->translate(v, b);
        if (!ir_verify(b, &e)) {
            snprintf(why, sizeof(why), "%s", e.text);
            return why;
        }
        if (l->hosts[level] && !compile(l->hosts[level], l->compilers[level], b)) {
            return "a block that does not fit into an empty cache";
        }
    }
    return NULL;
}
