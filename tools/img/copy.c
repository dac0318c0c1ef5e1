/* SPDX-License-Identifier: MIT */
/*
 * Copying. Threads take pieces, in order, under a lock: runs of one kind, as the sources tell, cut
 * at PIECE. They are read into slots, and written from there, one after the other; with in_order
 * unset as they come. A run that needs no work costs no piece.
 */
#include "tools/img/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "block/driver.h"

#define PIECE (UINT64_C(1) << 21)
#define THREADS_MAX 16u
#define SLOTS_MAX (2 * THREADS_MAX)
#define PACKED_PIECE_MOST (UINT64_C(1) << 25)

enum kind {
    SKIP,
    ZERO,
    DATA,
};

struct piece {
    enum kind kind;
    uint64_t at, bytes; /* of the whole */
};

/* A buffer, and the piece that it has. */
struct slot {
    struct piece p;
    uint8_t *bytes;
    enum slot_state {
        FREE,
        BUSY, /* it is read or written */
        READY
    } state;
};

struct crew {
    struct copy *c;
    uint64_t all;
    int64_t begun_ns;
    struct os_mutex lock;
    struct os_cond changed; /* a slot is free, or there is nothing more to do */
    struct slot slot[SLOTS_MAX];
    unsigned slots;
    bool writing;     /* somebody writes, in order */
    uint64_t next;    /* pieces before it are taken */
    uint64_t written; /* in order: pieces before it are done */
    uint64_t done;    /* bytes, in any order */
    bool failed;
    uint64_t piece;   /* bytes at most */
    struct piece run; /* what is known of what comes next */
};

uint64_t copy_bytes(const struct copy *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->source_count; i++) {
        sum += c->sources[i].bytes;
    }
    return sum;
}

/* The source that has the byte, and where in it. */
static const struct copy_source *source_at(const struct copy *c, uint64_t at, uint64_t *within)
{
    const struct copy_source *s = c->sources;
    while (at >= s->bytes) {
        at -= s->bytes;
        s++;
    }
    *within = at;
    return s;
}

/* Says it once; the first that fails ends all. The lock is held. */
static void fail(struct crew *w, const char *name, const char *what, uint64_t at, int status)
{
    if (!w->failed) {
        w->failed = true;
        img_progress_end(&w->c->progress);
        command_failf("%s: it cannot be %s at byte %" PRIu64 ": %s", name, what, at,
                      strerror(-status));
    }
    os_cond_broadcast(&w->changed);
}

/* ---- what comes next: the lock is held */

static enum kind kind_of(const struct copy *c, const struct block_status *s, bool has_backing)
{
    if (s->where == BLOCK_DATA || s->where == BLOCK_PACKED) {
        return DATA;
    }
    if (c->on_backing) {
        return s->where == BLOCK_UNALLOCATED && has_backing ? SKIP : ZERO;
    }
    return c->sparse == 0 ? DATA : c->zero ? SKIP : ZERO;
}

static bool look(struct crew *w)
{
    struct copy *c = w->c;
    uint64_t within;
    struct block_status s;
    const struct copy_source *from = source_at(c, w->next, &within);
    uint64_t most = from->bytes - within;
    int status = block_node_status(from->node, from->offset + within, most, !c->on_backing, &s);
    if (status < 0 && c->salvage) {
        s = (struct block_status){.where = BLOCK_DATA, .bytes = most < PIECE ? most : PIECE};
    } else if (status < 0) {
        fail(w, from->name, "read", from->offset + within, status);
        return false;
    }
    const bool backed = block_node_child(block_node_skip_filters(from->node), "backing") != NULL;
    w->run = (struct piece){kind_of(c, &s, backed), w->next, s.bytes};
    return true;
}

/* Clusters to be compressed are whole, whatever they are made of. */
static uint64_t whole_clusters(const struct crew *w)
{
    const uint64_t end = w->next + w->c->packed, left = w->all - w->next;
    return w->run.kind == SKIP && w->run.bytes >= w->c->packed
               ? w->run.bytes / w->c->packed * w->c->packed
           : left < w->c->packed ? left
                                 : end - w->next;
}

/* The next piece with work in it; false: there is none. */
static bool take(struct crew *w, struct piece *p)
{
    while (w->next < w->all && !w->failed && !img_interrupted()) {
        if (w->next >= w->run.at + w->run.bytes || w->run.bytes == 0) {
            if (!look(w)) {
                return false;
            }
        }
        const uint64_t left = w->run.at + w->run.bytes - w->next;
        *p = (struct piece){w->run.kind, w->next, left};
        if (w->c->packed) {
            w->run.bytes = left;
            w->run.at = w->next;
            p->bytes = whole_clusters(w);
            p->kind = p->kind == SKIP && p->bytes <= left ? SKIP : DATA;
        } else if (p->kind == DATA && left > w->piece) {
            p->bytes = w->piece;
        }
        w->next += p->bytes;
        if (p->kind != SKIP || !w->c->in_order || w->written != p->at) {
            return true;
        }
        w->written = w->next;
        w->done += p->bytes;
    }
    return false;
}

/* ---- reading and writing: without the lock */

/* What cannot be read is zeros, sector by sector. */
static void read_salvaging(const struct copy *c, const struct copy_source *s, uint64_t at,
                           uint8_t *bytes, uint64_t n)
{
    uint64_t bad = 0;
    int why = 0;
    for (uint64_t done = 0; done < n || bad; done += 512) {
        const uint64_t left = done < n ? n - done : 0;
        const size_t some = left < 512 ? (size_t)left : 512;
        const int status = some ? block_node_read(s->node, at + done, bytes + done, some) : 0;
        if (status < 0) {
            memset(bytes + done, 0, some);
            bad += some;
            why = status;
        } else if (bad && !c->quiet) {
            command_warn("%s: %" PRIu64 " bytes at %" PRIu64
                         " cannot be read, and become zeros: %s",
                         s->name, bad, at + done - bad, strerror(-why));
        }
        bad = status < 0 ? bad : 0;
    }
}

static int read_piece(const struct copy *c, const struct piece *p, uint8_t *bytes,
                      const struct copy_source **who)
{
    int status = 0;
    for (uint64_t done = 0; done < p->bytes && status == 0;) {
        uint64_t within;
        const struct copy_source *s = source_at(c, p->at + done, &within);
        uint64_t some = s->bytes - within;
        some = some < p->bytes - done ? some : p->bytes - done;
        status = block_node_read(s->node, s->offset + within, bytes + done, (size_t)some);
        if (status < 0 && c->salvage) {
            read_salvaging(c, s, s->offset + within, bytes + done, some);
            status = 0;
        }
        *who = s;
        done += some;
    }
    return status;
}

static int write_zeros(const struct copy *c, uint64_t at, uint64_t bytes)
{
    return c->zero ? 0 : block_node_zero(c->to, at, bytes, BLOCK_MAY_UNMAP);
}

/* Runs of zeros are left out, if they are long enough. */
static int write_sparse(const struct copy *c, const struct piece *p, const uint8_t *bytes)
{
    int status = 0;
    const uint64_t unit = c->sparse;
    for (uint64_t at = 0; at < p->bytes && status == 0;) {
        uint64_t first = unit - (p->at + at) % unit, end = at;
        bool zero = false;
        for (uint64_t n = first; end < p->bytes; n = unit) {
            n = n < p->bytes - end ? n : p->bytes - end;
            const bool z = block_is_zero(bytes + end, (size_t)n);
            if (end > at && z != zero) {
                break;
            }
            zero = z;
            end += n;
        }
        status = zero ? write_zeros(c, p->at + at, end - at)
                      : block_node_write(c->to, p->at + at, bytes + at, (size_t)(end - at), 0);
        at = end;
    }
    return status;
}

static int write_piece(const struct copy *c, const struct piece *p, const uint8_t *bytes)
{
    if (p->kind == SKIP) {
        return 0;
    }
    if (p->kind == ZERO) {
        return write_zeros(c, p->at, p->bytes);
    }
    if (c->packed && c->sparse && block_is_zero(bytes, (size_t)p->bytes)) {
        return write_zeros(c, p->at, p->bytes);
    }
    if (c->packed) {
        return block_node_write_packed(c->to, p->at, bytes, (size_t)p->bytes);
    }
    return c->sparse ? write_sparse(c, p, bytes)
                     : block_node_write(c->to, p->at, bytes, (size_t)p->bytes, 0);
}

/* ---- threads */

/* A slot in that state, in order with what is next to be written; the lock is held. */
static struct slot *find_slot(struct crew *w, enum slot_state state)
{
    for (unsigned i = 0; i < w->slots; i++) {
        struct slot *s = &w->slot[i];
        if (s->state == state && (state != READY || !w->c->in_order || s->p.at == w->written)) {
            return s;
        }
    }
    return NULL;
}

/* The lock is held, and let go of meanwhile. */
static void write_slot(struct crew *w, struct slot *s)
{
    w->writing = true;
    s->state = BUSY;
    os_mutex_unlock(&w->lock);
    const int status = write_piece(w->c, &s->p, s->bytes);
    os_mutex_lock(&w->lock);
    w->writing = false;
    if (status < 0) {
        fail(w, w->c->to_name, "written", s->p.at, status);
    }
    w->written = w->c->in_order ? s->p.at + s->p.bytes : w->written;
    w->done += s->p.bytes;
    s->state = FREE;
    const uint64_t done = w->done;
    if (!w->failed) {
        img_progress_show(&w->c->progress, done, w->all);
    }
    os_cond_broadcast(&w->changed);
    if (w->c->rate) {
        os_mutex_unlock(&w->lock);
        img_keep_rate(w->c->rate, w->begun_ns, done);
        os_mutex_lock(&w->lock);
    }
}

/* The same. False: there is nothing more to read. */
static bool read_slot(struct crew *w, struct slot *s)
{
    const struct copy_source *who = w->c->sources;
    if (!take(w, &s->p)) {
        return false;
    }
    s->state = BUSY;
    os_mutex_unlock(&w->lock);
    const int status = s->p.kind == DATA ? read_piece(w->c, &s->p, s->bytes, &who) : 0;
    os_mutex_lock(&w->lock);
    s->state = READY;
    if (status < 0) {
        fail(w, who->name, "read", s->p.at, status);
    }
    return true;
}

static bool is_over(const struct crew *w)
{
    for (unsigned i = 0; i < w->slots && !w->failed; i++) {
        if (w->slot[i].state != FREE) {
            return false;
        }
    }
    return true;
}

/* Who finds the next piece ready while nobody writes does so, and goes on as long as there are
 * such; the others read ahead. Nobody is handed anything, which would cost a sleep each time. */
static void work(void *arg)
{
    struct crew *w = arg;
    os_mutex_lock(&w->lock);
    for (;;) {
        struct slot *s = w->failed || (w->writing && w->c->in_order) ? NULL : find_slot(w, READY);
        if (s) {
            write_slot(w, s);
            continue;
        }
        s = find_slot(w, FREE);
        if (s && read_slot(w, s)) {
            continue;
        }
        if (is_over(w)) {
            break;
        }
        os_cond_wait(&w->changed, &w->lock);
    }
    os_cond_broadcast(&w->changed);
    os_mutex_unlock(&w->lock);
}

static void make_slots(struct crew *w, unsigned threads)
{
    const uint64_t most = w->c->packed > PIECE ? w->c->packed : PIECE;
    for (w->slots = 0; w->slots < 2 * threads; w->slots++) {
        w->slot[w->slots].bytes = mem_buffer((size_t)most);
    }
}

/* What is in the page cache of this host waits for nothing. */
static bool is_cached(const struct block_node *n)
{
    bool all = n->fd >= 0 ? !n->mode.direct : n->child_count > 0;
    for (size_t i = 0; i < n->child_count; i++) {
        all = all && is_cached(n->children[i].node);
    }
    return all;
}

/* Threads that only copy memory are of no use beyond the CPUs: they make it cold. */
static unsigned threads_for(const struct copy *c)
{
    const unsigned cpus = os_cpu_count();
    bool cached = !c->packed && is_cached(c->to);
    for (size_t i = 0; i < c->source_count; i++) {
        cached = cached && is_cached(c->sources[i].node);
    }
    const unsigned most = cached && cpus < THREADS_MAX ? cpus : THREADS_MAX;
    return c->threads < most ? c->threads : most;
}

bool copy_run(struct copy *c)
{
    struct crew w = {.c = c, .all = copy_bytes(c), .begun_ns = os_now_ns(), .piece = PIECE};
    struct error e;
    if (c->packed > PACKED_PIECE_MOST) {
        command_failf("%s: clusters of %" PRIu64 " bytes cannot be compressed", c->to_name,
                      c->packed);
        return false;
    }
    if (c->rate && c->rate / 8 < PIECE) {
        w.piece = c->rate < 8 * 4096 ? 4096 : c->rate / 8 / 512 * 512;
    }
    os_mutex_init(&w.lock);
    os_cond_init(&w.changed);
    const unsigned most = threads_for(c);
    struct os_thread threads[THREADS_MAX];
    unsigned n = 1;
    make_slots(&w, most);
    while (n < most && os_thread_start(&threads[n], "copy", work, &w, &e)) {
        n++;
    }
    work(&w);
    while (--n > 0) {
        os_thread_join(&threads[n]);
    }
    for (unsigned i = 0; i < w.slots; i++) {
        mem_free(w.slot[i].bytes);
    }
    if (!w.failed && !img_interrupted()) {
        img_progress_show(&c->progress, 1, 1);
    }
    os_cond_destroy(&w.changed);
    os_mutex_destroy(&w.lock);
    return !w.failed && !img_interrupted();
}

/* ---- the image that it goes to */

/* Whether the image reads as zeros all over, as it says itself. */
static bool reads_zero(struct block_node *n)
{
    const uint64_t size = block_node_size(n);
    for (uint64_t at = 0; at < size;) {
        struct block_status s;
        if (block_node_status(n, at, size - at, true, &s) < 0 || !block_status_reads_zero(&s)) {
            return false;
        }
        at += s.bytes;
    }
    return true;
}

bool copy_make(struct copy *c, struct block_graph *g, const struct copy_made *made, struct image *m,
               struct error *e)
{
    if (!json_object_get(made->options, "size")) {
        char *size = mem_printf("%" PRIu64, copy_bytes(c));
        json_object_set_new(made->options, "size", json_string(size));
        mem_free(size);
    }
    if (!block_image_create(g, made->how.format, made->how.name, made->options, e) ||
        !image_open(m, g, &made->how, e)) {
        return false;
    }
    c->to = m->node;
    c->to_name = made->how.name;
    c->zero = reads_zero(m->node) && !block_node_child(m->node, "backing");
    return true;
}
