/* SPDX-License-Identifier: MIT */
/* Screens and who looks at them: see base/surface.h. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/surface.h"

static void tell_device(const struct screen *s, bool on)
{
    if (s->ops->watched) {
        s->ops->watched(s->opaque, on);
    }
}

/* ---- for devices */

void screen_fini(struct screen *s)
{
    if (s->viewers) {
        tell_device(s, false);
    }
    while (s->viewers) {
        struct screen_viewer *v = s->viewers;
        s->viewers = v->next;
        if (v->gone) {
            v->gone(v->opaque);
        }
    }
    surface_free(s->surface);
    s->surface = NULL;
}

bool screen_resize(struct screen *s, unsigned width, unsigned height)
{
    if (s->surface && s->surface->width == width && s->surface->height == height) {
        return true;
    }
    struct surface *new = surface_create(width, height);
    if (!new) {
        return false;
    }
    struct surface *old = s->surface;
    s->surface = new;
    for (struct screen_viewer *v = s->viewers; v; v = v->next) {
        if (v->resized) {
            v->resized(v->opaque, new);
        }
    }
    surface_free(old);
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void screen_changed(struct screen *s, unsigned x, unsigned y, unsigned width, unsigned height)
{
    if (!s->surface || x >= s->surface->width || y >= s->surface->height) {
        return;
    }
    width = least(width, s->surface->width - x);
    height = least(height, s->surface->height - y);
    for (struct screen_viewer *v = s->viewers; v && width && height; v = v->next) {
        if (v->changed) {
            v->changed(v->opaque, x, y, width, height);
        }
    }
}

bool screen_text_size(struct screen_text *t, unsigned columns, unsigned rows)
{
    const size_t n = (size_t)columns * rows;
    if (n > t->room) {
        uint16_t *cells = mem_try_array(n, sizeof(*cells));
        if (!cells) {
            return false;
        }
        mem_free(t->cells);
        t->cells = cells;
        t->room = n;
    }
    t->columns = columns;
    t->rows = rows;
    return true;
}

/* ---- for viewers */

void screen_watch(struct screen *s, struct screen_viewer *v)
{
    const bool first = !s->viewers;
    v->next = s->viewers;
    s->viewers = v;
    if (first) {
        tell_device(s, true);
    }
}

void screen_unwatch(struct screen *s, struct screen_viewer *v)
{
    struct screen_viewer **at = &s->viewers;
    while (*at && *at != v) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = v->next;
        if (!s->viewers) {
            tell_device(s, false);
        }
    }
}

void screen_refresh(struct screen *s)
{
    s->ops->refresh(s->opaque);
}

void screen_read_text(struct screen *s, struct screen_text *t)
{
    t->columns = t->rows = 0;
    t->cursor = false;
    if (s->ops->text) {
        s->ops->text(s->opaque, t);
    }
}
