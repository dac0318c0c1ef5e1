/* SPDX-License-Identifier: MIT */
/* gdb's stub between its files: the session, and what each file answers. */
#ifndef MONITOR_GDB_INTERNAL_H
#define MONITOR_GDB_INTERNAL_H

#include "cpu/cpu.h"
#include "monitor/gdb.h"
#include "monitor/gdb_packet.h"

/* A break or watch point that gdb has put; gdb's type: 0 software, 1 hardware, 2 write, 3 read, 4
 * access. */
struct gdb_point {
    struct gdb_point *next;
    unsigned type;
    uint64_t address, bytes;
};

struct gdb {
    struct monitor_context context;
    const struct gdb_guest *guest;
    struct stream *stream;
    struct gdb_packets packets;
    struct control_listener listener;
    struct monitor_session session; /* of the "monitor" command */

    bool connected;
    bool detached;                     /* gdb has said goodbye: its going away stops nothing */
    bool waiting;                      /* gdb let the machine run and waits for a stop reply */
    bool tells_swbreak, tells_hwbreak; /* gdb understands these stop reasons */
    bool physical;                     /* memory packets are about physical memory */
    bool frozen;                       /* some vCPUs stand still while others run */
    struct vcpu *general;              /* Hg: of registers and memory */
    struct vcpu *running;              /* Hc: of s and c; NULL: any */
    struct gdb_point *points;

    struct vcpu *stepping; /* vCont;r: steps on while its PC is in the range */
    uint64_t range_start, range_end;
};

/* ---- gdb.c */

void gdb_reply(struct gdb *g, const char *text);        /* "" : not supported */
void gdb_reply_buffer(struct gdb *g, struct strbuf *s); /* and frees s */
void gdb_ok(struct gdb *g);
void gdb_error(struct gdb *g, unsigned number); /* E NN: gdb only shows the number */

/* Threads are numbered from 1; "0" and "-1" mean any: *v is then NULL. False: there is none of that
 * number. */
bool gdb_thread(struct gdb *g, const char **text, struct vcpu **v);

/* ---- gdb_state.c: registers, memory, points */

void gdb_read_registers(struct gdb *g, const char *args);         /* g */
void gdb_write_registers(struct gdb *g, const char *args);        /* G */
void gdb_read_register(struct gdb *g, const char *args);          /* p */
void gdb_write_register(struct gdb *g, const char *args);         /* P */
void gdb_read_memory(struct gdb *g, const char *args);            /* m */
void gdb_write_memory(struct gdb *g, const char *args);           /* M */
void gdb_write_binary(struct gdb *g, const char *args, size_t n); /* X */
void gdb_insert_point(struct gdb *g, const char *args);           /* Z */
void gdb_remove_point(struct gdb *g, const char *args);           /* z */
void gdb_remove_all_points(struct gdb *g);

/* ---- gdb_query.c: q, Q */

void gdb_query(struct gdb *g, const char *packet);
void gdb_set(struct gdb *g, const char *packet);

#endif
