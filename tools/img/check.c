/* SPDX-License-Identifier: MIT */
/* dragoman-img check: whether an image is what its format says, and mending it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "block/driver.h"
#include "tools/img/img.h"

/* qemu-img's exit statuses. */
enum {
    CHECK_FAILED = 1,
    CHECK_CORRUPT = 2,
    CHECK_LEAKS = 3,
    CHECK_NOT_HAD = 63,
};

static void on_finding(void *opaque, bool error, const char *text)
{
    struct error e;
    (void)opaque;
    error_set(&e, "%s%s", error ? "ERROR " : "", text);
    fprintf(stderr, "%s\n", e.text);
}

static void put(json_t *o, const char *key, uint64_t n, bool always)
{
    if (n || always) {
        json_object_set_new(o, key, json_integer((json_int_t)n));
    }
}

static void say_as_json(const struct block_check *c, const struct block_node *n)
{
    json_t *o = json_object();
    put(o, "image-end-offset", c->end_offset, false);
    put(o, "total-clusters", c->total_clusters, false);
    put(o, "check-errors", c->check_errors, true);
    put(o, "corruptions", c->corruptions, false);
    put(o, "leaks", c->leaks, false);
    put(o, "corruptions-fixed", c->corruptions_fixed, false);
    put(o, "leaks-fixed", c->leaks_fixed, false);
    put(o, "allocated-clusters", c->allocated_clusters, false);
    put(o, "fragmented-clusters", c->fragmented_clusters, false);
    put(o, "compressed-clusters", c->packed_clusters, false);
    json_object_set_new(o, "filename", json_string(block_node_file(n)));
    json_object_set_new(o, "format", json_string(block_node_driver(n)));
    img_say_json(o);
}

static double percent(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

static void say_findings(const struct block_check *c)
{
    if (!c->corruptions && !c->leaks && !c->check_errors) {
        printf("No errors were found on the image.\n");
    }
    if (c->corruptions) {
        printf("\n%" PRIu64 " errors were found on the image.\n"
               "Data may be corrupted, or further writes to the image may corrupt it.\n",
               c->corruptions);
    }
    if (c->leaks) {
        printf("\n%" PRIu64 " leaked clusters were found on the image.\n"
               "This means waste of disk space, but no harm to data.\n",
               c->leaks);
    }
    if (c->check_errors) {
        printf("\n%" PRIu64 " internal errors have occurred during the check.\n", c->check_errors);
    }
    if (c->total_clusters && c->allocated_clusters) {
        printf("%" PRIu64 "/%" PRIu64 " = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed "
               "clusters\n",
               c->allocated_clusters, c->total_clusters,
               percent(c->allocated_clusters, c->total_clusters),
               percent(c->fragmented_clusters, c->allocated_clusters),
               percent(c->packed_clusters, c->allocated_clusters));
    }
    if (c->end_offset) {
        printf("Image end offset: %" PRIu64 "\n", c->end_offset);
    }
}

static int status_of(const struct block_check *c)
{
    return c->check_errors  ? CHECK_FAILED
           : c->corruptions ? CHECK_CORRUPT
           : c->leaks       ? CHECK_LEAKS
                            : 0;
}

/* What was mended is looked at once more. */
static bool check_again(struct block_node *n, struct block_check *c, bool say, struct error *e)
{
    if (say) {
        printf("The following inconsistencies were found and repaired:\n\n"
               "    %" PRIu64 " leaked clusters\n    %" PRIu64 " corruptions\n\n"
               "Double checking the fixed image now...\n",
               c->leaks_fixed, c->corruptions_fixed);
        fflush(stdout);
    }
    struct block_check again = {.say = c->say};
    bool good = block_node_check(n, 0, &again, e);
    again.leaks_fixed = c->leaks_fixed;
    again.corruptions_fixed = c->corruptions_fixed;
    *c = again;
    return good;
}

static int check_it(const struct command_line *l, struct block_node *n, unsigned fix, bool json)
{
    struct error e;
    const bool say = !json && !command_given(l, IMG_QUIET);
    struct block_check c = {.say = say ? on_finding : NULL};
    bool good = block_node_check(n, fix, &c, &e);
    if (good && (c.leaks_fixed || c.corruptions_fixed)) {
        good = check_again(n, &c, say, &e);
    }
    if (!good) {
        command_fail(&e);
        return CHECK_FAILED;
    }
    if (json) {
        say_as_json(&c, n);
    } else if (say) {
        say_findings(&c);
    }
    return status_of(&c);
}

static int check_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    const char *repair = command_value(l, IMG_REPAIR);
    const bool all = repair && strcmp(repair, "all") == 0;
    const unsigned fix = all ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : repair ? BLOCK_FIX_LEAKS : 0;
    bool json;
    if (!img_output(l, &json, &e)) {
        return command_usage(l, "%s", e.text);
    }
    if (repair && !all && strcmp(repair, "leaks") != 0) {
        return command_usage(l, "--repair=%s: leaks and all are accepted", repair);
    }
    if (fix && command_given(l, IMG_SHARE)) {
        return command_usage(l, "an image that others use (-U) cannot be mended (-r)");
    }
    struct block_graph *g = block_graph_create();
    int status = img_open_line(
        &m, g, l, &(struct image_how){.write = fix != 0, .no_backing = true, .repair_none = true});
    if (status == 0 && !block_node_skip_filters(m.node)->driver->check) {
        status = CHECK_NOT_HAD;
        command_failf("%s: the format '%s' has no check", l->names[0], block_node_driver(m.node));
        image_drop(&m);
    } else if (status == 0) {
        status = check_it(l, m.node, fix, json);
        if (!image_close(&m, &e)) {
            status = command_fail(&e);
        }
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option check_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_CACHE, 'T', "cache", "CACHE", "none, writeback, writethrough, directsync or unsafe"},
    IMG_ROW_SHARE,
    IMG_ROW_OUTPUT,
    {IMG_REPAIR, 'r', "repair", "leaks|all", "mend what is only waste, or all"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_check = {
    .name = "check",
    .summary = "Look for errors in an image, and mend them",
    .operands = "FILENAME",
    .about = "Exit status: 0 no errors, 1 the check failed, 2 the image is corrupt, 3 it only has\n"
             "leaked clusters, 63 the format has no check.\n",
    .options = check_options,
    .run = check_run,
};
