/* SPDX-License-Identifier: MIT */
/*
 * What the texts and conditions of the sample decode files call. The samples show and test what
 * tools/decgen.c can do for instructions of other shapes than A64's; they are no part of the
 * program.
 */
#ifndef TESTS_DECODE_SAMPLE_H
#define TESTS_DECODE_SAMPLE_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE(isa)                                                                                \
    struct isa##_out {                                                                             \
        char buf[120];                                                                             \
        uint64_t pc;                                                                               \
    };                                                                                             \
    static inline void isa##_fmt_text(struct isa##_out *out, const char *text)                     \
    {                                                                                              \
        strncat(out->buf, text, sizeof(out->buf) - strlen(out->buf) - 1);                          \
    }                                                                                              \
    static inline void isa##_fmt_dec(struct isa##_out *out, int64_t v)                             \
    {                                                                                              \
        const size_t n = strlen(out->buf);                                                         \
        snprintf(out->buf + n, sizeof(out->buf) - n, "%" PRId64, v);                               \
    }

SAMPLE(t32)
SAMPLE(s390x)
SAMPLE(ppc)
#undef SAMPLE

/* A condition of B<c>. */
static inline void t32_fmt_cond(struct t32_out *out, unsigned cond)
{
    static const char *const names[16] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                          "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    t32_fmt_text(out, names[cond & 15]);
}

/* Neither SP nor PC, which most 32-bit instructions do not take. */
static inline bool t32_fn_low(unsigned r)
{
    return r != 13 && r != 15;
}

#endif
