/* SPDX-License-Identifier: MIT */
/* `info jit`: the figures that steer work on the translator. */
#include <inttypes.h>

#include "accel/info.h"
#include "accel/perf.h"
#include "accel/tcg.h"
#include "base/atomic.h"

static void translation(struct tcg *a, struct strbuf *out)
{
    const uint64_t n = a->translated_insns ? a->translated_insns : 1;

    strbuf_printf(out, "engine              %s\n",
                  a->host ? host_level_name(a->host) : "reference interpreter");
    strbuf_printf(
        out, "blocks              %" PRIu64 " (%" PRIu64 " guest instructions, %.1f a block)\n",
        a->translated_blocks, a->translated_insns,
        (double)a->translated_insns / (double)(a->translated_blocks ? a->translated_blocks : 1));
    strbuf_printf(out, "translation         %.1f ms, %.0f ns a guest instruction\n",
                  (double)a->translate_ns / 1e6, (double)a->translate_ns / (double)n);
    if (a->host) {
        strbuf_printf(
            out,
            "cache               %" PRIu64 " of %" PRIu64 " KiB, %.1f bytes a guest instruction\n",
            host_cache_used(a->host) >> 10, host_cache_size(a->host) >> 10,
            (double)host_cache_used(a->host) / (double)(a->cached_insns ? a->cached_insns : 1));
    }
    if (a->base.config.counted) {
        strbuf_printf(out, "instructions        %" PRIu64 " executed\n",
                      accel_instructions(&a->base));
    }
    strbuf_printf(out, "cache flushes       %" PRIu64 "\n", a->flushes);
    if (a->perf) {
        perf_info(a->perf, out);
    }
}

static void vcpu(struct vcpu *v, struct strbuf *out)
{
    const uint64_t *n = tcg_of(v)->stats.counts;
    const struct tlb *tlb = vcpu_env(v)->tlb;

    strbuf_printf(out,
                  "vCPU %u: look-ups %" PRIu64 ", links %" PRIu64 ", translations %" PRIu64 "\n",
                  v->index, atomic_get(&n[COUNT_LOOKUP]), atomic_get(&n[COUNT_LINK]),
                  atomic_get(&n[COUNT_TRANSLATE]));
    strbuf_printf(out,
                  "  TLB: refills %" PRIu64 ", page walks %" PRIu64
                  ", accesses by the run-time %" PRIu64 "\n",
                  tlb->refills, tlb->walks, tlb->slow);
}

void tcg_info_jit(struct accel *base, struct strbuf *out)
{
    struct tcg *a = tcg_of_accel(base);

    translation(a, out);
    for (unsigned i = 0; i < a->base.count; i++) {
        vcpu(a->base.vcpus[i], out);
    }
    if (a->measured) {
        stats_info(a, out);
    } else {
        strbuf_puts(out, "not measured; info jit on begins\n");
    }
}

bool tcg_measure(struct accel *base, bool on, struct error *e)
{
    struct tcg *a = tcg_of_accel(base);

    if (!a->host) {
        return error_set(e, "the reference interpreter has nothing to measure");
    }
    stats_measure(a, on);
    return true;
}
