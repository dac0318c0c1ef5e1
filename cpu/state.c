/* SPDX-License-Identifier: MIT */
/* The state of a vCPU: see state.h. */
#include "cpu/state.h"

#include "base/fields.h"

static const struct field rows[] = {
    FIELD(vcpu, interrupt_lines), FIELD(vcpu, halted), FIELD(vcpu, powered_off),
    FIELD(vcpu, instructions),    FIELD_END,
};

unsigned vcpu_version(const struct vcpu *v)
{
    return v->cls->state_version;
}

void vcpu_write(struct vcpu *v, struct strbuf *out)
{
    fields_write(rows, v, out);
    v->cls->save(v, out);
}

bool vcpu_read(struct vcpu *v, const void *bytes, size_t n, unsigned version, bool store,
               struct error *e)
{
    struct cursor c;
    cursor_init(&c, bytes, n);
    if (version < 1 || version > vcpu_version(v)) {
        return error_set(e, "the state is of version %u, and this program knows 1 to %u", version,
                         vcpu_version(v));
    }
    if (!fields_read(rows, v, &c, version, store, e) || !v->cls->load(v, &c, version, store, e)) {
        return false;
    }
    return cursor_left(&c) == 0 ||
           error_set(e, "the state has %zu bytes too many", cursor_left(&c));
}

bool vcpu_check(struct vcpu *v, struct error *e)
{
    return v->cls->check_state(v, e);
}

void vcpu_loaded(struct vcpu *v)
{
    v->cls->loaded(v);
}
