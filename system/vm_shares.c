/* SPDX-License-Identifier: MIT */
/* The machine's shared folders: -fsdev opened, and given to the devices that ask for them. */
#include <string.h>

#include "system/vm.h"

bool vm_open_shares(struct vm *vm, struct error *e)
{
    for (struct share *s = vm->config->share_list; s; s = s->next) {
        s->share = p9_share_open(&s->options, e);
        if (!s->share) {
            error_prefix(e, "%s: ", s->where);
            return false;
        }
    }
    return true;
}

void vm_close_shares(struct vm *vm)
{
    for (struct share *s = vm->config->share_list; s; s = s->next) {
        p9_share_close(s->share);
        s->share = NULL;
    }
}

/* Several devices may have the same folder. */
struct p9_share *vm_use_share(void *opaque, const char *id, struct error *e)
{
    const struct vm *vm = opaque;
    for (const struct share *s = vm->config->share_list; s; s = s->next) {
        if (strcmp(s->id, id) == 0) {
            return s->share;
        }
    }
    error_set(e, "there is no -fsdev with id=%s", id);
    return NULL;
}
