/* SPDX-License-Identifier: MIT */
/* Writing the file that a machine's state is saved in: see state_file.h. */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/new_file.h"
#include "system/state_form.h"

struct state_writer {
    struct new_file *file;
    uint64_t sections;
};

struct state_writer *state_writer_open(const char *path, struct error *e)
{
    struct new_file *file = new_file_open(path, e);
    if (!file) {
        return NULL;
    }
    struct state_writer *w = mem_alloc(sizeof(*w));
    uint8_t head[STATE_FILE_HEAD];
    w->file = file;
    memcpy(head, STATE_MAGIC, STATE_MAGIC_BYTES);
    store_le32(head + STATE_MAGIC_BYTES, STATE_FORMAT);
    store_le32(head + STATE_MAGIC_BYTES + 4, 0);
    new_file_put(file, head, sizeof(head));
    return w;
}

void state_writer_put(struct state_writer *w, enum state_kind kind, const char *name,
                      unsigned version, const void *bytes, size_t n)
{
    struct state_head h = {.kind = kind, .version = version, .length = n};
    uint8_t head[STATE_SECTION_HEAD];
    h.name_length = (uint16_t)strlen(name);
    h.checksum = state_checksum(state_head_checksum(&h, name), bytes, n);
    state_head_pack(&h, head);
    new_file_put(w->file, head, sizeof(head));
    new_file_put(w->file, name, h.name_length);
    new_file_put(w->file, bytes, n);
    w->sections++;
}

bool state_writer_failed(const struct state_writer *w)
{
    return new_file_failed(w->file);
}

void state_writer_abandon(struct state_writer *w)
{
    new_file_abandon(w->file);
    mem_free(w);
}

bool state_writer_finish(struct state_writer *w, struct error *e)
{
    uint8_t count[8];
    store_le64(count, w->sections);
    state_writer_put(w, STATE_FIELDS, STATE_END, 1, count, sizeof(count));
    const bool good = new_file_finish(w->file, e);
    mem_free(w);
    return good;
}
