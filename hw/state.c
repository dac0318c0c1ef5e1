/* SPDX-License-Identifier: MIT */
/* The state of devices: see state.h. */
#include "hw/state.h"

#include <string.h>

#include "base/mem.h"

/* ---- one device: register members in the order of regs[], then the rows of fields[] */

unsigned device_version(const struct device *d)
{
    return d->cls->version ? d->cls->version : 1;
}

static enum field_type member_type(const struct reg *r)
{
    return r->size <= 4 ? FIELD_U32 : FIELD_U64;
}

void device_write(const struct device *d, struct strbuf *out)
{
    for (const struct reg *r = d->cls->regs; r && r->name; r++) {
        if (r->member != REG_NONE) {
            fields_put(out, member_type(r), (const char *)d + r->member, r->count ? r->count : 1);
        }
    }
    fields_write(d->cls->fields, d, out);
}

static bool read_registers(struct device *d, struct cursor *c, unsigned version, bool store,
                           struct error *e)
{
    for (const struct reg *r = d->cls->regs; r && r->name; r++) {
        const size_t count = r->count ? r->count : 1;
        char *member = (char *)d + r->member;
        if (r->member == REG_NONE) {
            continue;
        }
        if (r->since > version) {
            const size_t width = fields_width(member_type(r));
            for (size_t i = 0; store && i < count; i++) {
                memcpy(member + i * width,
                       width == 4 ? (void *)&(uint32_t){(uint32_t)r->initial}
                                  : (void *)&(uint64_t){r->initial},
                       width);
            }
        } else if (!fields_take(c, member_type(r), member, count, store, e)) {
            error_prefix(e, "%s: ", r->name);
            return false;
        }
    }
    return true;
}

bool device_read(struct device *d, const void *bytes, size_t n, unsigned version, bool store,
                 struct error *e)
{
    struct cursor c;
    cursor_init(&c, bytes, n);
    if (version < 1 || version > device_version(d)) {
        return error_set(e, "the state is of version %u of a '%s', and this program knows 1 to %u",
                         version, d->cls->name, device_version(d));
    }
    if (!read_registers(d, &c, version, store, e) ||
        !fields_read(d->cls->fields, d, &c, version, store, e)) {
        return false;
    }
    return cursor_left(&c) == 0 ||
           error_set(e, "the state has %zu bytes more than a '%s' of this machine", cursor_left(&c),
                     d->cls->name);
}

static bool check(struct device *d, struct error *e)
{
    return !d->cls->check || d->cls->check(d, e);
}

static void loaded(struct device *d)
{
    if (d->cls->loaded) {
        d->cls->loaded(d);
    }
}

static void settle(struct device *d)
{
    if (d->cls->settle) {
        d->cls->settle(d);
    }
}

static void resume(struct device *d)
{
    if (d->cls->resume) {
        d->cls->resume(d);
    }
}

void device_save(struct device *d, struct strbuf *out)
{
    settle(d);
    fields_put_text(out, d->cls->name);
    fields_put_u32(out, device_version(d));
    device_write(d, out);
    resume(d);
}

/* Stores the new state if it is good, else the old one again. */
static bool replace(struct device *d, const void *bytes, size_t n, unsigned version,
                    struct error *e)
{
    struct strbuf before = {0};
    struct error ignored;
    device_write(d, &before);
    device_read(d, bytes, n, version, true, e);
    const bool good = check(d, e);
    if (good) {
        loaded(d);
    } else {
        device_read(d, before.text, before.len, device_version(d), true, &ignored);
    }
    strbuf_free(&before);
    return good;
}

bool device_load(struct device *d, const void *bytes, size_t n, struct error *e)
{
    char name[64];
    uint32_t version;
    struct cursor c;
    cursor_init(&c, bytes, n);
    if (!fields_take_text(&c, name, sizeof(name)) || !cursor_le32(&c, &version)) {
        return error_set(e, "state of device '%s': not a saved device", d->cls->name);
    }
    if (strcmp(name, d->cls->name) != 0) {
        return error_set(e, "state of device '%s': it is of a '%s'", d->cls->name, name);
    }
    const uint8_t *rest = c.data + c.pos;
    settle(d);
    const bool good = device_read(d, rest, cursor_left(&c), version, false, e) &&
                      replace(d, rest, cursor_left(&c), version, e);
    if (!good) {
        error_prefix(e, "state of device '%s': ", d->cls->name);
    }
    resume(d);
    return good;
}

/* ---- all devices */

void machine_settle(struct machine *m)
{
    for (struct device *d = m->devices; d && !m->settled; d = d->next) {
        settle(d);
    }
    m->settled = true;
}

void machine_resume(struct machine *m)
{
    for (struct device *d = m->devices; d && m->settled; d = d->next) {
        resume(d);
    }
    m->settled = false;
}

bool machine_check(struct machine *m, struct error *e)
{
    for (struct device *d = m->devices; d; d = d->next) {
        if (!check(d, e)) {
            char *path = device_path(d);
            error_prefix(e, "device %s (%s): ", path, d->cls->name);
            mem_free(path);
            return false;
        }
    }
    return true;
}

void machine_loaded(struct machine *m)
{
    for (struct device *d = m->devices; d; d = d->next) {
        loaded(d);
    }
}

/* How many devices of d's class are on no bus, and older than d. */
static unsigned older_ones(const struct device *d)
{
    unsigned n = 0;
    for (const struct device *o = d->machine->devices; o && o != d; o = o->next) {
        n += o->cls == d->cls && !o->bus;
    }
    return n;
}

char *device_path(const struct device *d)
{
    char place[32] = "";
    if (!d->bus) {
        return mem_printf("%s.%u", d->cls->name, older_ones(d));
    }
    if (d->bus->place) {
        d->bus->place(d, place, sizeof(place));
    }
    return mem_printf("%s%s%s", d->bus->name, place[0] ? "/" : "", place);
}
