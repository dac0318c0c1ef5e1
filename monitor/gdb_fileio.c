/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: calls that gdb does for the guest on its own host. GDB manual, "File-I/O Remote
 * Protocol Extension". The guest stands while gdb is at it, and goes on as it ran: all vCPUs, or
 * those that vCont said, or with the step that is not made yet. gdb waits for a stop reply all the
 * time; for a step of the vCPU that called, it gets it behind the call.
 */
#include <string.h>

#include "base/mem.h"
#include "monitor/gdb_internal.h"

struct gdb_pending {
    struct gdb_call call;
    bool early; /* it came while gdb had the machine stopped: gdb hears of it when that is over */
    struct gdb_pending *next;
};

void gdb_send_call(struct gdb *g)
{
    struct strbuf s = {0};
    strbuf_putc(&s, 'F');
    strbuf_puts(&s, g->calls->call.text);
    gdb_reply_buffer(g, &s);
}

bool gdb_ask(struct gdb *g, const struct gdb_call *c)
{
    struct gdb_pending **end = &g->calls;
    const bool stopped = g->context.control->state != RUN_RUNNING;
    if (!g->connected || (!g->waiting && !stopped)) {
        return false; /* it would not understand */
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = mem_alloc(sizeof(**end));
    (*end)->call = *c;
    (*end)->early = !g->waiting;
    if (g->waiting && g->calls == *end) {
        gdb_stop(g);
        gdb_send_call(g);
    }
    return true;
}

/* The first call is done; whose it was. Who came to it by a step has made that. */
static struct vcpu *finish(struct gdb *g, int64_t result, int error)
{
    struct gdb_pending *p = g->calls;
    struct vcpu *v = p->call.v;
    g->has_stepped |= g->stepped == v && !p->early;
    p->call.done(p->call.opaque, result, error);
    g->calls = p->next;
    mem_free(p);
    return v;
}

void gdb_lose_calls(struct gdb *g)
{
    while (g->calls) {
        finish(g, -1, GDB_CALL_LOST);
    }
}

/* How the reply goes on behind its number: ",ERROR" and ",C". */
static bool parse_reply(const char *args, int64_t *result, int *error, bool *interrupted)
{
    uint64_t n, number = 0;
    const bool negative = *args == '-';
    args += negative;
    if (!gdb_number(&args, &n)) {
        return false;
    }
    *result = negative ? -(int64_t)n : (int64_t)n;
    if (*args == ',') {
        args++;
        args += *args == '-';
        if (!gdb_number(&args, &number) || number > GDB_CALL_LOST) {
            return false;
        }
    }
    *error = negative ? (int)(number ? number : GDB_CALL_LOST) : 0;
    *interrupted = strcmp(args, ",C") == 0;
    return true;
}

/* The machine stands as if for that reason. */
static void stop_as(struct gdb *g, enum run_state why, struct vcpu *v)
{
    struct control *c = g->context.control;
    if (why == RUN_DEBUG) {
        c->debug_vcpu = v;
        c->stop(c, RUN_DEBUG);
        return;
    }
    g->waiting = false;
    g->in_range = NULL;
    gdb_thaw_all(g);
    g->general = v;
    gdb_stop_reply(g, why);
}

void gdb_call_done(struct gdb *g, const char *args)
{
    int64_t result;
    int error;
    bool interrupted;
    if (!g->calls) {
        gdb_reply(g, "");
        return;
    }
    if (!parse_reply(args, &result, &error, &interrupted)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    struct vcpu *v = finish(g, result, error);
    if (interrupted) {
        gdb_lose_calls(g);
        stop_as(g, RUN_PAUSED, v);
    } else if (g->calls) {
        gdb_send_call(g);
    } else if (g->has_stepped) {
        stop_as(g, RUN_DEBUG, g->stepped);
    } else {
        gdb_go_on(g);
    }
}
