/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: the connection, running and stopping, and which packet goes where: see gdb.h. GDB
 * manual, "Packets", "Stop Reply Packets".
 *
 * All-stop mode: when one vCPU meets a break point, all stop. A step runs one instruction of one
 * vCPU. vCont says which others run for as long as that takes: those that no action names stand
 * still ("set scheduler-locking on" of gdb). Anything that arrives while the machine runs stops it,
 * as gdb only sends the interrupt character then.
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
    snprintf(text, sizeof(text), "E%02x", number & 0xff);
    gdb_reply(g, text);
}

bool gdb_thread(struct gdb *g, const char **text, struct vcpu **v)
{
    uint64_t n;
    *v = NULL;
    if ((*text)[0] == '-' && (*text)[1] == '1') {
        *text += 2;
        return true;
    }
    if (!gdb_number(text, &n) || n > g->context.machine->vcpu_count) {
        return false;
    }
    *v = n ? g->context.machine->vcpus[n - 1] : NULL;
    return true;
}

/* ---- stop replies */

static const struct gdb_point *breakpoint_at(struct gdb *g, uint64_t pc)
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
    const struct gdb_point *p = breakpoint_at(g, g->general->cls->pc(g->general));
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

static void stop_reply(struct gdb *g, enum run_state state)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "T%02xthread:%x;", signal_of(state), g->general->index + 1);
    if (state == RUN_DEBUG) {
        put_reason(g, &s);
    }
    gdb_reply_buffer(g, &s);
}

/* A step of a range goes on while the PC is inside and nothing else stopped it. */
static bool steps_on(struct gdb *g, enum run_state state)
{
    struct vcpu *v = g->stepping;
    struct accel_watch hit;
    g->stepping = NULL;
    if (!v || state != RUN_DEBUG || g->context.control->debug_vcpu != v ||
        g->guest->watch_hit(v, &hit)) {
        return false;
    }
    uint64_t pc = v->cls->pc(v);
    if (pc < g->range_start || pc >= g->range_end || breakpoint_at(g, pc)) {
        return false;
    }
    g->stepping = v;
    g->context.control->step(g->context.control, v);
    return true;
}

/* Also for who lets the machine go on from elsewhere. */
static void thaw_all(struct gdb *g)
{
    for (unsigned i = 0; i < g->context.machine->vcpu_count; i++) {
        g->guest->freeze(g->context.machine->vcpus[i], false);
    }
}

static void state_changed(void *opaque, enum run_state state)
{
    struct gdb *g = opaque;
    if (state == RUN_RUNNING || steps_on(g, state)) {
        return;
    }
    if (g->frozen) {
        g->frozen = false;
        thaw_all(g);
    }
    if (!g->waiting) {
        return;
    }
    if (g->context.control->debug_vcpu) {
        g->general = g->context.control->debug_vcpu;
    }
    g->waiting = false;
    stop_reply(g, state);
}

/* ---- running */

static void run(struct gdb *g)
{
    struct error e;
    g->waiting = true;
    if (!g->context.control->cont(g->context.control, &e)) {
        g->waiting = false;
        stop_reply(g, RUN_SHUTDOWN);
    }
}

static void step(struct gdb *g, struct vcpu *v)
{
    g->waiting = true;
    g->context.control->step(g->context.control, v);
}

/* c and s, with an address to go on at; C and S have a signal in front, which means nothing to a
 * machine. */
static void resume(struct gdb *g, const char *args, bool stepping)
{
    struct vcpu *v = g->running ? g->running : g->general;
    uint64_t pc;
    if (gdb_number(&args, &pc)) {
        v->cls->set_pc(v, pc);
    }
    if (stepping) {
        step(g, v);
    } else {
        run(g);
    }
}

static void resume_with_signal(struct gdb *g, const char *args, bool stepping)
{
    uint64_t sig;
    if (!gdb_number(&args, &sig)) {
        gdb_error(g, 0x16);
        return;
    }
    resume(g, *args == ';' ? args + 1 : "", stepping);
}

/* One action of vCont at *args, which moves to the next: what to do, and with whom. */
struct action {
    char what;           /* c, s, r, t */
    uint64_t start, end; /* r */
    struct vcpu *v;      /* NULL: all that no earlier action names */
};

static bool parse_action(struct gdb *g, const char **args, struct action *a)
{
    uint64_t sig;
    const char *p = *args;
    *a = (struct action){.what = *p++};
    if (a->what == 'C' || a->what == 'S') {
        a->what |= 0x20;
        if (!gdb_number(&p, &sig)) {
            return false;
        }
    } else if (a->what == 'r') {
        if (!gdb_number(&p, &a->start) || *p++ != ',' || !gdb_number(&p, &a->end)) {
            return false;
        }
    } else if (!a->what || !strchr("cst", a->what)) {
        return false;
    }
    if (*p == ':') {
        p++;
        if (!gdb_thread(g, &p, &a->v)) {
            return false;
        }
    }
    *args = p;
    return *p == '\0' || *p == ';';
}

/* The actions of vCont one after the other: the first that makes a vCPU step, if any. False: one
 * cannot be read. */
static bool find_stepper(struct gdb *g, const char *args, struct action *stepper)
{
    *stepper = (struct action){0};
    while (*args == ';') {
        struct action a;
        args++;
        if (!parse_action(g, &args, &a)) {
            return false;
        }
        if ((a.what == 's' || a.what == 'r') && !stepper->what) {
            *stepper = a;
        }
    }
    return true;
}

/* The actions, which can be read, leave v where it is: the first that concerns it counts. */
static bool stands_still(struct gdb *g, const char *args, const struct vcpu *v)
{
    while (*args == ';') {
        struct action a;
        args++;
        parse_action(g, &args, &a);
        if (!a.v || a.v == v) {
            return a.what == 't';
        }
    }
    return true;
}

/* False: not one vCPU would run. */
static bool freeze_as_told(struct gdb *g, const char *args)
{
    const struct machine *m = g->context.machine;
    unsigned frozen = 0;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        const bool still = stands_still(g, args, m->vcpus[i]);
        g->guest->freeze(m->vcpus[i], still);
        frozen += still;
    }
    g->frozen = frozen > 0;
    if (frozen == m->vcpu_count) {
        thaw_all(g);
    }
    return frozen < m->vcpu_count;
}

/* vCont;ACTION[:THREAD]...: if any vCPU is to step, that one does and then all stop. */
static void resume_threads(struct gdb *g, const char *args)
{
    struct action stepper;
    if (!find_stepper(g, args, &stepper) || !freeze_as_told(g, args)) {
        gdb_error(g, 0x16);
        return;
    }
    if (!stepper.what) {
        run(g);
        return;
    }
    struct vcpu *v = stepper.v ? stepper.v : g->general;
    if (stepper.what == 'r') {
        g->stepping = v;
        g->range_start = stepper.start;
        g->range_end = stepper.end;
    }
    step(g, v);
}

/* ---- packets */

static void set_thread(struct gdb *g, const char *args)
{
    char what = *args ? *args++ : 0;
    struct vcpu *v;
    if ((what != 'g' && what != 'c') || !gdb_thread(g, &args, &v)) {
        gdb_error(g, 0x16);
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
    if (gdb_thread(g, &args, &v) && v) {
        gdb_ok(g);
    } else {
        gdb_error(g, 0x16);
    }
}

static void detach(struct gdb *g)
{
    struct error e;
    gdb_remove_all_points(g);
    gdb_ok(g);
    g->detached = true;
    g->context.control->cont(g->context.control, &e);
}

static void multi_letter(struct gdb *g, const char *packet)
{
    if (strcmp(packet, "vCont?") == 0) {
        gdb_reply(g, "vCont;c;C;s;S;t;r");
    } else if (strncmp(packet, "vCont;", 6) == 0) {
        resume_threads(g, packet + 5);
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
    case '?':
        stop_reply(g,
                   g->context.control->state == RUN_PAUSED ? RUN_DEBUG : g->context.control->state);
        break;
    case 'c':
        resume(g, args, false);
        break;
    case 's':
        resume(g, args, true);
        break;
    case 'C':
        resume_with_signal(g, args, false);
        break;
    case 'S':
        resume_with_signal(g, args, true);
        break;
    case 'D':
        detach(g);
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
    if (g->context.control->state != RUN_RUNNING && g->waiting) {
        g->waiting = false;
        stop_reply(g, RUN_PAUSED);
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
        g->stepping = NULL;
        g->context.control->stop(g->context.control, RUN_PAUSED);
    }
    gdb_packets_receive(&g->packets, bytes, n);
}

static void event(void *opaque, enum stream_event e)
{
    struct gdb *g = opaque;
    if (e == STREAM_OPENED) {
        gdb_packets_reset(&g->packets);
        g->connected = true;
        g->detached = false;
        g->physical = false;
        g->waiting = false;
        g->general = g->context.machine->vcpus[0];
        g->running = NULL;
        g->context.control->stop(g->context.control, RUN_PAUSED);
    } else if (e == STREAM_CLOSED) {
        g->connected = false;
        g->waiting = false;
        g->stepping = NULL;
        if (g->context.control->state == RUN_RUNNING && !g->detached) {
            g->context.control->stop(g->context.control, RUN_PAUSED);
        }
        gdb_remove_all_points(g);
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
    if (g->connected) {
        char text[8];
        snprintf(text, sizeof(text), "W%02x", (unsigned)status & 0xff);
        gdb_reply(g, text);
    }
    gdb_remove_all_points(g);
    g->stream->ops->set_reader(g->stream, NULL);
    control_unlisten(g->context.control, &g->listener);
    gdb_packets_free(&g->packets);
    mem_free(g);
}
