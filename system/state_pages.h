/* SPDX-License-Identifier: MIT */
/*
 * Large memories (RAM, flash) in the state's file: sections of kind pages, each for a piece of the
 * memory. Pages of zeros are left out, the rest is compressed where that makes it shorter.
 */
#ifndef SYSTEM_STATE_PAGES_H
#define SYSTEM_STATE_PAGES_H

#include "system/state_file.h"

/* How far it has come; may be NULL. */
struct state_progress {
    void (*at)(void *opaque, uint64_t done, uint64_t all);
    void *opaque;
    uint64_t done, all; /* bytes of all memories */
};

struct state_memory {
    char *name; /* of its sections */
    uint8_t *bytes;
    uint64_t size; /* whole pages */
    bool of_files; /* some of it is mapped from files */
};

/* Ends early if the writer fails. */
void state_pages_save(struct state_writer *w, const struct state_memory *m,
                      struct state_progress *p);

/*
 * Reads the sections of m's name. Without store it only looks whether they are good for it; with it
 * the memory, which is of os_map_ram, is what they say. false: e says what is wrong.
 */
bool state_pages_load(const struct state_file *f, const struct state_memory *m, bool store,
                      struct state_progress *p, struct error *e);

#endif
