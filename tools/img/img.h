/* SPDX-License-Identifier: MIT */
/*
 * dragoman-img: what its commands share. A command is a file, a struct command and a line in
 * main.c; its options are rows, from which the command line is read and the help is printed.
 */
#ifndef TOOLS_IMG_IMG_H
#define TOOLS_IMG_IMG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "block/node.h"
#include "tools/command/command.h"
#include "tools/command/image.h"

/* ---- options of all commands */

enum {
    IMG_QUIET = COMMAND_HELP + 1,
    IMG_PROGRESS,
    IMG_OBJECT,
    IMG_FORMAT, /* of the image, the first or the source */
    IMG_OTHER_FORMAT,
    IMG_IMAGE_OPTS,
    IMG_OUTPUT_OPTS,
    IMG_CACHE,
    IMG_SOURCE_CACHE,
    IMG_OPTIONS, /* -o */
    IMG_BACKING,
    IMG_BACKING_FORMAT,
    IMG_UNSAFE,
    IMG_SHARE,
    IMG_OUTPUT,
    IMG_CHAIN,
    IMG_REPAIR,
    IMG_SHRINK,
    IMG_PREALLOC,
    IMG_STRICT,
    IMG_START,
    IMG_LENGTH,
    IMG_SIZE,
    IMG_COUNT,
    IMG_DEPTH,
    IMG_OFFSET,
    IMG_STEP,
    IMG_AIO,
    IMG_NATIVE,
    IMG_WRITE,
    IMG_PATTERN,
    IMG_FLUSH_INTERVAL,
    IMG_NO_DRAIN,
    IMG_LIST,
    IMG_CREATE,
    IMG_APPLY,
    IMG_DELETE,
    IMG_DROP,
    IMG_RATE,
    IMG_COMPRESS,
    IMG_NO_CREATE,
    IMG_IS_ZERO,
    IMG_SPARSE,
    IMG_SNAPSHOT,
    IMG_BITMAPS,
    IMG_SKIP_BROKEN,
    IMG_PARALLEL,
    IMG_OFFLOAD,
    IMG_SALVAGE,
    IMG_OUT_OF_ORDER,
    IMG_FORCE,
    IMG_ADD,
    IMG_REMOVE,
    IMG_CLEAR,
    IMG_ENABLE,
    IMG_DISABLE,
    IMG_MERGE,
    IMG_GRANULARITY,
};

/* Rows that many commands have. */
#define IMG_ROW_QUIET                                                                              \
    {                                                                                              \
        IMG_QUIET, 'q', "quiet", NULL, "say nothing of what was done"                              \
    }
#define IMG_ROW_PROGRESS                                                                           \
    {                                                                                              \
        IMG_PROGRESS, 'p', "progress", NULL, "show how far it has come (SIGUSR1 shows it once)"    \
    }
#define IMG_ROW_OBJECT                                                                             \
    {                                                                                              \
        IMG_OBJECT, 0, "object", "OBJDEF", "an object; none has a use here"                        \
    }
#define IMG_ROW_FORMAT                                                                             \
    {                                                                                              \
        IMG_FORMAT, 'f', "format", "FMT", "format of the image (by looking at it)"                 \
    }
#define IMG_ROW_IMAGE_OPTS                                                                         \
    {                                                                                              \
        IMG_IMAGE_OPTS, 0, "image-opts", NULL, "FILENAME is driver=...,file.filename=..."          \
    }
#define IMG_ROW_SHARE                                                                              \
    {                                                                                              \
        IMG_SHARE, 'U', "force-share", NULL, "others may be writing to the image"                  \
    }
#define IMG_ROW_CACHE                                                                              \
    {                                                                                              \
        IMG_CACHE, 't', "cache", "CACHE",                                                          \
            "none, writeback, writethrough, directsync or unsafe (writeback)"                      \
    }
#define IMG_ROW_OUTPUT                                                                             \
    {                                                                                              \
        IMG_OUTPUT, 0, "output", "human|json", "form of the output (human)"                        \
    }
extern const struct command img_amend, img_bench, img_bitmap, img_check, img_commit, img_compare,
    img_convert, img_create, img_dd, img_info, img_map, img_measure, img_rebase, img_resize,
    img_snapshot;

/* json: whether --output=json was given. False: another word was. */
bool img_output(const struct command_line *l, bool *json, struct error *e);
/* Takes over value. */
void img_say_json(json_t *value);
void img_size_text(uint64_t bytes, struct strbuf *out);

/* ---- images: open.c */

/* What the options of the line say of the image: --format, --image-opts, -U, --cache. */
void img_how_of_line(struct image_how *h, const struct command_line *l, const char *name);
/* One open image of a line with one name; 1 and a message, or 0. */
int img_open_line(struct image *m, struct block_graph *g, const struct command_line *l,
                  const struct image_how *more);
/* Closes it. good: what was to be done to it was; else e says why not. 1 and a message, or 0. */
int img_close_line(struct image *m, bool good, struct error *e);

/* Adds KEY=VALUE,... of all -o to the object. *help: somebody asks what there is. */
bool img_options(const struct command_line *l, json_t *into, bool *help, struct error *e);
/* Prints what can be said with -o. name: also of the protocol that has this file, or NULL. */
int img_options_help(const char *format, const char *name, bool amend);
/* Refuses all --object, in words. */
bool img_objects(const struct command_line *l, struct error *e);
/* Facts of an image, qemu-img's; json_decref. */
json_t *img_facts(struct block_node *n, struct error *e);
/* Its snapshots under qemu-img's names; json_decref. And such a list as a table. */
json_t *img_snapshots(struct block_node *n);
void img_snapshot_table(struct strbuf *s, const json_t *list);
/* Bytes of a cluster of an image, or 0. */
uint64_t img_cluster_bytes(struct block_node *n);

/* ---- progress and interrupts: progress.c */

struct img_progress {
    bool on;
    uint64_t shown; /* in hundredths of a percent */
};

void img_progress_begin(struct img_progress *p, bool on);
void img_progress_show(struct img_progress *p, uint64_t done, uint64_t all);
/* The line is complete; the terminal stands at the begin of the next. */
void img_progress_end(struct img_progress *p);

/* Waits until so many bytes may be done, at `rate` a second since then, or an interrupt. */
void img_keep_rate(uint64_t rate, int64_t begun_ns, uint64_t done);

/* From now on SIGINT, SIGTERM and SIGHUP only make img_interrupted() true; what was begun is taken
 * back, and img_interrupt_end() dies of the signal. */
void img_interrupt_begin(void);
bool img_interrupted(void);
void img_interrupt_end(void);

/* The host's files that an image consists of, its backing file's not. */
struct img_files {
    char **path;
    size_t count;
};
void img_files_take(struct img_files *f, const struct block_node *n);
void img_files_end(struct img_files *f, bool remove);

#endif
