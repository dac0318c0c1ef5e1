/* SPDX-License-Identifier: MIT */
/*
 * What `-d exec` and `-d cpu` say: each block that a vCPU enters, and its registers there.
 *
 * Entries are seen by the run-time, so while one of the two is on no exit is linked and no jump
 * table is filled (accel/callouts.c): every transfer asks for its block. A block is logged when it
 * is about to run; one that then finds that the counted clock's slice is too short for it is run in
 * pieces, and what is left of it is an entry of its own.
 */
#include "accel/trace.h"
#include "accel/blocks.h"
#include "accel/tcg.h"

#include <inttypes.h>

#include "base/log.h"

bool trace_entries(void)
{
    return log_enabled(LOG_EXEC | LOG_CPU);
}

void trace_entry(struct vcpu *v, uint64_t pc)
{
    struct strbuf s = {0};

    if (!log_filter_match(pc)) {
        return;
    }
    if (log_enabled(LOG_EXEC)) {
        char mode[16] = "";
        if (v->cls->mode_name) {
            v->cls->mode_name(v->cls->mode_key(v), mode, sizeof(mode));
        }
        strbuf_printf(&s, "cpu %u: %#" PRIx64 " %s\n", v->index, pc, mode);
    }
    if (log_enabled(LOG_CPU)) {
        tcg_store_place(v, pc);
        v->cls->registers(v, &s);
    }
    log_print(LOG_EXEC | LOG_CPU, "%s", strbuf_text(&s));
    strbuf_free(&s);
}

void tcg_log_changed(struct accel *base)
{
    struct tcg *a = tcg_of_accel(base);

    if (trace_entries()) {
        os_mutex_lock(&a->translate);
        block_flush_all(a);
        os_mutex_unlock(&a->translate);
    }
}
