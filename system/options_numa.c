/* SPDX-License-Identifier: MIT */
/* -numa: nodes with their CPUs and memory, distances, and what HMAT tells. */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/numa.h"
#include "system/options.h"

#define NO_NODE UINT16_MAX

static bool has(const struct keyvals *k, const char *key)
{
    return keyvals_get(k, key) != NULL;
}

static bool check_node(const struct config *c, const struct keyvals *k, const char *key,
                       uint32_t node, struct error *e)
{
    return (node < NUMA_NODES && c->numa->node[node].present) ||
           error_set(e, "%s: %s: there is no -numa node with nodeid=%u before it", k->where, key,
                     node);
}

/* ---- node */

struct node_group {
    uint64_t mem;
    uint32_t nodeid, initiator;
    const char *memdev, *cpus;
};

static const struct key_row node_rows[] = {
    {"nodeid", KEY_U32, offsetof(struct node_group, nodeid), "its number (the next)", NULL},
    {"cpus", KEY_TEXT, offsetof(struct node_group, cpus),
     "CPUs, FIRST or FIRST-LAST; the key may be given again", NULL},
    {"memdev", KEY_TEXT, offsetof(struct node_group, memdev),
     "id of the -object memory-backend-... with its memory", NULL},
    {"mem", KEY_MEGABYTES, offsetof(struct node_group, mem), "its memory, without an object", NULL},
    {"initiator", KEY_U32, offsetof(struct node_group, initiator),
     "node whose CPUs are nearest to its memory, for HMAT", NULL},
    {0}};

static const struct key_row type_row[] = {
    {"type", KEY_TEXT, 0, "node, cpu, dist, hmat-lb, hmat-cache", NULL}, {0}};

/* cpus=FIRST[-LAST] */
static bool take_cpus(struct config *c, const struct keyvals *k, const char *text, unsigned node,
                      struct error *e)
{
    char *end;
    const unsigned long first = strtoul(text, &end, 10);
    const bool range = end != text && *end == '-';
    const char *second = range ? end + 1 : text;
    const unsigned long last = strtoul(second, &end, 10);
    if (*text < '0' || *text > '9' || *second < '0' || *second > '9' || *end || last < first) {
        return error_set(e, "%s: cpus: '%s' is not FIRST or FIRST-LAST", k->where, text);
    }
    if (last >= c->machine.max_cpus) {
        return error_set(e, "%s: cpus: there are CPUs 0 to %u (-smp maxcpus=)", k->where,
                         c->machine.max_cpus - 1);
    }
    for (unsigned long i = first; i <= last; i++) {
        if (c->numa->cpu_node[i] != NO_NODE) {
            return error_set(e, "%s: cpus: CPU %lu is in node %u already", k->where, i,
                             c->numa->cpu_node[i]);
        }
        c->numa->cpu_node[i] = (uint16_t)node;
    }
    return true;
}

static bool take_node(struct config *c, const struct keyvals *k, struct error *e)
{
    struct numa *n = c->numa;
    struct node_group g = {.nodeid = n->count};
    if (!keyvals_apply(k, node_rows, type_row, &g, e)) {
        return false;
    }
    if (g.nodeid >= NUMA_NODES) {
        return error_set(e, "%s: nodeid: from 0 to %u", k->where, NUMA_NODES - 1);
    }
    struct numa_node *node = &n->node[g.nodeid];
    if (node->present) {
        return error_set(e, "%s: nodeid: there is a node %u already", k->where, g.nodeid);
    }
    if (g.memdev && g.mem) {
        return error_set(e, "%s: one of mem and memdev", k->where);
    }
    if (g.memdev && c->memory_backend) {
        return error_set(e, "%s: memdev: -machine memory-backend= is all of the memory already",
                         k->where);
    }
    if (g.memdev && !options_memory_bytes(c, g.memdev, &g.mem, e)) {
        error_prefix(e, "%s: memdev: ", k->where);
        error_append(e, "; mem= gives a node memory without one");
        return false;
    }
    *node = (struct numa_node){.present = true,
                               .bytes = g.mem,
                               .memdev = g.memdev,
                               .initiator = has(k, "initiator") ? (int)g.initiator
                                                                : NUMA_NO_INITIATOR};
    n->count = g.nodeid >= n->count ? g.nodeid + 1 : n->count;
    if (has(k, "initiator") && !n->hmat) {
        return error_set(e, "%s: initiator: only with -machine hmat=on", k->where);
    }
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->items[i].key, "cpus") == 0 &&
            !take_cpus(c, k, k->items[i].value ? k->items[i].value : "", g.nodeid, e)) {
            return false;
        }
    }
    return true;
}

/* ---- cpu */

struct cpu_group {
    uint32_t node, socket, cluster, core, thread, zero;
};

static const struct key_row cpu_rows[] = {
    {"node-id", KEY_U32, offsetof(struct cpu_group, node), "the node", NULL},
    {"socket-id", KEY_U32, offsetof(struct cpu_group, socket), "CPUs of that socket (all)", NULL},
    {"cluster-id", KEY_U32, offsetof(struct cpu_group, cluster), "of that cluster (all)", NULL},
    {"core-id", KEY_U32, offsetof(struct cpu_group, core), "of that core (all)", NULL},
    {"thread-id", KEY_U32, offsetof(struct cpu_group, thread), "that thread (all)", NULL},
    {"drawer-id", KEY_REFUSED, 0, "machines of this build have no drawers", NULL},
    {"book-id", KEY_REFUSED, 0, "machines of this build have no books", NULL},
    {"die-id", KEY_REFUSED, 0, "machines of this build have no dies", NULL},
    {"module-id", KEY_REFUSED, 0, "machines of this build have no modules", NULL},
    {0}};

static bool take_cpu(struct config *c, const struct keyvals *k, struct error *e)
{
    const struct machine_config *m = &c->machine;
    struct cpu_group g = {0};
    unsigned found = 0;
    if (!keyvals_apply(k, cpu_rows, type_row, &g, e)) {
        return false;
    }
    if (!has(k, "node-id")) {
        return error_set(e, "%s: node-id is missing", k->where);
    }
    if (!check_node(c, k, "node-id", g.node, e)) {
        return false;
    }
    for (unsigned i = 0; i < m->max_cpus; i++) {
        const unsigned core = i / m->threads, cluster = core / m->cores;
        if ((has(k, "thread-id") && g.thread != i % m->threads) ||
            (has(k, "core-id") && g.core != core % m->cores) ||
            (has(k, "cluster-id") && g.cluster != cluster % m->clusters) ||
            (has(k, "socket-id") && g.socket != cluster / m->clusters)) {
            continue;
        }
        if (c->numa->cpu_node[i] != NO_NODE && c->numa->cpu_node[i] != g.node) {
            return error_set(e, "%s: CPU %u is in node %u already", k->where, i,
                             c->numa->cpu_node[i]);
        }
        c->numa->cpu_node[i] = (uint16_t)g.node;
        found++;
    }
    return found || error_set(e, "%s: -smp has no such CPU", k->where);
}

/* ---- dist */

struct dist_group {
    uint32_t src, dst, val;
};

static const struct key_row dist_rows[] = {
    {"src", KEY_U32, offsetof(struct dist_group, src), "from this node", NULL},
    {"dst", KEY_U32, offsetof(struct dist_group, dst), "to that one", NULL},
    {"val", KEY_U32, offsetof(struct dist_group, val), "10 is near, 254 far, 255 out of reach",
     NULL},
    {0}};

static bool take_dist(struct config *c, const struct keyvals *k, struct error *e)
{
    struct dist_group g = {0};
    if (!keyvals_apply(k, dist_rows, type_row, &g, e) || !check_node(c, k, "src", g.src, e) ||
        !check_node(c, k, "dst", g.dst, e)) {
        return false;
    }
    if (g.val < NUMA_NEAR || g.val > UINT8_MAX) {
        return error_set(e, "%s: val: from %u to 255", k->where, NUMA_NEAR);
    }
    if (g.src == g.dst && g.val != NUMA_NEAR) {
        return error_set(e, "%s: val: the distance of a node to itself is %u", k->where, NUMA_NEAR);
    }
    c->numa->distance[g.src][g.dst] = (uint8_t)g.val;
    c->numa->has_distances = true;
    return true;
}

/* ---- hmat-lb, hmat-cache */

static const char *const hierarchies[] = {"memory", "first-level", "second-level", "third-level",
                                          NULL};
static const char *const data_types[] = {"access-latency",
                                         "read-latency",
                                         "write-latency",
                                         "access-bandwidth",
                                         "read-bandwidth",
                                         "write-bandwidth",
                                         NULL};

struct locality_group {
    uint32_t initiator, memory;
    int hierarchy, type;
    uint64_t latency, bandwidth;
};

static const struct key_row locality_rows[] = {
    {"initiator", KEY_U32, offsetof(struct locality_group, initiator), "node with the CPUs", NULL},
    {"target", KEY_U32, offsetof(struct locality_group, memory), "node with the memory", NULL},
    {"hierarchy", KEY_CHOICE, offsetof(struct locality_group, hierarchy), "the memory or its cache",
     hierarchies},
    {"data-type", KEY_CHOICE, offsetof(struct locality_group, type), "what is told", data_types},
    {"latency", KEY_U64, offsetof(struct locality_group, latency), "ns", NULL},
    {"bandwidth", KEY_SIZE, offsetof(struct locality_group, bandwidth), "bytes a second, whole MiB",
     NULL},
    {0}};

static bool take_locality(struct config *c, const struct keyvals *k, struct error *e)
{
    struct locality_group g = {0};
    if (!keyvals_apply(k, locality_rows, type_row, &g, e) ||
        !check_node(c, k, "initiator", g.initiator, e) ||
        !check_node(c, k, "target", g.memory, e)) {
        return false;
    }
    const bool bandwidth = g.type >= NUMA_DATA_TYPES / 2;
    const char *wanted = bandwidth ? "bandwidth" : "latency";
    const uint64_t value = bandwidth ? g.bandwidth : g.latency;
    if (!value || has(k, bandwidth ? "latency" : "bandwidth")) {
        return error_set(e, "%s: data-type=%s goes with %s=, and nothing else", k->where,
                         data_types[g.type], wanted);
    }
    if (bandwidth && value % (1 << 20)) {
        return error_set(e, "%s: bandwidth: not a whole number of MiB", k->where);
    }
    struct numa_locality **l = &c->numa->locality[g.hierarchy][g.type];
    if (!*l) {
        *l = mem_alloc(sizeof(**l));
        config_own(c, (char *)*l);
    }
    uint64_t *entry = &(*l)->value[g.initiator][g.memory];
    if (*entry) {
        return error_set(e, "%s: that was told already", k->where);
    }
    *entry = value;
    if (value / numa_unit(*l, c->numa->count, bandwidth) >= UINT16_MAX) {
        return error_set(e, "%s: %s: too far from the others to be told in one unit", k->where,
                         wanted);
    }
    return true;
}

static const char *const associativities[] = {"none", "direct", "complex", NULL};
static const char *const policies[] = {"none", "write-back", "write-through", NULL};

struct cache_group {
    uint32_t node, level, line;
    uint64_t size;
    int associativity, policy;
};

static const struct key_row cache_rows[] = {
    {"node-id", KEY_U32, offsetof(struct cache_group, node), "node with the memory", NULL},
    {"size", KEY_SIZE, offsetof(struct cache_group, size), "bytes", NULL},
    {"level", KEY_U32, offsetof(struct cache_group, level), "1 to 3", NULL},
    {"associativity", KEY_CHOICE, offsetof(struct cache_group, associativity), "(none)",
     associativities},
    {"policy", KEY_CHOICE, offsetof(struct cache_group, policy), "of writes (none)", policies},
    {"line", KEY_U32, offsetof(struct cache_group, line), "bytes of a line", NULL},
    {0}};

static bool take_cache(struct config *c, const struct keyvals *k, struct error *e)
{
    struct cache_group g = {0};
    if (!keyvals_apply(k, cache_rows, type_row, &g, e) || !check_node(c, k, "node-id", g.node, e)) {
        return false;
    }
    if (g.level < 1 || g.level >= NUMA_CACHES || !g.size || g.line > UINT16_MAX) {
        return error_set(e, "%s: size, and level from 1 to %u are needed; line is at most 65535",
                         k->where, NUMA_CACHES - 1);
    }
    struct numa_cache *cache = &c->numa->node[g.node].cache[g.level];
    if (cache->given) {
        return error_set(e, "%s: level: node %u has that cache already", k->where, g.node);
    }
    *cache = (struct numa_cache){.given = true,
                                 .bytes = g.size,
                                 .associativity = (uint8_t)g.associativity,
                                 .policy = (uint8_t)g.policy,
                                 .line = (uint16_t)g.line};
    return true;
}

/* ---- all */

static const struct {
    const char *name;
    const struct key_row *rows;
    bool (*take)(struct config *c, const struct keyvals *k, struct error *e);
    bool hmat;
} kinds[] = {
    {"node", node_rows, take_node, false},        {"cpu", cpu_rows, take_cpu, false},
    {"dist", dist_rows, take_dist, false},        {"hmat-lb", locality_rows, take_locality, true},
    {"hmat-cache", cache_rows, take_cache, true},
};

static bool give_help(struct config *c)
{
    struct strbuf s = {0};
    for (size_t i = 0; i < array_len(kinds); i++) {
        strbuf_printf(&s, "Keys of -numa %s:\n", kinds[i].name);
        keyval_rows_help(kinds[i].rows, &s);
    }
    return options_give_help(c, strbuf_take(&s));
}

static bool take(struct config *c, const struct keyvals *k, struct error *e)
{
    const char *type = keyvals_get(k, "type");
    for (size_t i = 0; type && i < array_len(kinds); i++) {
        if (strcmp(type, kinds[i].name) == 0) {
            return (!kinds[i].hmat || c->numa->hmat ||
                    error_set(e, "%s: only with -machine hmat=on", k->where)) &&
                   kinds[i].take(c, k, e);
        }
    }
    return error_set(e, "%s: accepted: node, cpu, dist, hmat-lb, hmat-cache", k->where);
}

/* CPUs that nobody placed go round the nodes by their sockets; if some were placed, to node 0. */
static void place_cpus(struct config *c)
{
    struct numa *n = c->numa;
    const struct machine_config *m = &c->machine;
    const unsigned per_socket = m->clusters * m->cores * m->threads;
    bool placed = false;
    for (unsigned i = 0; i < m->max_cpus; i++) {
        placed |= n->cpu_node[i] != NO_NODE;
    }
    for (unsigned i = 0; i < m->max_cpus; i++) {
        if (n->cpu_node[i] == NO_NODE) {
            n->cpu_node[i] = (uint16_t)(placed ? 0 : i / per_socket % n->count);
        }
        n->node[n->cpu_node[i]].has_cpu = true;
    }
}

static bool check_memory(const struct config *c, struct error *e)
{
    const struct numa *n = c->numa;
    uint64_t sum = 0;
    for (unsigned i = 0; i < n->count; i++) {
        if (!n->node[i].present) {
            return error_set(e, "-numa: node %u is missing: nodes are 0 to %u", i, n->count - 1);
        }
        sum += n->node[i].bytes;
    }
    return sum == c->machine.ram_bytes ||
           error_set(e,
                     "-numa: the nodes have %" PRIu64 " bytes of memory in all; -m says %" PRIu64,
                     sum, c->machine.ram_bytes);
}

/* One direction stands for both. */
static bool complete_distances(struct numa *n, struct error *e)
{
    for (unsigned from = 0; n->has_distances && from < n->count; from++) {
        n->distance[from][from] = NUMA_NEAR;
        for (unsigned to = 0; to < from; to++) {
            uint8_t *there = &n->distance[from][to], *back = &n->distance[to][from];
            if (!*there && !*back) {
                return error_set(e,
                                 "-numa: the distance of nodes %u and %u is missing: -numa "
                                 "dist,src=%u,dst=%u,val=N",
                                 to, from, to, from);
            }
            *there = *there ? *there : *back;
            *back = *back ? *back : *there;
        }
    }
    return true;
}

static bool check_initiators(struct numa *n, struct error *e)
{
    for (unsigned i = 0; n->hmat && i < n->count; i++) {
        struct numa_node *node = &n->node[i];
        if (node->has_cpu && node->initiator == NUMA_NO_INITIATOR) {
            node->initiator = (int)i;
        }
        if (node->initiator == NUMA_NO_INITIATOR || node->initiator >= (int)n->count ||
            !n->node[node->initiator].has_cpu || (node->has_cpu && node->initiator != (int)i)) {
            return error_set(e, "-numa: node %u: initiator= must name a node with CPUs%s", i,
                             node->has_cpu ? ": itself" : "");
        }
    }
    return true;
}

bool options_check_numa(struct config *c, struct error *e)
{
    if (!c->numas) {
        return !c->hmat || error_set(e, "-machine hmat=on: only with -numa node");
    }
    struct numa *n = mem_alloc(sizeof(*n));
    c->numa = n;
    config_own(c, (char *)n);
    n->hmat = c->hmat;
    n->cpu_node = mem_array(c->machine.max_cpus, sizeof(*n->cpu_node));
    config_own(c, (char *)n->cpu_node);
    for (unsigned i = 0; i < c->machine.max_cpus; i++) {
        n->cpu_node[i] = NO_NODE;
    }
    for (const struct keyvals *k = c->numas; k; k = k->next) {
        if (options_want_help(k)) {
            return give_help(c);
        }
        if (!take(c, k, e)) {
            return false;
        }
    }
    if (!check_memory(c, e)) {
        return false;
    }
    place_cpus(c);
    c->machine.numa = n;
    return complete_distances(n, e) && check_initiators(n, e);
}
