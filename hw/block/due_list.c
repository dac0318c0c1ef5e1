/* SPDX-License-Identifier: MIT */
/* Completions that are due later: due_list.h. */
#include "hw/block/due_list.h"

#include <string.h>

#include "base/mem.h"

const struct field due_item_fields[] = {
    FIELD(due_item, due_ns),
    FIELD(due_item, queue),
    FIELD(due_item, written),
    FIELD(due_item, id),
    FIELD(due_item, descriptors),
    FIELD_SKIP(due_item, pad),
    FIELD_END,
};

void due_list_add(struct due_list *l, struct clock_timer *timer, uint64_t now_ns, uint64_t bytes,
                  const struct due_item *item)
{
    const uint64_t due = now_ns + DUE_LATENCY_NS + bytes;
    l->items = mem_resize_array(l->items, l->count + 1, sizeof(*l->items));
    l->items[l->count] = *item;
    l->latest_ns = due > l->latest_ns ? due : l->latest_ns;
    l->items[l->count++].due_ns = l->latest_ns;
    if (l->count == 1) {
        clock_timer_set(timer, l->latest_ns);
    }
}

bool due_list_take(struct due_list *l, struct clock_timer *timer, uint64_t now_ns,
                   struct due_item *item)
{
    if (l->count == 0 || l->items[0].due_ns > now_ns) {
        due_list_loaded(l, timer);
        return false;
    }
    *item = l->items[0];
    l->count--;
    memmove(l->items, l->items + 1, l->count * sizeof(*l->items));
    return true;
}

void due_list_clear(struct due_list *l, struct clock_timer *timer)
{
    mem_free(l->items);
    *l = (struct due_list){0};
    if (timer) {
        clock_timer_cancel(timer);
    }
}

void due_list_loaded(struct due_list *l, struct clock_timer *timer)
{
    if (timer && l->count) {
        clock_timer_set(timer, l->items[0].due_ns);
    } else if (timer) {
        clock_timer_cancel(timer);
    }
}

bool due_list_check(const struct due_list *l, bool counted, struct error *e)
{
    uint64_t before = 0;
    if (l->count && !counted) {
        return error_set(e, "it has requests of counted time");
    }
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].due_ns < before || l->items[i].due_ns == CLOCK_NEVER) {
            return error_set(e, "its requests under way are not in the order of their times");
        }
        before = l->items[i].due_ns;
    }
    return (l->latest_ns >= before && l->latest_ns != CLOCK_NEVER) ||
           error_set(e, "its requests under way end later than the last of them");
}
