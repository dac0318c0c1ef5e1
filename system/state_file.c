/* SPDX-License-Identifier: MIT */
/*
 * Reading the file that a machine's state was saved in: see state_file.h. Nothing in it is trusted:
 * lengths are compared with the size of the file before memory is asked for.
 */
#include "system/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "system/state_form.h"

#define PIECE_BYTES (1u << 20)

static bool read_at(const struct state_file *f, uint64_t at, void *bytes, size_t n, struct error *e)
{
    uint8_t *to = bytes;
    while (n > 0) {
        const ssize_t got = pread(f->fd, to, n, (off_t)at);
        if (got == 0) {
            return error_set(e, "the file ends in the middle of a section");
        }
        if (got < 0 && errno != EINTR) {
            return error_set(e, "it cannot be read: %s", strerror(errno));
        }
        if (got > 0) {
            to += got;
            at += (uint64_t)got;
            n -= (size_t)got;
        }
    }
    return true;
}

static struct state_section *add_section(struct state_file *f)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->sections = mem_resize_array(f->sections, f->cap, sizeof(*f->sections));
    }
    struct state_section *s = &f->sections[f->count++];
    *s = (struct state_section){0};
    return s;
}

static bool damaged(const struct state_section *s, struct error *e)
{
    return error_set(e, "section '%s' is damaged: its checksum is another one", s->name);
}

/* The contents of pages pass by, for their checksum. */
static bool pass_by(const struct state_file *f, const struct state_section *s, uint32_t *checksum,
                    struct error *e)
{
    uint8_t *piece = mem_alloc(PIECE_BYTES);
    bool good = true;
    for (uint64_t done = 0; done < s->length && good; done += PIECE_BYTES) {
        const uint64_t left = s->length - done;
        const size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        good = read_at(f, s->at + done, piece, n, e);
        *checksum = good ? state_checksum(*checksum, piece, n) : 0;
    }
    mem_free(piece);
    return good;
}

static bool read_contents(struct state_file *f, struct state_section *s, uint32_t *checksum,
                          struct error *e)
{
    if (s->kind == STATE_PAGES) {
        return pass_by(f, s, checksum, e);
    }
    f->total += s->length + sizeof(*s);
    s->bytes = f->total <= STATE_TOTAL_BYTES_MAX ? mem_try_alloc((size_t)s->length + 1) : NULL;
    if (!s->bytes) {
        return error_set(e, "its sections are larger than %u MiB", STATE_TOTAL_BYTES_MAX >> 20);
    }
    if (!read_at(f, s->at, s->bytes, (size_t)s->length, e)) {
        return false;
    }
    *checksum = state_checksum(*checksum, s->bytes, (size_t)s->length);
    return true;
}

static bool read_head(const struct state_file *f, uint64_t at, uint64_t size, struct state_head *h,
                      struct error *e)
{
    uint8_t raw[STATE_SECTION_HEAD];
    if (size - at < sizeof(raw)) {
        return error_set(e, "the file ends before its last section: it was cut off");
    }
    if (!read_at(f, at, raw, sizeof(raw), e)) {
        return false;
    }
    if (!state_head_unpack(raw, h) || h->kind > STATE_PAGES || h->name_length == 0 ||
        h->name_length > STATE_NAME_MAX || h->length > STATE_SECTION_BYTES_MAX) {
        return error_set(e, "there is no section at byte %llu, where one should begin",
                         (unsigned long long)at);
    }
    if (size - at - sizeof(raw) < h->name_length + h->length) {
        return error_set(e, "the file ends in the middle of a section: it was cut off");
    }
    return true;
}

/* The section at *at, which moves behind it. */
static bool read_section(struct state_file *f, uint64_t *at, uint64_t size, struct error *e)
{
    struct state_head h = {0};
    if (!read_head(f, *at, size, &h, e)) {
        return false;
    }
    struct state_section *s = add_section(f);
    s->name = mem_alloc(h.name_length + 1u);
    s->kind = h.kind;
    s->version = h.version;
    s->length = h.length;
    s->checksum = h.checksum;
    s->at = *at + STATE_SECTION_HEAD + h.name_length;
    if (!read_at(f, *at + STATE_SECTION_HEAD, s->name, h.name_length, e)) {
        return false;
    }
    if (memchr(s->name, '\0', h.name_length)) {
        return error_set(e, "the name of a section is none");
    }
    uint32_t checksum = state_head_checksum(&h, s->name);
    if (!read_contents(f, s, &checksum, e)) {
        return false;
    }
    *at = s->at + s->length;
    return checksum == s->checksum || damaged(s, e);
}

static bool read_file_head(const struct state_file *f, uint64_t size, struct error *e)
{
    uint8_t raw[STATE_FILE_HEAD];
    if (size < sizeof(raw) || !read_at(f, 0, raw, sizeof(raw), e) ||
        memcmp(raw, STATE_MAGIC, STATE_MAGIC_BYTES) != 0) {
        return error_set(e, "this is no state of a machine");
    }
    const uint32_t format = load_le32(raw + STATE_MAGIC_BYTES);
    return format == STATE_FORMAT ||
           error_set(e, "the file is of format %u, and this program reads format %u", format,
                     STATE_FORMAT);
}

static bool read_end(struct state_file *f, uint64_t at, uint64_t size, struct error *e)
{
    struct state_section *s = &f->sections[--f->count];
    const bool whole = s->length == 8 && s->bytes && load_le64(s->bytes) == f->count && at == size;
    mem_free(s->name);
    mem_free(s->bytes);
    return whole || error_set(e, "its end does not fit the sections before it");
}

static bool read_all(struct state_file *f, struct error *e)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return error_set(e, "this is no file");
    }
    const uint64_t size = (uint64_t)st.st_size;
    uint64_t at = STATE_FILE_HEAD;
    unsigned fields = 0;
    if (!read_file_head(f, size, e)) {
        return false;
    }
    while (f->count < STATE_SECTIONS_MAX) {
        if (!read_section(f, &at, size, e)) {
            return false;
        }
        const struct state_section *s = &f->sections[f->count - 1];
        if (s->kind == STATE_FIELDS && strcmp(s->name, STATE_END) == 0) {
            return read_end(f, at, size, e);
        }
        if (s->kind == STATE_FIELDS && ++fields > STATE_FIELDS_MAX) {
            return error_set(e, "there are more than %u sections of fields", STATE_FIELDS_MAX);
        }
        if (s->kind == STATE_FIELDS && state_file_find(f, s->name) != s) {
            return error_set(e, "there are two sections '%s'", s->name);
        }
    }
    return error_set(e, "there are more than %u sections", STATE_SECTIONS_MAX);
}

struct state_file *state_file_of(int fd, const char *path, struct error *e)
{
    struct state_file *f = mem_alloc(sizeof(*f));
    f->fd = fd;
    f->path = mem_strdup(path);
    if (!read_all(f, e)) {
        error_prefix(e, "%s: ", path);
        state_file_close(f);
        return NULL;
    }
    return f;
}

struct state_file *state_file_open(const char *path, struct error *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        error_set(e, "%s: %s", path, strerror(errno));
        return NULL;
    }
    return state_file_of(fd, path, e);
}

void state_file_close(struct state_file *f)
{
    if (!f) {
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        mem_free(f->sections[i].name);
        mem_free(f->sections[i].bytes);
    }
    mem_free(f->sections);
    mem_free(f->path);
    close(f->fd);
    mem_free(f);
}

const struct state_section *state_file_find(const struct state_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->sections[i].kind == STATE_FIELDS && strcmp(f->sections[i].name, name) == 0) {
            return &f->sections[i];
        }
    }
    return NULL;
}

bool state_file_pages(const struct state_file *f, const struct state_section *s, void *bytes,
                      struct error *e)
{
    struct state_head h = {.kind = (uint16_t)s->kind,
                           .name_length = (uint16_t)strlen(s->name),
                           .version = s->version,
                           .length = s->length};
    if (!read_at(f, s->at, bytes, (size_t)s->length, e)) {
        return false;
    }
    return state_checksum(state_head_checksum(&h, s->name), bytes, (size_t)s->length) ==
               s->checksum ||
           damaged(s, e);
}
