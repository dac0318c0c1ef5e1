/* SPDX-License-Identifier: MIT */
/* Names of generated code for the host's profiler (-perfmap, -jitdump); see accel/perf.c. */
#ifndef ACCEL_PERF_H
#define ACCEL_PERF_H

#include "accel/accel.h"
#include "tcg/host.h"

struct perf;

/* Makes the files that c asks for, with h's stubs in them. NULL with an error: one cannot be made.
 */
struct perf *perf_create(const struct accel_config *c, const struct host *h, struct error *e);
void perf_destroy(struct perf *p); /* NULL: nothing */

/*
 * Under the translate lock. perf_block: b, of v's class, has been compiled and nobody has run it
 * yet; its code is what the cache took between the marks. perf_emptied: the cache is empty but for
 * the stubs, and its room will be used again.
 */
void perf_block(struct perf *p, const struct vcpu *v, const struct block *b,
                const struct host_mark *before, const struct host_mark *behind);
void perf_emptied(struct perf *p);

/* What went wrong with a file since, a line each. */
void perf_info(const struct perf *p, struct strbuf *out);

#endif
