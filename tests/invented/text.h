/* SPDX-License-Identifier: MIT */
/* What the texts of tests/invented/inv.decode call. */
#ifndef TESTS_INVENTED_TEXT_H
#define TESTS_INVENTED_TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct inv_out {
    char buf[120];
    uint64_t pc;
};

static inline void inv_fmt_text(struct inv_out *out, const char *text)
{
    strncat(out->buf, text, sizeof(out->buf) - strlen(out->buf) - 1);
}

static inline void inv_fmt_dec(struct inv_out *out, int64_t v)
{
    const size_t n = strlen(out->buf);
    snprintf(out->buf + n, sizeof(out->buf) - n, "%" PRId64, v);
}

#endif
