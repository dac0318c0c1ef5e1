/* SPDX-License-Identifier: MIT */
/* dragoman-img bench: how long many requests to an image take. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block.h"
#include "tools/img/img.h"

struct bench {
    struct block_queue *q;
    uint64_t count, depth, bytes, step, offset, pattern;
    uint64_t flush_interval; /* 0: none */
    bool write, drain;
    uint64_t size;

    uint64_t begun, over; /* requests */
    uint64_t since_flush;
    unsigned under_way;
    bool flushing; /* a flush that waits for all, or is waited for */
    int status;
    struct bench_slot *idle;
};

struct bench_slot {
    struct block_request r;
    struct iovec iov;
    struct bench *b;
    struct bench_slot *next;
};

static void done(struct block_request *r, int status)
{
    struct bench_slot *s = container_of(r, struct bench_slot, r);
    struct bench *b = s->b;
    b->under_way--;
    b->status = b->status ? b->status : status;
    if (r->op == BLOCK_FLUSH) {
        b->flushing = false;
    } else {
        b->over++;
    }
    s->next = b->idle;
    b->idle = s;
}

static void begin(struct bench *b, enum block_op op)
{
    struct bench_slot *s = b->idle;
    b->idle = s->next;
    s->r = (struct block_request){.op = op, .done = done};
    if (op != BLOCK_FLUSH) {
        s->r.offset = b->offset;
        s->r.bytes = b->bytes;
        s->r.iov = &s->iov;
        s->r.iov_count = 1;
        b->begun++;
        b->since_flush++;
        b->offset += b->step;
        if (b->offset >= b->size) {
            b->offset %= b->size;
        }
        if (b->bytes > b->size - b->offset) {
            b->offset = 0;
        }
    }
    b->under_way++;
    block_queue_submit(b->q, &s->r);
}

/* Whether a flush is due, and may begin. */
static bool flush_is_due(const struct bench *b)
{
    return b->flush_interval && b->since_flush >= b->flush_interval;
}

static void step(struct bench *b)
{
    while (b->idle && !b->flushing && b->status == 0) {
        if (flush_is_due(b)) {
            if (b->drain && b->under_way) {
                return;
            }
            b->flushing = b->drain;
            b->since_flush = 0;
            begin(b, BLOCK_FLUSH);
        } else if (b->begun < b->count) {
            begin(b, b->write ? BLOCK_WRITE : BLOCK_READ);
        } else {
            return;
        }
    }
}

static int run_all(struct bench *b)
{
    if (b->bytes > b->size || b->offset > b->size - b->bytes) {
        return command_failf("a request of %" PRIu64 " bytes at %" PRIu64
                             " reaches beyond the disk, "
                             "which has %" PRIu64,
                             b->bytes, b->offset, b->size);
    }
    const int64_t begin_ns = os_now_ns();
    step(b);
    while (b->under_way && !img_interrupted()) {
        block_queue_wait(b->q);
        step(b);
    }
    block_queue_drain(b->q);
    const int64_t ns = os_now_ns() - begin_ns;
    if (b->status < 0) {
        return command_failf("a request failed: %s", strerror(-b->status));
    }
    printf("Run completed in %3.3f seconds.\n", (double)ns / 1e9);
    return 0;
}

static int with_buffers(struct bench *b)
{
    const size_t page = os_page_size(), each = (size_t)align_up(b->bytes, page);
    struct bench_slot *slots = mem_try_array((size_t)b->depth, sizeof(*slots));
    uint8_t *memory = b->bytes > SIZE_MAX / 2 / b->depth
                          ? NULL
                          : mem_try_alloc(each * (size_t)b->depth + page);
    int status = 1;
    if (!slots || !memory) {
        command_failf("there is no memory for %" PRIu64 " requests of %" PRIu64 " bytes", b->depth,
                      b->bytes);
    } else {
        uint8_t *at = (uint8_t *)align_up((uintptr_t)memory, page);
        memset(at, (int)b->pattern, each * (size_t)b->depth);
        for (uint64_t i = 0; i < b->depth; i++) {
            slots[i] = (struct bench_slot){
                .iov = {at + each * i, (size_t)b->bytes}, .b = b, .next = i ? &slots[i - 1] : NULL};
        }
        b->idle = &slots[b->depth - 1];
        status = run_all(b);
    }
    mem_free(memory);
    mem_free(slots);
    return status;
}

static int with_disk(struct bench *b, struct block_node *n)
{
    struct error e;
    const unsigned does = BLOCK_PERM_READ | (b->write ? BLOCK_PERM_WRITE : 0);
    struct block *disk = block_open_node(n, "bench", does, BLOCK_PERM_READ, &e);
    if (!disk) {
        return command_fail(&e);
    }
    b->size = block_size_bytes(disk);
    b->q = block_queue_create(disk, (unsigned)b->depth, &e);
    int status = b->q ? 0 : command_fail(&e);
    if (b->q) {
        block_queue_passive(b->q);
        status = with_buffers(b);
    }
    block_queue_destroy(b->q);
    block_close(disk);
    return status;
}

static bool bench_of_line(const struct command_line *l, struct bench *b, struct error *e)
{
    *b = (struct bench){.count = 75000, .depth = 64, .write = command_given(l, IMG_WRITE)};
    b->drain = !command_given(l, IMG_NO_DRAIN);
    return command_number(l, IMG_COUNT, 1, INT32_MAX, &b->count, e) &&
           command_number(l, IMG_DEPTH, 1, 65536, &b->depth, e) &&
           command_bytes(l, IMG_OFFSET, 0, &b->offset, e) &&
           command_bytes(l, IMG_SIZE, 4096, &b->bytes, e) &&
           command_bytes(l, IMG_STEP, b->bytes, &b->step, e) &&
           command_number(l, IMG_PATTERN, 0, 255, &b->pattern, e) &&
           command_number(l, IMG_FLUSH_INTERVAL, 1, INT32_MAX, &b->flush_interval, e);
}

static void say_begin(const struct bench *b)
{
    printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64 " in parallel "
           "(starting at offset %" PRIu64 ", step size %" PRIu64 ")\n",
           b->count, b->write ? "write" : "read", b->bytes, b->depth, b->offset, b->step);
    if (b->flush_interval) {
        printf("Sending flush every %" PRIu64 " requests\n", b->flush_interval);
    }
    fflush(stdout);
}

static int bench_run(const struct command_line *l)
{
    struct error e;
    struct bench b;
    struct image m;
    const char *aio = command_value(l, IMG_AIO);
    if (!bench_of_line(l, &b, &e)) {
        return command_fail(&e);
    }
    if (b.bytes == 0) {
        return command_failf("--buffer-size=0: at least 1 is accepted");
    }
    if (!b.write && b.flush_interval) {
        return command_usage(l, "--flush-interval is for writes (-w)");
    }
    if (b.flush_interval && b.flush_interval < b.depth) {
        return command_usage(l, "--flush-interval must be at least as large as --depth");
    }
    struct block_graph *g = block_graph_create();
    const struct image_how h = {.write = b.write,
                                .aio = aio                            ? aio
                                       : command_given(l, IMG_NATIVE) ? "native"
                                                                      : NULL};
    int status = img_open_line(&m, g, l, &h);
    if (status == 0) {
        block_use_end(m.use); /* the disk has its own */
        m.use = NULL;
        if (!command_given(l, IMG_QUIET)) {
            say_begin(&b);
        }
        img_interrupt_begin();
        status = with_disk(&b, m.node);
        if (!image_close(&m, &e)) {
            status = command_fail(&e);
        }
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option bench_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    IMG_ROW_CACHE,
    {IMG_COUNT, 'c', "count", "COUNT", "number of requests (75000)"},
    {IMG_SIZE, 's', "buffer-size", "SIZE", "bytes of each (4096)"},
    {IMG_DEPTH, 'd', "depth", "DEPTH", "so many at the same time (64)"},
    {IMG_OFFSET, 'o', "offset", "OFFSET", "where the first begins (0)"},
    {IMG_STEP, 'S', "step-size", "STEP", "from the begin of one to that of the next (SIZE)"},
    {IMG_AIO, 'i', "aio", "AIO", "threads, native or io_uring (io_uring where the host has it)"},
    {IMG_NATIVE, 'n', "native", NULL, "as --aio=native"},
    {IMG_WRITE, 'w', "write", NULL, "write; else it is read"},
    {IMG_PATTERN, 0, "pattern", "BYTE", "what is written (0)"},
    {IMG_FLUSH_INTERVAL, 0, "flush-interval", "NUMBER", "flush after so many requests"},
    {IMG_NO_DRAIN, 0, "no-drain", NULL, "do not wait for the others before a flush"},
    IMG_ROW_SHARE,
    COMMAND_ROW_END,
};

const struct command img_bench = {
    .name = "bench",
    .summary = "Measure how fast an image is read or written",
    .operands = "FILENAME",
    .options = bench_options,
    .run = bench_run,
};
