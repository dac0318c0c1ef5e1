/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: the connection, stop replies, and which packet goes where: see gdb.h. GDB manual,
 * "Packets", "Stop Reply Packets".
 *
 * All-stop mode: when one vCPU meets a break point, all stop. Anything that arrives while the
 * machine runs stops it, as gdb only sends the interrupt character then.
 *
 * A debugger that goes, by its own will or not, leaves the machine as it would be without one: what
 * it stopped runs again. What was stopped before (-S, the monitor's stop) and never let go stays
 * so.
 */
#include "monitor/gdb.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/gdb_internal.h"

enum {
    SIGNAL_INT = 2,
    SIGNAL_QUIT = 3,
    SIGNAL_TRAP = 5,
    SIGNAL_ABRT = 6
};

/* ---- replies */

void gdb_reply(struct gdb *g, const char *text)
{
    gdb_packets_send(&g->packets, text, strlen(text));
}

void gdb_reply_buffer(struct gdb *g, struct strbuf *s)
{
    gdb_packets_send(&g->packets, strbuf_text(s), s->len);
    strbuf_free(s);
}

void gdb_ok(struct gdb *g)
{
    gdb_reply(g, "OK");
}

void gdb_error(struct gdb *g, unsigned number)
{
    char text[8];
    snprintf(text, sizeof(text), "E%02u", number % 100);
    gdb_reply(g, text);
}

/* ---- threads: one process, whose number is 1 */

/* A number, "0" and "-1" for any. */
static bool thread_number(const char **text, uint64_t *n, bool *any)
{
    *n = 0;
    *any = (*text)[0] == '-' && (*text)[1] == '1';
    if (*any) {
        *text += 2;
        return true;
    }
    const bool good = gdb_number(text, n);
    *any = *n == 0;
    return good;
}

bool gdb_thread(struct gdb *g, const char **text, struct vcpu **v)
{
    uint64_t n;
    bool any;
    *v = NULL;
    if (**text == 'p') {
        (*text)++;
        if (!thread_number(text, &n, &any) || (!any && n != GDB_PROCESS)) {
            return false;
        }
        if (**text != '.') {
            return true;
        }
        (*text)++;
    }
    if (!thread_number(text, &n, &any) || n > g->context.machine->vcpu_count) {
        return false;
    }
    *v = any ? NULL : g->context.machine->vcpus[n - 1];
    return true;
}

void gdb_put_thread(const struct gdb *g, const struct vcpu *v, struct strbuf *out)
{
    if (g->multiprocess) {
        strbuf_printf(out, "p%02x.", GDB_PROCESS);
    }
    strbuf_printf(out, "%02x", v->index + 1);
}

/* ---- stop replies */

const struct gdb_point *gdb_breakpoint_at(struct gdb *g, uint64_t pc)
{
    const struct gdb_point *p = g->points;
    while (p && !(p->type < 2 && p->address == pc)) {
        p = p->next;
    }
    return p;
}

/* Why the machine stopped in RUN_DEBUG, as a stop reply says it. */
static void put_reason(struct gdb *g, struct strbuf *s)
{
    static const char *const watches[] = {
        [WATCH_WRITE] = "watch", [WATCH_READ] = "rwatch", [WATCH_ACCESS] = "awatch"};
    struct accel_watch hit;
    if (g->guest->watch_hit(g->general, &hit)) {
        strbuf_printf(s, "%s:%llx;", watches[hit.kind], (unsigned long long)hit.va);
        return;
    }
    const struct gdb_point *p = gdb_breakpoint_at(g, g->general->cls->pc(g->general));
    if (p && p->type == 0 && g->tells_swbreak) {
        strbuf_puts(s, "swbreak:;");
    } else if (p && p->type == 1 && g->tells_hwbreak) {
        strbuf_puts(s, "hwbreak:;");
    }
}

static unsigned signal_of(enum run_state s)
{
    switch (s) {
    case RUN_PAUSED:
        return SIGNAL_INT;
    case RUN_SHUTDOWN:
        return SIGNAL_QUIT;
    case RUN_PANICKED:
        return SIGNAL_ABRT;
    default:
        return SIGNAL_TRAP;
    }
}

void gdb_stop_reply(struct gdb *g, enum run_state state)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "T%02xthread:", signal_of(state));
    gdb_put_thread(g, g->general, &s);
    strbuf_putc(&s, ';');
    if (state == RUN_DEBUG) {
        put_reason(g, &s);
    }
    gdb_reply_buffer(g, &s);
}

/* By which the machine's standing still is, or is not, for the debugger to end. */
static void note_owner(struct gdb *g, enum run_state state)
{
    if (state == RUN_RUNNING) {
        g->resumes = true;
    } else if (state != RUN_DEBUG && !g->stopping) {
        g->resumes = false;
    }
}

static void state_changed(void *opaque, enum run_state state)
{
    struct gdb *g = opaque;
    note_owner(g, state);
    if (g->calls && g->waiting && (state == RUN_RUNNING || state == RUN_PAUSED)) {
        return; /* gdb is at work */
    }
    if (state == RUN_RUNNING || gdb_steps_on(g, state)) {
        return;
    }
    if (g->frozen) {
        gdb_thaw_all(g);
    }
    if (!g->waiting) {
        return;
    }
    if (g->context.control->debug_vcpu) {
        g->general = g->context.control->debug_vcpu;
    }
    g->waiting = false;
    gdb_stop_reply(g, state);
}

void gdb_stop(struct gdb *g)
{
    g->stopping = true;
    g->context.control->stop(g->context.control, RUN_PAUSED);
    g->stopping = false;
}

/* ---- packets */

static void set_thread(struct gdb *g, const char *args)
{
    char what = *args ? *args++ : 0;
    struct vcpu *v;
    if ((what != 'g' && what != 'c') || !gdb_thread(g, &args, &v)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    if (what == 'c') {
        g->running = v;
    } else if (v) {
        g->general = v;
    }
    gdb_ok(g);
}

static void thread_alive(struct gdb *g, const char *args)
{
    struct vcpu *v;
    if (gdb_thread(g, &args, &v)) {
        gdb_ok(g);
    } else {
        gdb_error(g, GDB_EINVAL);
    }
}

/* Nothing is left of the debugger in the machine, which runs if only the debugger stopped it. */
static void let_go(struct gdb *g)
{
    struct error e;
    const bool runs = g->resumes || g->context.control->state == RUN_RUNNING;
    g->waiting = false;
    g->in_range = NULL;
    gdb_stop(g);
    gdb_lose_calls(g);
    gdb_remove_all_points(g);
    if (g->frozen) {
        gdb_thaw_all(g);
    }
    if (runs) {
        g->context.control->cont(g->context.control, &e);
    }
}

/* D, or D;PROCESS */
static void detach(struct gdb *g, const char *args)
{
    uint64_t process = GDB_PROCESS;
    if (*args && (*args++ != ';' || !gdb_number(&args, &process) || process != GDB_PROCESS)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    gdb_ok(g);
    g->detached = true;
    g->resumes = true;
    let_go(g);
}

static void attach(struct gdb *g, const char *args)
{
    uint64_t process;
    if (!gdb_number(&args, &process) || process != GDB_PROCESS) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    gdb_stop_reply(g, RUN_DEBUG);
}

static void multi_letter(struct gdb *g, const char *packet)
{
    if (strcmp(packet, "vCont?") == 0) {
        gdb_reply(g, "vCont;c;C;s;S;t;r");
    } else if (strncmp(packet, "vCont", 5) == 0) {
        gdb_resume_threads(g, packet + 5);
    } else if (strncmp(packet, "vAttach;", 8) == 0) {
        attach(g, packet + 8);
    } else if (strncmp(packet, "vKill", 5) == 0) {
        gdb_ok(g);
        g->context.control->quit(g->context.control, 0);
    } else {
        gdb_reply(g, "");
    }
}

static void memory_packet(struct gdb *g, const char *packet, size_t n)
{
    const char *args = packet + 1;
    switch (packet[0]) {
    case 'm':
        gdb_read_memory(g, args);
        break;
    case 'M':
        gdb_write_memory(g, args);
        break;
    case 'X':
        gdb_write_binary(g, args, n - 1);
        break;
    case 'Z':
        gdb_insert_point(g, args);
        break;
    case 'z':
        gdb_remove_point(g, args);
        break;
    }
}

static void on_packet(void *opaque, const char *packet, size_t n)
{
    struct gdb *g = opaque;
    const char *args = packet + (n > 0);
    switch (packet[0]) {
    case '!':
        gdb_ok(g);
        break;
    case '?':
        gdb_stop_reply(g, g->context.control->state == RUN_PAUSED ? RUN_DEBUG
                                                                  : g->context.control->state);
        break;
    case 'c':
        gdb_resume(g, args, false);
        break;
    case 's':
        gdb_resume(g, args, true);
        break;
    case 'C':
        gdb_resume_with_signal(g, args, false);
        break;
    case 'S':
        gdb_resume_with_signal(g, args, true);
        break;
    case 'D':
        detach(g, args);
        break;
    case 'F':
        gdb_call_done(g, args);
        break;
    case 'H':
        set_thread(g, args);
        break;
    case 'T':
        thread_alive(g, args);
        break;
    case 'g':
        gdb_read_registers(g, args);
        break;
    case 'G':
        gdb_write_registers(g, args);
        break;
    case 'p':
        gdb_read_register(g, args);
        break;
    case 'P':
        gdb_write_register(g, args);
        break;
    case 'k':
        g->context.control->quit(g->context.control, 0);
        break;
    case 'm':
    case 'M':
    case 'X':
    case 'Z':
    case 'z':
        memory_packet(g, packet, n);
        break;
    case 'q':
        gdb_query(g, packet);
        break;
    case 'Q':
        gdb_set(g, packet);
        break;
    case 'v':
        multi_letter(g, packet);
        break;
    default:
        gdb_reply(g, "");
    }
}

static void on_interrupt(void *opaque)
{
    struct gdb *g = opaque;
    if (g->context.control->state != RUN_RUNNING && g->waiting && !g->calls) {
        g->waiting = false;
        gdb_stop_reply(g, RUN_PAUSED);
    }
}

static void write_out(void *opaque, const char *bytes, size_t n)
{
    struct gdb *g = opaque;
    stream_write(g->stream, (const uint8_t *)bytes, n);
}

/* ---- the connection */

static size_t room(void *opaque)
{
    (void)opaque;
    return 4096;
}

static void receive(void *opaque, const uint8_t *bytes, size_t n)
{
    struct gdb *g = opaque;
    const bool ack = g->detached && n == 1 && *bytes == '+'; /* of the answer to its goodbye */
    g->detached &= ack;
    if (g->context.control->state == RUN_RUNNING && !ack) {
        g->in_range = g->calls ? g->in_range : NULL;
        gdb_stop(g);
    }
    gdb_packets_receive(&g->packets, bytes, n);
}

static void opened(struct gdb *g)
{
    gdb_packets_reset(&g->packets);
    g->connected = true;
    g->detached = false;
    g->multiprocess = false;
    g->tells_swbreak = false;
    g->tells_hwbreak = false;
    g->physical = false;
    g->waiting = false;
    g->sstep = GDB_SSTEP_ALL;
    g->general = g->context.machine->vcpus[0];
    g->running = NULL;
    g->resumes = g->context.control->state == RUN_RUNNING;
    g->context.control->debugged = true;
    gdb_stop(g);
}

static void event(void *opaque, enum stream_event e)
{
    struct gdb *g = opaque;
    if (e == STREAM_OPENED) {
        opened(g);
    } else if (e == STREAM_CLOSED) {
        g->connected = false;
        g->context.control->debugged = false;
        let_go(g);
    }
}

struct gdb *gdb_create(const struct monitor_context *c, const struct gdb_guest *guest,
                       struct stream *s)
{
    struct gdb *g = mem_alloc(sizeof(*g));
    g->context = *c;
    g->guest = guest;
    g->stream = s;
    g->session.context = &g->context;
    g->session.of_gdb = true;
    g->general = c->machine->vcpus[0];
    g->packets = (struct gdb_packets){
        .write = write_out, .packet = on_packet, .interrupt = on_interrupt, .opaque = g};
    gdb_packets_init(&g->packets);
    g->listener = (struct control_listener){.changed = state_changed, .opaque = g};
    control_listen(c->control, &g->listener);
    s->ops->set_reader(
        s, &(struct stream_reader){.room = room, .read = receive, .event = event, .opaque = g});
    return g;
}

void gdb_destroy(struct gdb *g, int status)
{
    if (g->connected && status >= 0) {
        char text[8];
        snprintf(text, sizeof(text), "W%02x", (unsigned)status & 0xff);
        gdb_reply(g, text);
    }
    if (g->connected && status < 0) {
        let_go(g);
    }
    gdb_lose_calls(g);
    gdb_remove_all_points(g);
    g->context.control->debugged = false;
    g->stream->ops->set_reader(g->stream, NULL);
    control_unlisten(g->context.control, &g->listener);
    gdb_packets_free(&g->packets);
    mem_free(g);
}
