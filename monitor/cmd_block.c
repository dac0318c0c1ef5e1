/* SPDX-License-Identifier: MIT */
/* Monitor commands for disks. */
#include <string.h>

#include "block/node.h"
#include "monitor/commands.h"

static void resize(struct call *c)
{
    struct error e;
    uint64_t bytes;
    if (!block_size_parse(c->words[1], UINT64_C(1) << 20, &bytes)) {
        strbuf_printf(c->out, "%s: a number of MiB, or with B, K, M, G or T, is accepted\n",
                      c->words[1]);
        return;
    }
    call_report(c, call_control(c)->block_resize(call_control(c), c->words[0], bytes, &e), &e);
}

static bool is_force(const struct call *c, size_t i)
{
    return c->count > i && strcmp(c->words[i], "-f") == 0;
}

static void change(struct call *c)
{
    struct error e;
    const size_t file = is_force(c, 1) ? 2 : 1;
    if (c->count <= file) {
        strbuf_puts(c->out, "usage: change DISK [-f] FILE [FORMAT]\n");
        return;
    }
    const struct control_medium m = {.id = c->words[0],
                                     .file = c->words[file],
                                     .format = c->count > file + 1 ? c->words[file + 1] : NULL,
                                     .force = file == 2};
    call_report(c, call_control(c)->block_change(call_control(c), &m, &e), &e);
}

static void eject(struct call *c)
{
    struct error e;
    const bool force = is_force(c, 0);
    if (c->count != (force ? 2u : 1u)) {
        strbuf_puts(c->out, "usage: eject [-f] DISK\n");
        return;
    }
    const struct control_medium m = {.id = c->words[force], .force = force};
    call_report(c, call_control(c)->block_change(call_control(c), &m, &e), &e);
}

static void commit(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->block_commit(call_control(c), c->words[0], &e), &e);
}

static void stream(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->block_stream(call_control(c), c->words[0], &e), &e);
}

static void job_cancel(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->block_job_cancel(call_control(c), c->words[0], &e), &e);
}

const struct command commands_block[] = {
    {"block_job_cancel", NULL, "DISK", 1, 1, "end a job on a disk before it is done", job_cancel},
    {"block_resize", NULL, "DISK SIZE", 2, 2, "give a disk (drive or node) another size", resize},
    {"block_stream", NULL, "DISK", 1, 1,
     "copy into a disk's image what its backing file has, beside the guest", stream},
    {"change", NULL, "DISK [-f] FILE [FORMAT]", 2, 4, "put another medium into a drive", change},
    {"commit", NULL, "DISK|all", 1, 1,
     "write what an image holds, or snapshot=on took, into the image below it", commit},
    {"eject", NULL, "[-f] DISK", 1, 2,
     "take the medium out of a drive; -f: also of one that the guest has locked", eject},
    {0}};
