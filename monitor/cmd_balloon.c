/* SPDX-License-Identifier: MIT */
/* balloon: how much of its memory the guest is asked to keep. */
#include <inttypes.h>
#include <stdlib.h>

#include "hw/balloon.h"
#include "hw/machine.h"
#include "monitor/commands.h"

static struct balloon *balloon_of(struct call *c)
{
    struct balloon *b = c->session->context->machine->balloon;
    if (!b) {
        strbuf_puts(c->out, "the machine has no balloon (-device virtio-balloon)\n");
    }
    return b;
}

static void balloon_set(struct call *c)
{
    struct balloon *b = balloon_of(c);
    char *end;
    unsigned long long mib = strtoull(c->words[0], &end, 0);
    if (*end || end == c->words[0] || mib == 0 || mib > UINT64_MAX >> 20) {
        strbuf_printf(c->out, "balloon %s: a number of MiB is wanted\n", c->words[0]);
    } else if (b) {
        b->set_bytes(b, (uint64_t)mib << 20);
    }
}

void info_balloon(struct call *c)
{
    struct balloon *b = balloon_of(c);
    if (b) {
        strbuf_printf(c->out, "balloon: actual=%" PRIu64 "\n", b->bytes(b) >> 20);
    }
}

const struct command commands_balloon[] = {
    {"balloon", NULL, "MIB", 1, 1, "asks the guest to leave itself so much memory", balloon_set},
    {0}};
