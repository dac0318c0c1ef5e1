/* SPDX-License-Identifier: MIT */
/* What machine a state is of: the first section, which must fit before anything else is looked at.
 */
#ifndef SYSTEM_SNAPSHOT_MACHINE_H
#define SYSTEM_SNAPSHOT_MACHINE_H

#include "base/cursor.h"
#include "base/strbuf.h"
#include "hw/machine.h"
#include "system/state_pages.h"

/* RAM and what devices have, in the order of the devices, with names of their own. Freed by
 * snapshot_memories_free. */
struct state_memory *snapshot_memories(const struct machine *m, size_t *count);
void snapshot_memories_free(struct state_memory *list, size_t count);

void snapshot_describe(const struct machine *m, struct strbuf *out);
/* false: e says in what the state's machine and this one differ. */
bool snapshot_fits(struct machine *m, struct cursor *c, struct error *e);

#endif
