/* SPDX-License-Identifier: MIT */
/* Files that the command line names, read by boards: see image.h. */
#include "hw/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

static bool regular_size(FILE *file, uint64_t *size)
{
    struct stat st;
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    *size = (uint64_t)st.st_size;
    return true;
}

bool image_open(struct image_file *f, const char *what, const char *path, struct error *e)
{
    *f = (struct image_file){.file = fopen(path, "rb")};
    if (!f->file) {
        return error_set(e, "%s %s: %s", what, path, strerror(errno));
    }
    if (!regular_size(f->file, &f->size)) {
        image_close(f);
        return error_set(e, "%s %s: not a regular file", what, path);
    }
    f->path = mem_strdup(path);
    return true;
}

void image_close(struct image_file *f)
{
    if (f->file) {
        fclose(f->file);
    }
    mem_free(f->path);
    *f = (struct image_file){0};
}

bool image_read(const struct image_file *f, uint64_t offset, void *bytes, size_t n)
{
    return offset <= INT64_MAX && fseeko(f->file, (off_t)offset, SEEK_SET) == 0 &&
           fread(bytes, 1, n, f->file) == n;
}

uint8_t *image_read_all(const struct image_file *f, const char *what, uint64_t max, struct error *e)
{
    if (f->size > max) {
        error_set(e, "%s %s: %" PRIu64 " bytes are more than the %" PRIu64 " that can be used",
                  what, f->path, f->size, max);
        return NULL;
    }
    uint8_t *bytes = mem_try_alloc(f->size ? f->size : 1);
    if (!bytes || !image_read(f, 0, bytes, f->size)) {
        error_set(e, "%s %s: %s", what, f->path, bytes ? "cannot be read" : "no memory to read it");
        mem_free(bytes);
        return NULL;
    }
    return bytes;
}
