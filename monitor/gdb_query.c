/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: general queries, GDB manual, "General Query Packets".
 * A memory map is not offered: it would be physical, and gdb, which would take it for the map of
 * the addresses that it uses, would refuse to read a kernel's.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/gdb_internal.h"
#include "monitor/gdb_xml.h"

/* The rest of text behind prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static void supported(struct gdb *g, const char *theirs)
{
    g->tells_swbreak = strstr(theirs, "swbreak+") != NULL;
    g->tells_hwbreak = strstr(theirs, "hwbreak+") != NULL;
    g->multiprocess = strstr(theirs, "multiprocess+") != NULL;
    char *text = mem_printf("PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+"
                            ";multiprocess+%s%s",
                            GDB_PACKET_MAX, g->tells_swbreak ? ";swbreak+" : "",
                            g->tells_hwbreak ? ";hwbreak+" : "");
    gdb_reply(g, text);
    mem_free(text);
}

/* "OFFSET,LENGTH" of document: 'm' and a part, 'l' and the last part. */
static void transfer(struct gdb *g, const char *args, const char *document)
{
    uint64_t offset, n;
    size_t size = strlen(document);
    if (!gdb_number(&args, &offset) || *args++ != ',' || !gdb_number(&args, &n)) {
        gdb_reply(g, "E00");
        return;
    }
    offset = offset < size ? offset : size;
    n = n < GDB_PACKET_MAX - 16 ? n : GDB_PACKET_MAX - 16;
    n = n < size - offset ? n : size - offset;
    struct strbuf s = {0};
    strbuf_putc(&s, offset + n < size ? 'm' : 'l');
    strbuf_bytes(&s, document + offset, n);
    gdb_reply_buffer(g, &s);
}

static void features(struct gdb *g, const char *args)
{
    const char *range = after(args, "target.xml:");
    if (!range) {
        gdb_reply(g, "E00");
        return;
    }
    char *document = gdb_describe_registers(g->general->cls);
    transfer(g, range, document);
    mem_free(document);
}

static void first_threads(struct gdb *g, const char *args)
{
    struct strbuf s = {0};
    (void)args;
    for (unsigned i = 0; i < g->context.machine->vcpu_count; i++) {
        strbuf_putc(&s, i ? ',' : 'm');
        gdb_put_thread(g, g->context.machine->vcpus[i], &s);
    }
    gdb_reply_buffer(g, &s);
}

static void more_threads(struct gdb *g, const char *args)
{
    (void)args;
    gdb_reply(g, "l");
}

static void thread_info(struct gdb *g, const char *args)
{
    struct vcpu *v;
    if (!gdb_thread(g, &args, &v) || !v) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    char *text = mem_printf("CPU#%u [%s]", v->index,
                            v->powered_off || v->halted ? "halted " : "running");
    struct strbuf s = {0};
    gdb_put_hex(&s, text, strlen(text));
    mem_free(text);
    gdb_reply_buffer(g, &s);
}

static void current_thread(struct gdb *g, const char *args)
{
    struct strbuf s = {0};
    if (*args) {
        gdb_reply(g, ""); /* another question that begins alike */
        return;
    }
    strbuf_puts(&s, "QC");
    gdb_put_thread(g, g->general, &s);
    gdb_reply_buffer(g, &s);
}

static void attached(struct gdb *g, const char *args)
{
    (void)args;
    gdb_reply(g, "1");
}

/* "monitor COMMAND": the text goes over in O packets, which gdb shows as they come. */
static void command(struct gdb *g, const char *args)
{
    size_t n = strlen(args) / 2;
    char *line = mem_alloc(n + 1);
    if (n == 0 || strlen(args) % 2 || !gdb_get_hex(args, line, n)) {
        mem_free(line);
        gdb_error(g, GDB_EINVAL);
        return;
    }
    struct strbuf out = {0};
    g->session.cpu = g->general->index;
    monitor_execute(&g->session, line, &out);
    mem_free(line);
    const size_t most = GDB_PACKET_MAX / 4;
    for (size_t at = 0; at < out.len; at += most) {
        struct strbuf s = {0};
        strbuf_putc(&s, 'O');
        gdb_put_hex(&s, out.text + at, out.len - at < most ? out.len - at : most);
        gdb_reply_buffer(g, &s);
    }
    strbuf_free(&out);
    gdb_ok(g);
}

static void physical_mode(struct gdb *g, const char *args)
{
    (void)args;
    gdb_reply(g, g->physical ? "1" : "0");
}

static void step_bits(struct gdb *g, const char *args)
{
    (void)args;
    gdb_reply(g, "ENABLE=1,NOIRQ=2,NOTIMER=4");
}

static void step_mode(struct gdb *g, const char *args)
{
    char text[16];
    (void)args;
    snprintf(text, sizeof(text), "0x%x", g->sstep);
    gdb_reply(g, text);
}

static void extensions(struct gdb *g, const char *args)
{
    (void)args;
    gdb_reply(g, "sstepbits;sstep;PhyMemMode");
}

/* The longer of two names that begin alike stands first. */
static const struct query {
    const char *prefix;
    void (*answer)(struct gdb *g, const char *args);
} queries[] = {
    {"qSupported", supported},
    {"qXfer:features:read:", features},
    {"qfThreadInfo", first_threads},
    {"qsThreadInfo", more_threads},
    {"qThreadExtraInfo,", thread_info},
    {"qAttached", attached},
    {"qRcmd,", command},
    {"qqemu.PhyMemMode", physical_mode},
    {"qqemu.sstepbits", step_bits},
    {"qqemu.sstep", step_mode},
    {"qqemu.Supported", extensions},
    {"qC", current_thread},
};

void gdb_query(struct gdb *g, const char *packet)
{
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        const char *args = after(packet, queries[i].prefix);
        if (args) {
            queries[i].answer(g, args);
            return;
        }
    }
    gdb_reply(g, "");
}

static void set_step_mode(struct gdb *g, const char *args)
{
    uint64_t bits;
    if (!gdb_number(&args, &bits) || bits > GDB_SSTEP_ALL) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    g->sstep = (unsigned)bits;
    gdb_ok(g);
}

void gdb_set(struct gdb *g, const char *packet)
{
    const char *args;
    if (strcmp(packet, "QStartNoAckMode") == 0) {
        gdb_ok(g);
        g->packets.no_ack = true;
    } else if ((args = after(packet, "Qqemu.PhyMemMode:"))) {
        uint64_t on = 0;
        g->physical = gdb_number(&args, &on) && on;
        gdb_ok(g);
    } else if ((args = after(packet, "Qqemu.sstep="))) {
        set_step_mode(g, args);
    } else {
        gdb_reply(g, "");
    }
}
