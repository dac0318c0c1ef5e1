/* SPDX-License-Identifier: MIT */
/* Monitor commands for disks. */
#include "base/os.h"
#include "block/node.h"
#include "monitor/commands.h"

static void block_resize_command(struct call *c)
{
    struct control *control = c->session->context->control;
    struct error e;
    uint64_t bytes;
    if (!block_size_parse(c->words[1], UINT64_C(1) << 20, &bytes)) {
        strbuf_printf(c->out, "%s: a number of MiB, or with B, K, M, G or T, is accepted\n",
                      c->words[1]);
    } else if (!control->block_resize(control, c->words[0], bytes, &e)) {
        strbuf_printf(c->out, "%s\n", e.text);
    }
}

const struct command commands_block[] = {{"block_resize", NULL, "DISK SIZE", 2, 2,
                                          "give a disk (drive or node) another size",
                                          block_resize_command},
                                         {0}};
