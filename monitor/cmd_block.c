/* SPDX-License-Identifier: MIT */
/* Monitor commands for disks. */
#include "base/os.h"
#include "block/node.h"
#include "monitor/commands.h"

static struct control *control_of(struct call *c)
{
    return c->session->context->control;
}

static void report(struct call *c, bool good, const struct error *e)
{
    if (!good) {
        strbuf_printf(c->out, "%s\n", e->text);
    }
}

static void resize(struct call *c)
{
    struct error e;
    uint64_t bytes;
    if (!block_size_parse(c->words[1], UINT64_C(1) << 20, &bytes)) {
        strbuf_printf(c->out, "%s: a number of MiB, or with B, K, M, G or T, is accepted\n",
                      c->words[1]);
        return;
    }
    report(c, control_of(c)->block_resize(control_of(c), c->words[0], bytes, &e), &e);
}

static void commit(struct call *c)
{
    struct error e;
    report(c, control_of(c)->block_commit(control_of(c), c->words[0], &e), &e);
}

static void stream(struct call *c)
{
    struct error e;
    report(c, control_of(c)->block_stream(control_of(c), c->words[0], &e), &e);
}

static void job_cancel(struct call *c)
{
    struct error e;
    report(c, control_of(c)->block_job_cancel(control_of(c), c->words[0], &e), &e);
}

const struct command commands_block[] = {
    {"block_job_cancel", NULL, "DISK", 1, 1, "end a job on a disk before it is done", job_cancel},
    {"block_resize", NULL, "DISK SIZE", 2, 2, "give a disk (drive or node) another size", resize},
    {"block_stream", NULL, "DISK", 1, 1,
     "copy into a disk's image what its backing file has, beside the guest", stream},
    {"commit", NULL, "DISK|all", 1, 1,
     "write what an image holds, or snapshot=on took, into the image below it", commit},
    {0}};
