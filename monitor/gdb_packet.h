/* SPDX-License-Identifier: MIT */
/* Packets of gdb's remote protocol: "$data#checksum", acknowledgements, escapes, the interrupt
 * character. */
#ifndef MONITOR_GDB_PACKET_H
#define MONITOR_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum {
    GDB_PACKET_MAX = 65536
}; /* bytes of data, as told to gdb in PacketSize */

struct gdb_packets {
    void (*write)(void *opaque, const char *bytes, size_t n);
    void (*packet)(void *opaque, const char *data, size_t n); /* a good packet; NUL behind data */
    void (*interrupt)(void *opaque);                          /* the character 3 between packets */
    void *opaque;

    bool no_ack;
    enum {
        GDB_IDLE,
        GDB_DATA,
        GDB_ESCAPED,
        GDB_SUM_HIGH,
        GDB_SUM_LOW
    } state;
    uint8_t sum, wanted;
    bool too_long;
    size_t length;
    char *data;         /* GDB_PACKET_MAX + 1 bytes */
    struct strbuf last; /* as sent, for a peer that asks again */
};

void gdb_packets_init(struct gdb_packets *p); /* the callbacks are set already */
void gdb_packets_free(struct gdb_packets *p);

/* A new peer. */
void gdb_packets_reset(struct gdb_packets *p);

void gdb_packets_receive(struct gdb_packets *p, const uint8_t *bytes, size_t n);
void gdb_packets_send(struct gdb_packets *p, const char *data, size_t n);

/* Hexadecimal digits of n bytes. */
void gdb_put_hex(struct strbuf *out, const void *bytes, size_t n);

/* Reads 2 * n digits at text; false if there are fewer. */
bool gdb_get_hex(const char *text, void *bytes, size_t n);

/* A number in hexadecimal digits at *text, which moves behind it; false if there is none or it is
 * too large. */
bool gdb_number(const char **text, uint64_t *value);

#endif
