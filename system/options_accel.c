/* SPDX-License-Identifier: MIT */
/* -accel and -icount. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "system/options.h"

struct accel_group {
    const char *accel;
    int thread, host_cpu, engine, movable, track_code;
    uint64_t cache_bytes;
    bool split_wx, stats, opt;
};

static const char *const thread_choices[] = {"single", "multi", NULL};
static const char *const host_cpu_choices[] = {"host", "x86-64-v2", "x86-64-v3", "x86-64-v4", NULL};
static const char *const engine_choices[] = {"jit", "interp", NULL};

static const char *const movable_choices[] = {"auto", "off", "always", NULL};

static const char *const track_choices[] = {"auto", "off", "on", NULL};

static const struct key_row accel_rows[] = {
    {"thread", KEY_CHOICE, offsetof(struct accel_group, thread),
     "one host thread for all CPUs, or one each (multi)", thread_choices},
    {"tb-size", KEY_MEGABYTES, offsetof(struct accel_group, cache_bytes),
     "size of the code cache in MiB", NULL},
    {"host-cpu", KEY_CHOICE, offsetof(struct accel_group, host_cpu),
     "host instructions to use (host: all it has)", host_cpu_choices},
    {"engine", KEY_CHOICE, offsetof(struct accel_group, engine),
     "host code, or the slow reference interpreter (jit)", engine_choices},
    {"opt", KEY_BOOL, offsetof(struct accel_group, opt),
     "fold and merge what blocks do (on); off is for finding faults", NULL},
    {"movable", KEY_CHOICE, offsetof(struct accel_group, movable),
     "blocks that are right at any address: of code met at several (auto)", movable_choices},
    {"track-code", KEY_CHOICE, offsetof(struct accel_group, track_code),
     "writes to translated code are seen without cache maintenance (auto: where CPUs do)",
     track_choices},
    {"stats", KEY_BOOL, offsetof(struct accel_group, stats),
     "measure for the monitor's info jit from the start (off)", NULL},
    {"split-wx", KEY_BOOL, offsetof(struct accel_group, split_wx), "accepted: it is always so",
     NULL},
    {"one-insn-per-tb", KEY_REFUSED, 0,
     "not in this build; engine=interp is the engine to check with", NULL},
    {0}};

static const struct key_row name_row[] = {
    {"accel", KEY_TEXT, offsetof(struct accel_group, accel), "the accelerator", NULL}, {0}};

static char *accel_help(const struct keyvals *k)
{
    struct strbuf s = {0};
    const char *name = keyvals_get(k, "accel");
    if (options_is_help(name)) {
        strbuf_puts(&s, "Accelerators:\n");
        accel_describe_all(&s);
    } else {
        strbuf_puts(&s, "tcg options:\n");
        keyval_rows_help(accel_rows, &s);
    }
    return strbuf_take(&s);
}

/* Several names ("kvm:tcg" and repeated -accel) are tried in turn; NULL: none is there. */
static const struct accel_ops *first_offered(const char *names)
{
    while (*names) {
        const size_t n = strcspn(names, ":");
        const struct accel_ops *a = accel_find(names, n);
        if (a) {
            return a;
        }
        names += n + (names[n] == ':');
    }
    return NULL;
}

static bool refuse(const struct keyvals *k, const char *what, struct error *e)
{
    struct strbuf names = {0};
    accel_names(&names);
    error_set(e, "%s: %s; accepted: %s", k->where, what, strbuf_text(&names));
    strbuf_free(&names);
    return false;
}

static bool apply_accel(struct config *c, const struct keyvals *k, struct error *e)
{
    struct accel_group g = {.thread = 1, .opt = true};
    if (!keyvals_apply(k, accel_rows, name_row, &g, e)) {
        return false;
    }
    if (g.cache_bytes > UINT64_C(2) << 30) {
        return error_set(e, "%s: tb-size: at most 2048 MiB", k->where);
    }
    c->accel.single_thread = g.thread == 0;
    c->accel.cache_bytes = g.cache_bytes;
    c->accel.host_level = g.host_cpu ? g.host_cpu + 1 : 0; /* the first choice is v2 */
    c->accel.interpreter = g.engine == 1;
    c->accel.stats = g.stats;
    c->accel.no_opt = !g.opt;
    c->accel.movable = (enum accel_movable)g.movable;
    c->accel.track_code = (enum accel_track)g.track_code;
    return true;
}

static bool check_accel_groups(struct config *c, struct error *e)
{
    const struct keyvals *chosen = NULL;
    for (const struct keyvals *k = c->accel_groups; k; k = k->next) {
        const char *name = keyvals_get(k, "accel");
        if (!name) {
            return refuse(k, "the accelerator is missing", e);
        }
        if (options_is_help(name) || options_want_help(k)) {
            return options_give_help(c, accel_help(k));
        }
        if (!chosen && (c->accel.ops = first_offered(name))) {
            chosen = k;
        }
    }
    if (!chosen && c->accel_groups) {
        return refuse(c->accel_groups, "not in this build", e);
    }
    return !chosen || apply_accel(c, chosen, e);
}

/* ---- -icount */

struct icount_group {
    const char *shift;
    bool sleep;
    int align;
    uint64_t stop;
};

static const char *const align_choices[] = {"off", NULL};

static const struct key_row icount_rows[] = {
    {"shift", KEY_TEXT, offsetof(struct icount_group, shift),
     "2^N ns an instruction, 0 to 10; auto: follow host time", NULL},
    {"sleep", KEY_BOOL, offsetof(struct icount_group, sleep),
     "idle time passes in host time (on), or is skipped", NULL},
    {"stop", KEY_U64, offsetof(struct icount_group, stop),
     "print the registers after that many instructions and end", NULL},
    {"align", KEY_CHOICE, offsetof(struct icount_group, align),
     "the guest is not slowed down to the host's clock", align_choices},
    {"rr", KEY_REFUSED, 0, "not in this build; runs with the same -seed are the same", NULL},
    {"rrfile", KEY_REFUSED, 0, "not in this build; runs with the same -seed are the same", NULL},
    {0}};

static bool check_icount(struct config *c, struct error *e)
{
    const struct keyvals *k = c->icount_group;
    if (!k) {
        return true;
    }
    if (options_want_help(k)) {
        struct strbuf s = {0};
        strbuf_puts(&s, "icount options:\n");
        keyval_rows_help(icount_rows, &s);
        return options_give_help(c, strbuf_take(&s));
    }
    struct icount_group g = {.sleep = true};
    if (!keyvals_apply(k, icount_rows, NULL, &g, e)) {
        return false;
    }
    for (const struct keyvals *a = c->accel_groups; a; a = a->next) {
        const char *thread = keyvals_get(a, "thread");
        if (thread && strcmp(thread, "multi") == 0) {
            return error_set(e, "%s: thread=multi: with -icount all CPUs run on one host thread",
                             a->where);
        }
    }
    c->accel.counted = c->machine.counted = true;
    c->accel.single_thread = true;
    c->accel.sleep = g.sleep;
    c->accel.stop_count = g.stop;
    uint64_t shift = 0;
    if (!g.shift) {
        return error_set(e, "%s: shift= is missing; accepted: 0 to 10, auto", k->where);
    }
    if (strcmp(g.shift, "auto") == 0) {
        c->accel.shift = -1;
        return !g.stop ||
               error_set(e, "%s: stop= needs a fixed shift, since auto follows the host's speed",
                         k->where);
    }
    if (!keyval_parse_u64(g.shift, &shift, e) || shift > 10) {
        return error_set(e, "%s: shift: '%s' is not one of 0 to 10, auto", k->where, g.shift);
    }
    c->accel.shift = (int)shift;
    return true;
}

static bool check_profiling(const struct config *c, struct error *e)
{
    if (c->accel.interpreter && c->accel.stats) {
        return error_set(e, "-accel tcg,stats=on: engine=interp has nothing to measure");
    }
    return !c->accel.interpreter || !(c->accel.perf_map || c->accel.jit_dump) ||
           error_set(e, "-%s: engine=interp makes no host code that could have names",
                     c->accel.perf_map ? "perfmap" : "jitdump");
}

bool options_check_accel(struct config *c, struct error *e)
{
    return check_accel_groups(c, e) && check_icount(c, e) && check_profiling(c, e);
}
