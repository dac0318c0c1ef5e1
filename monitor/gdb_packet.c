/* SPDX-License-Identifier: MIT */
/*
 * Packets of gdb's remote protocol: see gdb_packet.h. GDB manual, "Overview" of the remote
 * protocol. Run-length encoding is what a stub may send and need not; ours does not, and gdb never
 * does.
 */
#include "monitor/gdb_packet.h"

#include "base/mem.h"

static const char digits[] = "0123456789abcdef";

void gdb_packets_init(struct gdb_packets *p)
{
    p->data = mem_alloc(GDB_PACKET_MAX + 1);
    gdb_packets_reset(p);
}

void gdb_packets_free(struct gdb_packets *p)
{
    mem_free(p->data);
    strbuf_free(&p->last);
}

void gdb_packets_reset(struct gdb_packets *p)
{
    p->state = GDB_IDLE;
    p->no_ack = false;
    strbuf_clear(&p->last);
}

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void complete(struct gdb_packets *p)
{
    bool good = p->sum == p->wanted && !p->too_long;
    if (!p->no_ack) {
        p->write(p->opaque, good ? "+" : "-", 1);
    }
    if (good) {
        p->data[p->length] = '\0';
        p->packet(p->opaque, p->data, p->length);
    }
}

static void idle_byte(struct gdb_packets *p, uint8_t byte)
{
    if (byte == '$') {
        p->state = GDB_DATA;
        p->sum = 0;
        p->length = 0;
        p->too_long = false;
    } else if (byte == 3) {
        p->interrupt(p->opaque);
    } else if (byte == '-' && p->last.len && !p->no_ack) {
        p->write(p->opaque, p->last.text, p->last.len);
    }
}

static void keep(struct gdb_packets *p, uint8_t byte)
{
    if (p->length == GDB_PACKET_MAX) {
        p->too_long = true;
    } else {
        p->data[p->length++] = (char)byte;
    }
}

static void data_byte(struct gdb_packets *p, uint8_t byte)
{
    if (byte == '#') {
        p->state = GDB_SUM_HIGH;
        return;
    }
    p->sum += byte;
    if (p->state == GDB_ESCAPED) {
        keep(p, byte ^ 0x20);
        p->state = GDB_DATA;
    } else if (byte == '}') {
        p->state = GDB_ESCAPED;
    } else {
        keep(p, byte);
    }
}

void gdb_packets_receive(struct gdb_packets *p, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int d = digit((char)bytes[i]);
        switch (p->state) {
        case GDB_IDLE:
            idle_byte(p, bytes[i]);
            break;
        case GDB_DATA:
        case GDB_ESCAPED:
            data_byte(p, bytes[i]);
            break;
        case GDB_SUM_HIGH:
            p->wanted = (uint8_t)(d << 4);
            p->too_long |= d < 0;
            p->state = GDB_SUM_LOW;
            break;
        case GDB_SUM_LOW:
            p->wanted |= (uint8_t)(d & 15);
            p->too_long |= d < 0;
            p->state = GDB_IDLE;
            complete(p);
            break;
        }
    }
}

void gdb_packets_send(struct gdb_packets *p, const char *data, size_t n)
{
    uint8_t sum = 0;
    strbuf_clear(&p->last);
    strbuf_putc(&p->last, '$');
    for (size_t i = 0; i < n; i++) {
        char c = data[i];
        if (c == '$' || c == '#' || c == '}' || c == '*') {
            strbuf_putc(&p->last, '}');
            sum += '}';
            c ^= 0x20;
        }
        strbuf_putc(&p->last, c);
        sum += (uint8_t)c;
    }
    strbuf_printf(&p->last, "#%02x", sum);
    p->write(p->opaque, p->last.text, p->last.len);
}

void gdb_put_hex(struct strbuf *out, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        strbuf_putc(out, digits[b[i] >> 4]);
        strbuf_putc(out, digits[b[i] & 15]);
    }
}

bool gdb_get_hex(const char *text, void *bytes, size_t n)
{
    uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i]);
        int low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool gdb_number(const char **text, uint64_t *value)
{
    uint64_t v = 0;
    const char *p = *text;
    int d;
    for (; (d = digit(*p)) >= 0; p++) {
        if (v >> 60) {
            return false;
        }
        v = v << 4 | (unsigned)d;
    }
    if (p == *text) {
        return false;
    }
    *text = p;
    *value = v;
    return true;
}
