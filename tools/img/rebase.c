/* SPDX-License-Identifier: MIT */
/* dragoman-img rebase and commit: images and what they stand on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "block/driver.h"
#include "tools/img/img.h"

/* ---- rebase */

struct rebase {
    struct block_node *n;    /* stands on its old backing file */
    struct block_node *onto; /* NULL: on nothing */
    uint64_t unit;           /* is taken over, or left, as a whole */
    bool packed;
    struct img_progress p;
    uint8_t *old, *new;
};

#define PIECE_UNITS 16

/* Behind the end of the old backing file the image reads as zeros without a word: there only zeros
 * that are written stay what they are when the image stands on another one. */
static bool old_reaches(const struct rebase *r, uint64_t at)
{
    struct block_node *old = block_node_child(block_node_skip_filters(r->n), "backing");
    return old && at < block_node_size(old);
}

static int take_over(const struct rebase *r, uint64_t at, const uint8_t *bytes, size_t length)
{
    if (old_reaches(r, at) && block_is_zero(bytes, length)) {
        return block_node_zero(r->n, at, length, BLOCK_MAY_UNMAP);
    }
    /* Subclusters may be a part of a cluster. */
    const bool whole = at % r->unit == 0 &&
                       (length == r->unit || at + length == block_node_size(r->n));
    return r->packed && whole ? block_node_write_packed(r->n, at, bytes, length)
                              : block_node_write(r->n, at, bytes, length, 0);
}

/* What shows through from the old backing file, and is not the same in the new one, is copied. */
static int rebase_piece(const struct rebase *r, uint64_t at, uint64_t bytes)
{
    int status = block_node_read(r->n, at, r->old, (size_t)bytes);
    status = status < 0 ? status : block_node_read_padded(r->onto, at, r->new, (size_t)bytes);
    for (uint64_t done = 0; done < bytes && status == 0;) {
        const uint64_t rest = bytes - done, edge = r->unit - (at + done) % r->unit;
        const size_t some = (size_t)(rest < edge ? rest : edge);
        if (memcmp(r->old + done, r->new + done, some) != 0) {
            status = take_over(r, at + done, r->old + done, some);
        }
        done += some;
    }
    return status;
}

static int rebase_all(struct rebase *r)
{
    const uint64_t size = block_node_size(r->n), piece = r->unit * PIECE_UNITS;
    int status = 0;
    for (uint64_t at = 0; at < size && status == 0;) {
        struct block_status s;
        status = block_node_status(r->n, at, size - at < piece ? size - at : piece, false, &s);
        if (status == 0 && s.where == BLOCK_UNALLOCATED) {
            status = rebase_piece(r, at, s.bytes);
        }
        at += status < 0 ? 0 : s.bytes;
        img_progress_show(&r->p, at, size);
        status = status == 0 && img_interrupted() ? -ECANCELED : status;
    }
    return status < 0 ? status : block_node_flush(r->n);
}

/* The content stays what it is: safe mode. */
static bool keep_content(const struct command_line *l, struct block_node *n,
                         struct block_node *onto, struct error *e)
{
    const uint64_t cluster = img_cluster_bytes(n);
    struct rebase r = {.n = n,
                       .onto = onto,
                       .unit = cluster > 4096 && cluster <= 1u << 22 ? cluster : 4096,
                       .packed = command_given(l, IMG_COMPRESS)};
    if (r.packed && (!block_node_skip_filters(n)->driver->write_packed || r.unit != cluster)) {
        return error_set(e, "%s: it cannot be compressed", block_node_file(n));
    }
    r.old = mem_buffer((size_t)(r.unit * PIECE_UNITS));
    r.new = mem_buffer((size_t)(r.unit * PIECE_UNITS));
    img_interrupt_begin();
    img_progress_begin(&r.p, command_given(l, IMG_PROGRESS));
    int status = rebase_all(&r);
    img_progress_end(&r.p);
    mem_free(r.old);
    mem_free(r.new);
    return status == 0 || error_set(e, "%s: it stands on what it stood on: %s", block_node_file(n),
                                    strerror(-status));
}

static bool rebase_safe(const struct command_line *l, struct block_graph *g, struct block_node *n,
                        const char *name, struct error *e)
{
    struct image onto = {NULL, NULL};
    char *full = *name ? block_name_beside(n, name) : NULL;
    const struct image_how h = {.name = full,
                                .format = command_value(l, IMG_BACKING_FORMAT),
                                .cache = command_value(l, IMG_SOURCE_CACHE),
                                .share = command_given(l, IMG_SHARE)};
    bool good = (!full || image_open(&onto, g, &h, e)) && keep_content(l, n, onto.node, e);
    const char *format = command_value(l, IMG_BACKING_FORMAT);
    if (good && full) {
        good = block_node_set_backing(n, name, format ? format : block_node_driver(onto.node), e);
    } else if (good) {
        good = block_node_set_backing(n, NULL, NULL, e);
    }
    image_drop(&onto);
    mem_free(full);
    return good;
}

static bool rebase_it(const struct command_line *l, struct block_graph *g, struct block_node *n,
                      struct error *e)
{
    const char *name = command_value(l, IMG_BACKING),
               *format = command_value(l, IMG_BACKING_FORMAT);
    if (!block_node_skip_filters(n)->driver->set_backing) {
        return error_set(e, "%s: the format '%s' has no backing files", block_node_file(n),
                         block_node_driver(n));
    }
    if (!command_given(l, IMG_UNSAFE)) {
        return rebase_safe(l, g, n, name, e);
    }
    if (name && *name && !format) {
        return error_set(e, "%s: the format of the backing file is missing (-F FMT)", name);
    }
    return name && *name ? block_node_set_backing(n, name, format, e)
                         : block_node_set_backing(n, NULL, NULL, e);
}

static int rebase_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    const bool unsafe = command_given(l, IMG_UNSAFE);
    if (!unsafe && !command_value(l, IMG_BACKING)) {
        return command_usage(l, "-b FILE is expected (\"\" for none), or -u");
    }
    struct block_graph *g = block_graph_create();
    int status = img_open_line(&m, g, l, &(struct image_how){.write = true, .no_backing = unsafe});
    if (status == 0) {
        status = img_close_line(&m, rebase_it(l, g, m.node, &e), &e);
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option rebase_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_PROGRESS,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    IMG_ROW_CACHE,
    {IMG_BACKING, 'b', "backing", "FILE", "what it stands on from now on; \"\": on nothing"},
    {IMG_BACKING_FORMAT, 'F', "backing-format", "FMT", "the format of that"},
    {IMG_SOURCE_CACHE, 'T', "backing-cache", "CACHE", "cache mode for that (writeback)"},
    {IMG_UNSAFE, 'u', "backing-unsafe", NULL, "change the name alone, whatever is in the files"},
    {IMG_COMPRESS, 'c', "compress", NULL, "what has to be copied is compressed"},
    IMG_ROW_SHARE,
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_rebase = {
    .name = "rebase",
    .summary = "Give an image another backing file",
    .operands = "FILENAME",
    .about = "What the image shows stays the same, unless -u is given.\n",
    .options = rebase_options,
    .run = rebase_run,
};

/* ---- commit */

struct commit {
    struct img_progress p;
    uint64_t rate; /* bytes a second at most, or 0 */
    int64_t begun_ns;
};

static bool on_progress(void *opaque, uint64_t done, uint64_t all)
{
    struct commit *c = opaque;
    img_progress_show(&c->p, done, all);
    if (c->rate) {
        img_keep_rate(c->rate, c->begun_ns, done);
    }
    return !img_interrupted();
}

/* The image of that name below n. */
static struct block_node *find_below(struct block_node *n, const char *name)
{
    char *beside = block_name_beside(n, name);
    struct block_node *found = NULL;
    for (n = block_node_skip_filters(n); n && !found;) {
        struct block_node *below = block_node_child(n, "backing");
        if (below && (strcmp(block_node_file(below), name) == 0 ||
                      strcmp(block_node_file(below), beside) == 0)) {
            found = below;
        }
        n = below ? block_node_skip_filters(below) : NULL;
    }
    mem_free(beside);
    return found;
}

static bool commit_it(const struct command_line *l, struct block_node *n, uint64_t rate,
                      struct error *e)
{
    const char *name = command_value(l, IMG_BACKING);
    struct block_node *base = name ? find_below(n, name) : NULL;
    struct commit c = {.rate = rate, .begun_ns = os_now_ns()};
    if (name && !base) {
        return error_set(e, "%s does not stand on '%s'", block_node_file(n), name);
    }
    img_interrupt_begin();
    img_progress_begin(&c.p, command_given(l, IMG_PROGRESS) && !command_given(l, IMG_QUIET));
    bool good = block_node_commit_to(n, &(struct block_commit){base, on_progress, &c}, e);
    img_progress_end(&c.p);
    return good;
}

static int commit_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    uint64_t rate;
    /* An image that is not emptied need not be written. */
    const bool keeps = command_given(l, IMG_DROP) || command_given(l, IMG_BACKING);
    if (!command_bytes(l, IMG_RATE, 0, &rate, &e)) {
        return command_fail(&e);
    }
    struct block_graph *g = block_graph_create();
    int status = img_open_line(&m, g, l, &(struct image_how){.write = !keeps});
    if (status == 0) {
        status = img_close_line(&m, commit_it(l, m.node, rate, &e), &e);
        if (status == 0 && !command_given(l, IMG_QUIET)) {
            printf("Image committed.\n");
        }
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option commit_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_PROGRESS,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    IMG_ROW_CACHE,
    {IMG_DROP, 'd', "drop", NULL, "leave the image as it is; else it is emptied"},
    {IMG_BACKING, 'b', "base", "FILE", "commit to this one of the images below; as with -d"},
    {IMG_RATE, 'r', "rate", "RATE", "bytes a second at most"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_commit = {
    .name = "commit",
    .summary = "Write what an image has into its backing file",
    .operands = "FILENAME",
    .options = commit_options,
    .run = commit_run,
};
