/* SPDX-License-Identifier: MIT */
/* What makes code of a class for each level of this host, for tests that run none of it. */
#ifndef TESTS_SUPPORT_LEVELS_H
#define TESTS_SUPPORT_LEVELS_H

#include "cpu/cpu.h"
#include "tcg/host.h"
#include "tcg/ir.h"

#define LEVELS 3

struct levels {
    struct host *hosts[LEVELS]; /* NULL: this host does not offer the level */
    struct compiler *compilers[LEVELS];
    struct ir_builder builder;
};

void levels_open(struct levels *l, const struct cpu_class *cls);

/* The n bytes of code at pc. */
struct levels_code {
    const uint8_t *code;
    size_t n;
    uint64_t pc, mode, aux;
};

/* Translates the code for v, verifies the IR and compiles it, once a level. NULL: all is well; else
 * what is wrong, until the next call. */
const char *levels_translate(struct levels *l, struct vcpu *v, const struct levels_code *c);

#endif
