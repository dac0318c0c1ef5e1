/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: the workload, what it may leave behind, and the cuts. Each sector of the disk carries
 * the number of the operation that wrote it, so that what is found can be told apart.
 */
#include "tests/support/power_cut.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block.h"
#include "block/block_internal.h"
#include "tests/support/folder.h"
#include "tests/support/recorder.h"

#define AT_ONCE 6 /* operations under way together */
#define LONGEST 128u

/* One operation. What it did is between two places of the recording. */
struct step {
    struct block_request r;
    struct iovec iov;
    unsigned number; /* from 1; what its sectors carry */
    uint64_t first, sectors;
    size_t begins, ends;                /* places in the recording */
    unsigned long seq_begins, seq_ends; /* among all beginnings and ends */
    struct run *run;
};

#define FILES_MAX 3

/* A file, whole. */
struct remains {
    uint8_t *bytes;
    size_t length, room;
};

struct run {
    const struct power_cut_plan *plan;
    struct rng rng;
    struct block_graph *graph;
    struct block_node *below[FILES_MAX], *node; /* the first has all records */
    unsigned files;
    struct remains start[FILES_MAX]; /* the image before the workload */
    struct step *steps;
    unsigned count;
    unsigned long seq;
};

/* ---- sectors */

static void fill_sector(uint8_t *p, unsigned number, uint64_t sector)
{
    for (unsigned i = 0; i < BLOCK_SECTOR / 8; i++) {
        uint64_t word = number ? (uint64_t)number << 32 ^ sector << 8 ^ i : 0;
        memcpy(p + 8 * i, &word, sizeof(word));
    }
}

static bool sector_is(const uint8_t *p, unsigned number, uint64_t sector)
{
    uint8_t expected[BLOCK_SECTOR];
    fill_sector(expected, number, sector);
    return memcmp(p, expected, sizeof(expected)) == 0;
}

/* ---- the image */

static bool make_one(const struct run *u, const char *folder, struct error *e)
{
    char *path = mem_printf("%s/0", folder);
    json_t *o = u->plan->options ? json_loads(u->plan->options, 0, NULL) : json_object();
    json_object_set_new(o, "size", json_integer((json_int_t)u->plan->disk_bytes));
    const bool good = block_image_create(u->graph, u->plan->format, path, o, e);
    json_decref(o);
    mem_free(path);
    return good;
}

static bool make_image(struct run *u, struct error *e)
{
    char folder[] = "/var/tmp/dragoman-test.XXXXXX";
    const bool there = mkdtemp(folder) != NULL;
    bool good = there &&
                (u->plan->make ? u->plan->make(u->graph, folder, e) : make_one(u, folder, e));
    for (u->files = 1; u->files < FILES_MAX && u->plan->children[u->files - 1];) {
        u->files++;
    }
    for (unsigned i = 0; good && i < u->files; i++) {
        char *path = mem_printf("%s/%u", folder, i);
        good = folder_read_file(path, &u->start[i].bytes, &u->start[i].length) ||
               error_set(e, "%s: unread", path);
        u->start[i].room = u->start[i].length;
        mem_free(path);
    }
    if (there) {
        folder_remove(AT_FDCWD, folder);
    }
    return good;
}

/* The format on files in memory with these contents. */
static struct block_node *open_image(const struct run *u, struct block_graph *g,
                                     const struct remains *files, struct block_node **below,
                                     struct error *e)
{
    const struct block_mode m = {.write = true, .discard = true};
    json_t *o = u->plan->open ? json_loads(u->plan->open, 0, NULL) : json_object();
    for (unsigned i = 0; i < u->files; i++) {
        char name[20];
        snprintf(name, sizeof(name), "memory%u", i);
        below[i] = recorder_open(g, name, files[i].bytes, files[i].length);
        recorder_of(below[i])->number = i;
        recorder_of(below[i])->into = i ? recorder_of(below[0]) : NULL;
        json_object_set_new(o, i ? u->plan->children[i - 1] : "file", json_string(name));
    }
    json_object_set_new(o, "driver", json_string(u->plan->format));
    struct block_node *node = block_node_open(g, o, &m, e);
    json_decref(o);
    return node;
}

static void close_files(const struct run *u, struct block_node **below)
{
    for (unsigned i = u->files; i-- > 0;) {
        block_node_close(below[i]);
        below[i] = NULL;
    }
}

/* ---- the workload */

static void step_done(struct block_request *r, int status)
{
    struct step *s = container_of(r, struct step, r);
    s->ends = recorder_count(s->run->below[0]);
    s->seq_ends = ++s->run->seq;
    if (status < 0) {
        fprintf(stderr, "operation %u: %s\n", s->number, strerror(-status));
        abort();
    }
    mem_free(s->iov.iov_base);
    s->iov.iov_base = NULL;
}

static bool clashes(const struct run *u, const struct step *s)
{
    for (unsigned i = 0; i < u->count; i++) {
        const struct step *o = &u->steps[i];
        if (!o->seq_ends && o->first < s->first + s->sectors && s->first < o->first + o->sectors) {
            return true;
        }
    }
    return false;
}

static void choose(struct run *u, struct step *s)
{
    static const enum block_op ops[] = {BLOCK_WRITE,        BLOCK_WRITE, BLOCK_WRITE,  BLOCK_WRITE,
                                        BLOCK_WRITE_ZEROES, BLOCK_FLUSH, BLOCK_DISCARD};
    const uint64_t all = u->plan->disk_bytes / BLOCK_SECTOR;
    *s = (struct step){.run = u, .number = u->count + 1};
    s->r.op = ops[rng_below(&u->rng, array_len(ops))];
    s->r.flags = s->r.op == BLOCK_WRITE && rng_below(&u->rng, 8) == 0 ? BLOCK_FUA : 0;
    s->r.flags |= s->r.op == BLOCK_WRITE_ZEROES && rng_below(&u->rng, 2) ? BLOCK_MAY_UNMAP : 0;
    if (s->r.op != BLOCK_FLUSH) {
        s->sectors = 1 + rng_below(&u->rng, rng_below(&u->rng, 3) ? 16 : LONGEST);
        s->first = rng_below(&u->rng, all - s->sectors + 1);
        s->first &= ~(uint64_t)(rng_below(&u->rng, 2) ? 7 : 0);
    }
}

static void start_step(struct run *u, struct block_queue *q, struct step *s)
{
    s->r.offset = s->first * BLOCK_SECTOR;
    s->r.bytes = s->sectors * BLOCK_SECTOR;
    s->r.done = step_done;
    if (s->r.op == BLOCK_WRITE) {
        s->iov = (struct iovec){mem_alloc((size_t)s->r.bytes), (size_t)s->r.bytes};
        for (uint64_t i = 0; i < s->sectors; i++) {
            fill_sector((uint8_t *)s->iov.iov_base + i * BLOCK_SECTOR, s->number, s->first + i);
        }
        s->r.iov = &s->iov;
        s->r.iov_count = 1;
    }
    s->begins = recorder_count(u->below[0]);
    s->seq_begins = ++u->seq;
    block_queue_submit(q, &s->r);
}

static bool workload(struct run *u, struct error *e)
{
    struct block *disk = block_open_node(u->node, "disk", BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                         BLOCK_PERM_ALL, e);
    struct block_queue *q = disk ? block_queue_create(disk, 16, e) : NULL;
    bool good = q != NULL;
    u->steps = mem_array(u->plan->operations, sizeof(*u->steps));
    while (good && u->count < u->plan->operations) {
        struct step *s = &u->steps[u->count];
        choose(u, s);
        while (clashes(u, s) || block_queue_outstanding(q) >= AT_ONCE) {
            block_queue_wait(q);
        }
        start_step(u, q, s);
        u->count++;
        if (u->plan->extra) {
            block_queue_drain(q);
            good = u->plan->extra(u->node, u->count, e);
        }
    }
    block_queue_destroy(q);
    block_close(disk);
    return good;
}

/* ---- what may be found */

/* The last operation on each sector that is certain at a cut: it was acknowledged, and a flush that
 * began later was, too. */
static unsigned long certain_before(const struct run *u, size_t cut)
{
    unsigned long seq = 0;
    for (unsigned i = 0; i < u->count; i++) {
        const struct step *s = &u->steps[i];
        if (s->r.op == BLOCK_FLUSH && s->ends <= cut && s->seq_begins > seq) {
            seq = s->seq_begins;
        }
    }
    return seq;
}

#define CANDIDATES 64

struct candidates {
    unsigned number[CANDIDATES];
    unsigned count;
};

static void add_candidate(struct candidates *c, const struct step *s, bool certain)
{
    const bool discard = s->r.op == BLOCK_DISCARD;
    if (certain && !discard) {
        c->count = 0;
    }
    if (c->count < CANDIDATES) {
        c->number[c->count++] = s->r.op == BLOCK_WRITE ? s->number : 0;
    }
}

static bool sector_may_be(const struct run *u, size_t cut, unsigned long certain, uint64_t sector,
                          const uint8_t *p)
{
    struct candidates c = {.count = 1};
    for (unsigned i = 0; i < u->count; i++) {
        const struct step *s = &u->steps[i];
        if (s->r.op != BLOCK_FLUSH && s->begins <= cut && sector >= s->first &&
            sector < s->first + s->sectors) {
            bool fua = (s->r.flags & BLOCK_FUA) && s->ends <= cut;
            add_candidate(&c, s, fua || s->seq_ends < certain);
        }
    }
    for (unsigned i = 0; i < c.count; i++) {
        if (sector_is(p, c.number[i], sector)) {
            return true;
        }
    }
    return false;
}

static bool check_contents(const struct run *u, struct block_node *n, size_t cut, struct error *e)
{
    const uint64_t size = u->plan->disk_bytes;
    const unsigned long certain = certain_before(u, cut);
    uint8_t *disk = mem_alloc((size_t)size);
    int status = block_node_read(n, 0, disk, (size_t)size);
    bool good = status == 0 || error_set(e, "the disk cannot be read: %s", strerror(-status));
    for (uint64_t i = 0; good && i < size / BLOCK_SECTOR; i++) {
        if (!sector_may_be(u, cut, certain, i, disk + i * BLOCK_SECTOR)) {
            uint64_t word;
            memcpy(&word, disk + i * BLOCK_SECTOR, sizeof(word));
            good = error_set(e, "sector %llu has what operation %u wrote, or worse",
                             (unsigned long long)i, (unsigned)(word >> 32));
        }
    }
    mem_free(disk);
    return good;
}

/* ---- cuts */

static void grow(struct remains *f, uint64_t end)
{
    if (end > f->room) {
        f->bytes = mem_realloc(f->bytes, (size_t)end * 2);
        memset(f->bytes + f->room, 0, (size_t)end * 2 - f->room);
        f->room = (size_t)end * 2;
    }
    f->length = end > f->length ? (size_t)end : f->length;
}

static void put(struct remains *f, const struct record *w, uint64_t from, uint64_t n)
{
    grow(f, w->offset + from + n);
    if (w->data) {
        memcpy(f->bytes + w->offset + from, w->data + from, (size_t)n);
    } else {
        memset(f->bytes + w->offset + from, 0, (size_t)n);
    }
}

static void apply(struct remains *f, const struct record *w)
{
    if (w->kind == RECORD_WRITE) {
        put(f, w, 0, w->bytes);
    } else if (w->kind == RECORD_RESIZE) {
        size_t old = f->length;
        grow(f, w->offset);
        if (w->offset < old) {
            memset(f->bytes + w->offset, 0, old - (size_t)w->offset);
            f->length = (size_t)w->offset;
        }
    }
}

/* All of it, nothing, or some of its sectors. */
static void apply_some(struct remains *f, const struct record *w, struct rng *g)
{
    uint64_t how = w->fua ? 0 : rng_below(g, 4);
    if (how == 0 || (how == 1 && w->kind != RECORD_WRITE)) {
        apply(f, w);
    } else if (how == 1) {
        for (uint64_t at = 0; at < w->bytes;) {
            uint64_t to_edge = BLOCK_SECTOR - (w->offset + at) % BLOCK_SECTOR;
            uint64_t n = w->bytes - at < to_edge ? w->bytes - at : to_edge;
            if (rng_below(g, 2)) {
                put(f, w, at, n);
            }
            at += n;
        }
    }
}

static bool open_and_check(const struct run *u, const struct remains *files, size_t cut,
                           struct power_cut_result *r, struct error *e)
{
    struct block_graph *g = block_graph_create();
    struct block_node *below[FILES_MAX];
    struct block_check c = {0};
    struct block_node *n = open_image(u, g, files, below, e);
    bool good = n != NULL;
    if (good && n->driver->check) {
        good = n->driver->check(n, 0, &c, e);
        r->dirty += c.leaks || c.corruptions;
        if (good && u->plan->repair && (c.leaks || c.corruptions)) {
            c = (struct block_check){0};
            good = n->driver->check(n, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &c, e);
        }
        if (good && (c.corruptions || c.check_errors)) {
            good = error_set(e, "%llu corruptions, %llu errors of the check",
                             (unsigned long long)c.corruptions, (unsigned long long)c.check_errors);
        }
    }
    good = good && check_contents(u, n, cut, e);
    block_node_close(n);
    close_files(u, below);
    block_graph_destroy(g);
    return good;
}

/* The power goes after `cut` records. durable has those that are marked. */
static bool cut_at(struct run *u, const struct remains *durable, const bool *marked, size_t cut,
                   struct power_cut_result *r, struct error *e)
{
    const struct recorder *rec = recorder_of(u->below[0]);
    struct remains f[FILES_MAX];
    for (unsigned i = 0; i < u->files; i++) {
        f[i] = durable[i];
        f[i].bytes = mem_dup(durable[i].bytes, durable[i].room);
    }
    for (size_t i = 0; i < cut; i++) {
        if (!marked[i]) {
            apply_some(&f[rec->records[i].file], &rec->records[i], &u->rng);
        }
    }
    bool good = open_and_check(u, f, cut, r, e);
    for (unsigned i = 0; i < u->files; i++) {
        mem_free(f[i].bytes);
    }
    r->cuts++;
    if (!good) {
        error_prefix(e, "%s, cut %u, after %zu of %zu records: ", u->plan->format, r->cuts, cut,
                     rec->count);
    }
    return good;
}

/* A flush of a file was the last record: what came to it before is there for good. */
static void make_durable(const struct recorder *rec, struct remains *durable, bool *marked,
                         size_t cut)
{
    const unsigned file = rec->records[cut - 1].file;
    for (size_t i = 0; i < cut; i++) {
        if (!marked[i] && rec->records[i].file == file) {
            apply(&durable[file], &rec->records[i]);
            marked[i] = true;
        }
    }
}

static bool all_cuts(struct run *u, unsigned cuts, struct power_cut_result *r, struct error *e)
{
    const struct recorder *rec = recorder_of(u->below[0]);
    struct remains durable[FILES_MAX] = {{0}};
    bool *marked = mem_array(rec->count + 1, sizeof(bool));
    bool good = true;
    for (unsigned i = 0; i < u->files; i++) {
        grow(&durable[i], u->start[i].length);
        memcpy(durable[i].bytes, u->start[i].bytes, u->start[i].length);
    }
    for (size_t cut = 0; good && cut <= rec->count; cut++) {
        const struct record *last = cut ? &rec->records[cut - 1] : NULL;
        r->writes += last && last->kind == RECORD_WRITE;
        if (last && last->kind == RECORD_FLUSH) {
            r->flushes++;
            make_durable(rec, durable, marked, cut);
        }
        /* As many cuts here as brings their sum to its share. */
        uint64_t share = (uint64_t)cuts * (cut + 1) / (rec->count + 1);
        while (good && r->cuts < share) {
            good = cut_at(u, durable, marked, cut, r, e);
        }
    }
    for (unsigned i = 0; i < u->files; i++) {
        mem_free(durable[i].bytes);
    }
    mem_free(marked);
    return good;
}

static void set_recording(const struct run *u, bool on)
{
    for (unsigned i = 0; i < u->files; i++) {
        recorder_of(u->below[i])->recording = on;
    }
}

bool power_cut_run(const struct power_cut_plan *p, uint64_t seed, unsigned cuts,
                   struct power_cut_result *r, struct error *e)
{
    struct run u = {.plan = p, .graph = block_graph_create()};
    *r = (struct power_cut_result){0};
    rng_seed(&u.rng, seed);
    bool good = make_image(&u, e);
    if (good) {
        u.node = open_image(&u, u.graph, u.start, u.below, e);
        good = u.node != NULL;
    }
    if (good) {
        set_recording(&u, true);
        good = workload(&u, e);
        set_recording(&u, false);
        good = good && all_cuts(&u, cuts, r, e);
    }
    block_node_close(u.node);
    close_files(&u, u.below);
    block_graph_destroy(u.graph);
    for (unsigned i = 0; i < u.files; i++) {
        mem_free(u.start[i].bytes);
    }
    mem_free(u.steps);
    return good;
}
