/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: registers, memory, break and watch points. GDB manual, "Packets". Values go over as
 * bytes in the guest's order; in the CPU struct they have the host's.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/gdb_internal.h"
#include "monitor/gdb_xml.h"

#define REGISTER_BYTES_MAX 256

/* ---- registers */

/* Between the host's order and gdb's. */
static void reorder(const struct vcpu *v, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; v->cls->big_endian && i < n / 2; i++) {
        const uint8_t low = bytes[i];
        bytes[i] = bytes[n - 1 - i];
        bytes[n - 1 - i] = low;
    }
}

static void put_register(struct vcpu *v, const struct cpu_reg *r, struct strbuf *out)
{
    uint8_t bytes[REGISTER_BYTES_MAX];
    const size_t n = r->bits / 8;
    assert(n <= sizeof(bytes));
    vcpu_read_register(v, r, bytes);
    reorder(v, bytes, n);
    gdb_put_hex(out, bytes, n);
}

/* Sets r from digits; false if they are too few or r cannot be written. */
static bool get_register(struct vcpu *v, const struct cpu_reg *r, const char *text)
{
    uint8_t bytes[REGISTER_BYTES_MAX] = {0};
    if (r->bits / 8 > sizeof(bytes) || !gdb_get_hex(text, bytes, r->bits / 8)) {
        return false;
    }
    reorder(v, bytes, r->bits / 8);
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    if (cpu_reg_is_pc(r)) {
        v->cls->set_pc(v, value);
    } else if (r->get) {
        if (!r->set) {
            return false;
        }
        r->set(v, value);
    } else {
        memcpy(vcpu_register_place(v, r), bytes, r->bits / 8);
    }
    return true;
}

/* g and G hold the registers of the first feature, which are the core's, as QEMU has it; gdb asks
 * for others one by one. */
static unsigned core_registers(const struct cpu_class *cls)
{
    const struct cpu_reg *first = gdb_find_register(cls, 0), *r = first;
    unsigned n = 0;
    while (r && (r->gdb_feature == first->gdb_feature ||
                 (r->gdb_feature && first->gdb_feature &&
                  strcmp(r->gdb_feature, first->gdb_feature) == 0))) {
        r = gdb_find_register(cls, ++n);
    }
    return n;
}

void gdb_read_registers(struct gdb *g, const char *args)
{
    const struct cpu_class *cls = g->general->cls;
    unsigned count = core_registers(cls);
    struct strbuf s = {0};
    (void)args;
    for (unsigned i = 0; i < count; i++) {
        put_register(g->general, gdb_find_register(cls, i), &s);
    }
    gdb_reply_buffer(g, &s);
}

void gdb_write_registers(struct gdb *g, const char *args)
{
    const struct cpu_class *cls = g->general->cls;
    unsigned count = core_registers(cls);
    for (unsigned i = 0; i < count && *args; i++) {
        const struct cpu_reg *r = gdb_find_register(cls, i);
        const bool fixed = r->get && !r->set && !cpu_reg_is_pc(r);
        if (!fixed && !get_register(g->general, r, args)) {
            gdb_error(g, GDB_EINVAL);
            return;
        }
        args += r->bits / 4;
    }
    gdb_ok(g);
}

static const struct cpu_reg *numbered(struct gdb *g, const char **args)
{
    uint64_t n;
    return gdb_number(args, &n) && n < 65536 ? gdb_find_register(g->general->cls, (unsigned)n)
                                             : NULL;
}

void gdb_read_register(struct gdb *g, const char *args)
{
    const struct cpu_reg *r = numbered(g, &args);
    if (!r) {
        gdb_error(g, GDB_EFAULT); /* as QEMU numbers it */
        return;
    }
    struct strbuf s = {0};
    put_register(g->general, r, &s);
    gdb_reply_buffer(g, &s);
}

void gdb_write_register(struct gdb *g, const char *args)
{
    const struct cpu_reg *r = numbered(g, &args);
    if (!r || *args != '=' || !get_register(g->general, r, args + 1)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    gdb_ok(g);
}

/* ---- memory */

/* "ADDRESS,LENGTH" at *args, which moves behind it. */
static bool get_range(const char **args, uint64_t *address, uint64_t *n)
{
    if (!gdb_number(args, address) || **args != ',') {
        return false;
    }
    (*args)++;
    return gdb_number(args, n);
}

static bool fetch(struct gdb *g, uint64_t address, void *bytes, size_t n)
{
    return g->physical ? space_read(g->context.machine->memory, address, bytes, n)
                       : g->guest->read(g->general, address, bytes, n);
}

static bool store(struct gdb *g, uint64_t address, const void *bytes, size_t n)
{
    return g->physical ? g->guest->write_physical(g->general, address, bytes, n)
                       : g->guest->write(g->general, address, bytes, n);
}

/* As much of [address, address + n) as can be read, by pieces that end at pages: gdb takes fewer
 * bytes than it asked for. */
static size_t fetch_pages(struct gdb *g, uint64_t address, uint8_t *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t piece = GUEST_PAGE_SIZE - ((address + done) & (GUEST_PAGE_SIZE - 1));
        piece = piece < n - done ? piece : n - done;
        if (!fetch(g, address + done, bytes + done, piece)) {
            break;
        }
        done += piece;
    }
    return done;
}

void gdb_read_memory(struct gdb *g, const char *args)
{
    uint64_t address, n;
    if (!get_range(&args, &address, &n)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    size_t most = GDB_PACKET_MAX / 2;
    n = n < most ? n : most;
    uint8_t *bytes = mem_alloc(n);
    size_t got = fetch_pages(g, address, bytes, n);
    if (got || !n) {
        struct strbuf s = {0};
        gdb_put_hex(&s, bytes, got);
        gdb_reply_buffer(g, &s);
    } else {
        gdb_error(g, GDB_EFAULT);
    }
    mem_free(bytes);
}

static void finish_write(struct gdb *g, uint64_t address, const void *bytes, size_t n)
{
    if (n == 0 || store(g, address, bytes, n)) {
        gdb_ok(g);
    } else {
        gdb_error(g, GDB_EFAULT);
    }
}

void gdb_write_memory(struct gdb *g, const char *args)
{
    uint64_t address, n;
    if (!get_range(&args, &address, &n) || *args != ':' || n > GDB_PACKET_MAX / 2) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    uint8_t *bytes = mem_alloc(n);
    if (gdb_get_hex(args + 1, bytes, n)) {
        finish_write(g, address, bytes, n);
    } else {
        gdb_error(g, GDB_EINVAL);
    }
    mem_free(bytes);
}

void gdb_write_binary(struct gdb *g, const char *args, size_t n)
{
    const char *end = args + n;
    uint64_t address, length;
    if (!get_range(&args, &address, &length) || *args != ':' || length > (size_t)(end - args - 1)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    finish_write(g, address, args + 1, length);
}

/* ---- points */

static bool apply_point(struct gdb *g, const struct gdb_point *p, bool insert)
{
    static const enum watch_kind kinds[] = {
        [2] = WATCH_WRITE, [3] = WATCH_READ, [4] = WATCH_ACCESS};
    return p->type < 2 ? g->guest->breakpoint(g->context.accel, p->address, insert)
                       : g->guest->watchpoint(g->context.accel, p->address, p->bytes,
                                              kinds[p->type], insert);
}

/* Where the point of these numbers stands in the list; points at its end if there is none. */
static struct gdb_point **find_point(struct gdb *g, const struct gdb_point *like)
{
    struct gdb_point **p = &g->points;
    while (*p && !((*p)->type == like->type && (*p)->address == like->address &&
                   (*p)->bytes == like->bytes)) {
        p = &(*p)->next;
    }
    return p;
}

/* "TYPE,ADDRESS,BYTES"; conditions and commands behind it are not offered, so gdb sends none.
 * False: it has been answered. */
static bool parse_point(struct gdb *g, const char *args, struct gdb_point *p)
{
    uint64_t type;
    if (gdb_number(&args, &type) && *args == ',') {
        args++;
        if (type > 4) {
            gdb_reply(g, ""); /* a kind that does not exist */
            return false;
        }
        *p = (struct gdb_point){.type = (unsigned)type, .count = 1};
        if (get_range(&args, &p->address, &p->bytes) && p->bytes > 0 &&
            p->bytes <= GUEST_PAGE_SIZE) {
            return true;
        }
    }
    gdb_error(g, GDB_EINVAL);
    return false;
}

void gdb_insert_point(struct gdb *g, const char *args)
{
    struct gdb_point p;
    if (!parse_point(g, args, &p)) {
        return;
    }
    struct error e;
    if (!g->guest->can(g->context.accel, p.type < 2 ? ACCEL_CAN_BREAK : ACCEL_CAN_WATCH, &e)) {
        gdb_reply(g, ""); /* gdb says so, or finds another way */
        return;
    }
    struct gdb_point **at = find_point(g, &p);
    if (*at) {
        (*at)->count++;
    } else if (apply_point(g, &p, true)) {
        *at = mem_dup(&p, sizeof(p));
    } else {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    gdb_ok(g);
}

void gdb_remove_point(struct gdb *g, const char *args)
{
    struct gdb_point p;
    if (!parse_point(g, args, &p)) {
        return;
    }
    struct gdb_point **at = find_point(g, &p), *gone = *at;
    if (!gone) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    if (--gone->count == 0) {
        apply_point(g, gone, false);
        *at = gone->next;
        mem_free(gone);
    }
    gdb_ok(g);
}

void gdb_remove_all_points(struct gdb *g)
{
    while (g->points) {
        struct gdb_point *p = g->points;
        g->points = p->next;
        apply_point(g, p, false);
        mem_free(p);
    }
}
