/* SPDX-License-Identifier: MIT */
/*
 * The file that a machine's state is saved in: named sections with a version, a length and a
 * checksum each, in this form, numbers low byte first.
 *
 *     file     "dragoman-state\r\n", format (4 bytes), 0 (4 bytes), sections
 *     section  "DGSN", kind (2), length of the name (2), version (4), CRC-32 (4), length of the
 *              contents (8), name, contents
 *
 * The checksum is over all of the section but itself. The last section is called "end" and has the
 * number of those before it. A section of kind pages holds a piece of a large memory, and there may
 * be many of one name; of the others there is one of each name.
 */
#ifndef SYSTEM_STATE_FILE_H
#define SYSTEM_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum state_kind {
    STATE_FIELDS,
    STATE_PAGES
};

#define STATE_FORMAT 1
#define STATE_SECTION_BYTES_MAX (64u << 20)
#define STATE_TOTAL_BYTES_MAX (512u << 20) /* of sections that are not pages */
#define STATE_NAME_MAX 255
#define STATE_SECTIONS_MAX (1u << 22)
#define STATE_FIELDS_MAX 4096

/* ---- writing: to a temporary name beside path, which is renamed when all is there */

struct state_writer;

struct state_writer *state_writer_open(const char *path, struct error *e);
/* What fails is remembered and told of by state_writer_finish. */
void state_writer_put(struct state_writer *w, enum state_kind kind, const char *name,
                      unsigned version, const void *bytes, size_t n);
bool state_writer_failed(const struct state_writer *w);
/* Completes the file and gives it its name; false: an earlier file of that name is as it was, and
 * there is no other. Frees w. */
bool state_writer_finish(struct state_writer *w, struct error *e);
/* Gives up: removes what was written. Frees w. */
void state_writer_abandon(struct state_writer *w);

/* ---- reading */

struct state_section {
    char *name;
    enum state_kind kind;
    unsigned version;
    uint64_t at, length; /* of the contents in the file */
    uint32_t checksum;
    uint8_t *bytes; /* the contents; NULL of pages, see state_file_pages */
};

struct state_file {
    int fd;
    char *path;
    struct state_section *sections; /* without the last */
    size_t count, cap;
    uint64_t total; /* of bytes that are in memory */
};

/* Reads all of the file and checks form and checksums. NULL: e says what is wrong, with the path.
 */
struct state_file *state_file_open(const char *path, struct error *e);
/* The same from a file that is open already, and belongs to the result; path is for messages. */
struct state_file *state_file_of(int fd, const char *path, struct error *e);
void state_file_close(struct state_file *f); /* NULL: nothing */

/* The section of fields with this name, or NULL. */
const struct state_section *state_file_find(const struct state_file *f, const char *name);
/* Reads the contents of a section of pages, once more with its checksum, into bytes. e does not
 * name the file. */
bool state_file_pages(const struct state_file *f, const struct state_section *s, void *bytes,
                      struct error *e);

#endif
