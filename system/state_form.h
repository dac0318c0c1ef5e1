/* SPDX-License-Identifier: MIT */
/* The form of the state's file, for those who write, read and test it: see state_file.h. */
#ifndef SYSTEM_STATE_FORM_H
#define SYSTEM_STATE_FORM_H

#include <string.h>
#include <zlib.h>

#include "base/bits.h"
#include "system/state_file.h"

#define STATE_MAGIC "dragoman-state\r\n"
#define STATE_MAGIC_BYTES 16
#define STATE_FILE_HEAD (STATE_MAGIC_BYTES + 8)
#define STATE_SECTION_MAGIC 0x4e534744u /* "DGSN" */
#define STATE_SECTION_HEAD 24
#define STATE_END "end"

/* The head of a section in the file. */
struct state_head {
    uint16_t kind, name_length;
    uint32_t version, checksum;
    uint64_t length;
};

static inline void state_head_pack(const struct state_head *h, uint8_t *to)
{
    store_le32(to, STATE_SECTION_MAGIC);
    store_le16(to + 4, h->kind);
    store_le16(to + 6, h->name_length);
    store_le32(to + 8, h->version);
    store_le32(to + 12, h->checksum);
    store_le64(to + 16, h->length);
}

static inline bool state_head_unpack(const uint8_t *from, struct state_head *h)
{
    *h = (struct state_head){load_le16(from + 4), load_le16(from + 6), load_le32(from + 8),
                             load_le32(from + 12), load_le64(from + 16)};
    return load_le32(from) == STATE_SECTION_MAGIC;
}

static inline uint32_t state_checksum(uint32_t so_far, const void *bytes, size_t n)
{
    return n ? (uint32_t)crc32_z(so_far, bytes, n) : so_far;
}

/* That of the head, with no checksum in it, and the name; the contents are to follow. */
static inline uint32_t state_head_checksum(const struct state_head *h, const char *name)
{
    struct state_head without = *h;
    uint8_t head[STATE_SECTION_HEAD];
    without.checksum = 0;
    state_head_pack(&without, head);
    return state_checksum(state_checksum(0, head, sizeof(head)), name, h->name_length);
}

#endif
