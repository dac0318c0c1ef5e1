/* SPDX-License-Identifier: MIT */
/* What the files of a session share: p9_session.c (messages, fids), p9_io.c (what is open, and
 * extended attributes), p9_tree.c (names and attributes). */
#ifndef HW_P9_P9_SESSION_H
#define HW_P9_P9_SESSION_H

#include <dirent.h>

#include "hw/p9/p9.h"

#define P9_BUCKETS 256
#define P9_FIDS_MAX 16384
#define P9_TEXT_MAX 4096 /* of a link's contents, with the NUL */
#define P9_ATTRIBUTE_MAX 65536

enum p9_kind {
    P9_FID_PATH,
    P9_FID_FILE,
    P9_FID_FOLDER,
    P9_FID_ATTRIBUTE,     /* to be read: bytes */
    P9_FID_NEW_ATTRIBUTE, /* set when the fid goes */
};

/* What the guest holds by a number. */
struct p9_fid {
    struct p9_fid *next;
    uint32_t number;
    uint32_t uid; /* of who makes files by it */
    enum p9_kind kind;
    int fd;       /* O_PATH; -1: stale */
    int file;     /* P9_FID_FILE, or -1 */
    int flags;    /* of open */
    DIR *entries; /* P9_FID_FOLDER */
    uint64_t at;  /* of the next entry */
    char *name;   /* of an attribute */
    uint8_t *bytes;
    size_t size, filled;
};

struct p9_session {
    struct p9_share *share;
    struct p9_fid *bucket[P9_BUCKETS];
    unsigned fids;
    uint32_t msize; /* 0: no version was agreed on */
    uint8_t *data;  /* P9_MESSAGE_MAX bytes */
};

/* A message that is being answered: in is behind its header, out gets the answer's body. */
struct p9_call {
    struct p9_session *s;
    struct cursor in;
    struct strbuf *out;
    size_t room; /* of the body */
};

/* p9_session.c */
struct p9_fid *p9_fid_find(struct p9_session *s, uint32_t number);
/* The fid that the message names next; NULL: *result says why. */
struct p9_fid *p9_take_fid(struct p9_call *c, int *result);
/* A new one; -errno. fd is its own then, or closed. */
int p9_fid_add(struct p9_session *s, uint32_t number, int fd, struct p9_fid **out);
/* Its fd is that from now on, and nothing else. */
void p9_fid_become(struct p9_fid *f, int fd);
/* Takes it off its session; what P9_FID_NEW_ATTRIBUTE has come to. */
int p9_fid_drop(struct p9_session *s, uint32_t number);
bool p9_take_text(struct p9_call *c, char *text, size_t size, int *result);
/* A name for something new, or something to be found. */
bool p9_take_name(struct p9_call *c, char *name, int *result);
bool p9_take32(struct p9_call *c, uint32_t *v, int *result);
bool p9_take64(struct p9_call *c, uint64_t *v, int *result);
void p9_put8(struct p9_call *c, uint8_t v);
void p9_put16(struct p9_call *c, uint16_t v);
void p9_put32(struct p9_call *c, uint32_t v);
void p9_put64(struct p9_call *c, uint64_t v);
void p9_put_text(struct p9_call *c, const char *text);
void p9_put_qid(struct p9_call *c, const struct stat *st);

struct p9_row {
    uint8_t type;
    bool writes; /* refused of a share that is only read */
    int (*run)(struct p9_call *c);
};
extern const struct p9_row p9_io_rows[], p9_tree_rows[]; /* end: run NULL */

/* p9_io.c: sets what was collected. */
int p9_set_attribute(struct p9_session *s, struct p9_fid *f);
int p9_open_fid(struct p9_session *s, struct p9_fid *f, int flags);

#endif
