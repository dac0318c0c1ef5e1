/* SPDX-License-Identifier: MIT */
/*
 * A folder of the host for a guest: a server of 9P2000.L (the protocol that Linux' v9fs speaks;
 * Documentation/filesystems/9p and the protocol's description by the diod project).
 *
 * Everything is reached from the folder's descriptor, one name at a time, and names have no slash;
 * openat2 (RESOLVE_BENEATH, no symbolic links) is the only way down. What a guest holds is a
 * descriptor without rights (O_PATH), so nothing that it renames or links leads out.
 */
#ifndef HW_P9_P9_H
#define HW_P9_P9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/os.h"
#include "base/strbuf.h"

/* Whose the guest's files are on the host. */
enum p9_model {
    P9_NONE,        /* as passthrough; what this process may not give away stays its own */
    P9_PASSTHROUGH, /* the guest's owners and rights are the host's */
    P9_MAPPED,      /* they are in attributes, and the files are this process's */
    P9_MAPPED_FILE, /* they are in files of a folder beside */
};
extern const char *const p9_model_names[]; /* in that order; ends with NULL */

/* Several file systems below the folder: their files may have the same numbers. */
enum p9_devices {
    P9_WARN,
    P9_REMAP,
    P9_FORBID,
};
extern const char *const p9_devices_names[];

struct p9_options {
    const char *path;
    int model, devices;
    bool readonly;
    uint32_t file_mode, folder_mode; /* of what a mapped model makes */
};

struct p9_share;

/* path is a folder. NULL: e says why. */
struct p9_share *p9_share_open(const struct p9_options *o, struct error *e);
void p9_share_close(struct p9_share *s); /* NULL is allowed; no session is left */

/* What one guest does with it. One thread at a time. */
struct p9_session;
struct p9_session *p9_session_create(struct p9_share *s);
void p9_session_free(struct p9_session *s);
/* As before the first message. */
void p9_session_reset(struct p9_session *s);
/* Answers the message in: at most room bytes are appended to out, whose length must be 0. Whatever
 * in is, there is an answer. */
void p9_session_answer(struct p9_session *s, const void *in, size_t n, size_t room,
                       struct strbuf *out);
/* What the guest holds, as bytes, and again: what is not there any more is stale. false: the bytes
 * are none that p9_session_save wrote. Without store nothing changes. */
void p9_session_save(struct p9_session *s, struct strbuf *out);
bool p9_session_load(struct p9_session *s, const void *bytes, size_t n, bool store,
                     struct error *e);

/* ---- between the files of hw/p9 */

#define P9_NAME_MAX 255
#define P9_MESSAGE_MAX (512u << 10)

/* Calls give 0 or a positive number, or an error of errno.h, negative. */
struct p9_meta {
    uint32_t uid, gid, mode;
    uint64_t rdev;
};

struct p9_share {
    struct p9_options o;
    int root;             /* O_PATH */
    char *path;           /* as the host knows it now */
    uint64_t device;      /* of the root */
    struct os_mutex lock; /* several sessions have the folder; guards what follows */
    uint64_t devices[64]; /* others that were met */
    unsigned device_count;
    bool warned;
};

/* p9_path.c */
bool p9_name_good(const struct p9_share *s, const char *name);
/* An O_PATH descriptor of a name in a folder. */
int p9_find(const struct p9_share *s, int folder, const char *name);
/* Of a path from the root on ("" is the root). */
int p9_find_path(const struct p9_share *s, const char *path);
/* The path of fd from the root on (mem_free), or NULL: it has none any more. */
char *p9_path_of(const struct p9_share *s, int fd);
/* The folder that fd is in, and its name there (mem_free); the root has none. */
int p9_parent(const struct p9_share *s, int fd, char **name);
/* Opens what fd is of, for bytes or entries. */
int p9_reopen(int fd, int flags);
/* "/proc/self/fd/N": a name of the file itself. */
#define P9_SELF_BYTES 32
const char *p9_self(int fd, char *text);

/* p9_meta.c: owners, rights and kinds as the guest has them. */
/* The number of st's file, as guests have it: of what device it is shows in it, as multidevs= says.
 * False: there is none. */
bool p9_number(struct p9_share *s, struct stat *st);
int p9_stat(struct p9_share *s, int fd, struct stat *st);
/* A new file fd, which is `name` of folder, belongs to the guest so. */
int p9_meta_create(const struct p9_share *s, int folder, const char *name, int fd,
                   const struct p9_meta *m);
/* What of mask (bits 1 mode, 2 uid, 4 gid) changes. */
int p9_meta_change(struct p9_share *s, int fd, unsigned mask, const struct p9_meta *m);
/* The file of metadata goes with its file; `to` NULL: it goes. */
int p9_meta_move(const struct p9_share *s, int folder, const char *name, int to_folder,
                 const char *to);
bool p9_is_mapped(const struct p9_share *s);
bool p9_hides_name(const struct p9_share *s, const char *name);
bool p9_hides_attribute(const struct p9_share *s, const char *name);

/* p9_files.c: what changes folders; name is good. */
int p9_make_file(struct p9_share *s, int folder, const char *name, int flags,
                 const struct p9_meta *m, int *opened);
int p9_make_folder(struct p9_share *s, int folder, const char *name, const struct p9_meta *m);
int p9_make_node(struct p9_share *s, int folder, const char *name, const struct p9_meta *m);
int p9_make_link(struct p9_share *s, int folder, const char *name, const char *to,
                 const struct p9_meta *m);
int p9_read_link(struct p9_share *s, int fd, char *text, size_t size);
int p9_link(struct p9_share *s, int fd, int folder, const char *name);
int p9_rename(struct p9_share *s, int from, const char *name, int to, const char *new_name);
int p9_remove(struct p9_share *s, int folder, const char *name, bool is_folder);

#endif
