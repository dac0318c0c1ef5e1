/* SPDX-License-Identifier: MIT */
/* Writing the file that a machine's state is saved in: see state_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "system/state_form.h"

#define BUFFER_BYTES (1u << 20)

struct state_writer {
    char *path, *temporary;
    int fd;
    int error; /* errno of the first failure; 0: none */
    uint64_t sections;
    uint8_t *buffer;
    size_t used;
};

static void write_out(struct state_writer *w, const uint8_t *bytes, size_t n)
{
    while (n > 0 && !w->error) {
        const ssize_t done = write(w->fd, bytes, n);
        if (done < 0 && errno != EINTR) {
            w->error = errno;
        } else if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void flush(struct state_writer *w)
{
    write_out(w, w->buffer, w->used);
    w->used = 0;
}

static void put(struct state_writer *w, const void *bytes, size_t n)
{
    if (n > BUFFER_BYTES - w->used) {
        flush(w);
    }
    if (n > BUFFER_BYTES) {
        write_out(w, bytes, n);
    } else if (n) {
        memcpy(w->buffer + w->used, bytes, n);
        w->used += n;
    }
}

/* What the file would take the place of is none, or a file: never a device. */
static bool can_replace(const char *path, struct error *e)
{
    struct stat st;
    return lstat(path, &st) < 0 || S_ISREG(st.st_mode) ||
           error_set(e, "%s: this is there already, and no file", path);
}

struct state_writer *state_writer_open(const char *path, struct error *e)
{
    if (!can_replace(path, e)) {
        return NULL;
    }
    struct state_writer *w = mem_alloc(sizeof(*w));
    w->path = mem_strdup(path);
    w->temporary = mem_printf("%s.XXXXXX", path);
    w->fd = mkostemp(w->temporary, O_CLOEXEC);
    if (w->fd < 0) {
        error_set(e, "%s: no file can be made beside it: %s", path, strerror(errno));
        mem_free(w->path);
        mem_free(w->temporary);
        mem_free(w);
        return NULL;
    }
    w->buffer = mem_alloc(BUFFER_BYTES);
    uint8_t head[STATE_FILE_HEAD];
    memcpy(head, STATE_MAGIC, STATE_MAGIC_BYTES);
    store_le32(head + STATE_MAGIC_BYTES, STATE_FORMAT);
    store_le32(head + STATE_MAGIC_BYTES + 4, 0);
    put(w, head, sizeof(head));
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
    put(w, head, sizeof(head));
    put(w, name, h.name_length);
    put(w, bytes, n);
    w->sections++;
}

bool state_writer_failed(const struct state_writer *w)
{
    return w->error != 0;
}

static void release(struct state_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
    }
    mem_free(w->path);
    mem_free(w->temporary);
    mem_free(w->buffer);
    mem_free(w);
}

void state_writer_abandon(struct state_writer *w)
{
    unlink(w->temporary);
    release(w);
}

/* The name is on the disk as well; a file system that cannot say so has done what it can. */
static void sync_folder(const char *path)
{
    char *copy = mem_strdup(path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    mem_free(copy);
}

static void complete(struct state_writer *w)
{
    uint8_t count[8];
    store_le64(count, w->sections);
    state_writer_put(w, STATE_FIELDS, STATE_END, 1, count, sizeof(count));
    flush(w);
    if (!w->error && fsync(w->fd) < 0) {
        w->error = errno;
    }
    if (close(w->fd) < 0 && !w->error) {
        w->error = errno;
    }
    w->fd = -1;
    if (!w->error && rename(w->temporary, w->path) < 0) {
        w->error = errno;
    }
}

bool state_writer_finish(struct state_writer *w, struct error *e)
{
    complete(w);
    if (w->error) {
        error_set(e,
                  "%s: the state cannot be written: %s; there is no new file, and an old one is "
                  "as it was",
                  w->path, strerror(w->error));
        state_writer_abandon(w);
        return false;
    }
    sync_folder(w->path);
    release(w);
    return true;
}
