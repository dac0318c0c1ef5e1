/* SPDX-License-Identifier: MIT */
/*
 * Random command lines: options of the table with arguments made of good pieces, changed. Nothing
 * is opened; each is accepted, answered with help, or refused with a text.
 */
#include "tests/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "system/options.h"

static const char *const pieces[] = {
    "virt",
    "help",
    "tcg",
    "max",
    "stdio",
    "mon:stdio",
    "null",
    "pty",
    "file:x",
    "unix:/x",
    "tcp::1",
    "chardev:c",
    "user",
    "tap",
    "none",
    "socket",
    "id=a",
    "id=b",
    "file=x",
    "if=none",
    "if=virtio",
    "index=1",
    "format=raw",
    "readonly=on",
    "readonly=maybe",
    "cache=none",
    "cache=x",
    "aio=x",
    "virtio-blk-pci",
    "virtio-net-pci",
    "drive=a",
    "netdev=a",
    "rng-builtin",
    "filter-dump",
    "shift=3",
    "shift=auto",
    "stop=9",
    "sleep=off",
    "thread=single",
    "tb-size=8",
    "512",
    "4G",
    "cpus=4",
    "sockets=2",
    "maxcpus=8",
    "base=utc",
    "reboot=shutdown",
    "type=1",
    "type=11",
    "type=41",
    "serial=x",
    "value=x",
    "file=/dev/null",
    "data=/dev/null",
    "sig=ABCD",
    "node",
    "mem=64M",
    "mem=128M",
    "cpus=0",
    "cpus=0-1",
    "nodeid=1",
    "dist",
    "src=0",
    "dst=1",
    "val=20",
    "hmat=on",
    "hmat-lb",
    "initiator=0",
    "target=1",
    "latency=5",
    "data-type=read-bandwidth",
    "bandwidth=1M",
    "hmat-cache",
    "node-id=0",
    "level=1",
    "size=1K",
    "string=x",
    "name=opt/a",
    "menu=on",
    "splash=/dev/null",
    "order=cd",
    "in_asm",
    "0x1000..0x2000",
    "server=on",
    "wait=off",
    "mux=on",
    "enable=on",
    "guest=x",
    "model=x",
    "mac=52:54:00:12:34:56",
    "backend=null",
    "chardev=c",
    "x.y=z",
    "driver=virtio-blk-pci",
    "property=drive",
    "value=1",
    "gic-version=3",
    "pauth=off",
};

static struct rng rng;

static const char *pick_piece(void)
{
    return pieces[rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))];
}

/* An argument: some pieces, with commas, then some characters changed. */
static char *make_argument(void)
{
    struct strbuf s = {0};
    unsigned n = (unsigned)rng_below(&rng, 5);
    strbuf_puts(&s, rng_below(&rng, 8) ? pick_piece() : "");
    for (unsigned i = 0; i < n; i++) {
        strbuf_printf(&s, "%s%s", rng_below(&rng, 10) ? "," : ",,", pick_piece());
    }
    char *text = strbuf_take(&s);
    size_t length = strlen(text);
    for (unsigned i = (unsigned)rng_below(&rng, 3); i > 0 && length; i--) {
        static const char odd[] = ",=:.-?0fx{ \x7f\xff";
        text[rng_below(&rng, length)] = odd[rng_below(&rng, sizeof(odd) - 1)];
    }
    return text;
}

static const struct option *pick_option(void)
{
    size_t n = 0;
    while (options[n].name) {
        n++;
    }
    return &options[rng_below(&rng, n)];
}

/* One command line; what was made of it. */
static bool try_one(int argc, char **argv)
{
    struct config c = {0};
    struct error e = {""};
    bool ok = options_parse(&c, argc, argv, &e) && options_check(&c, &e);
    bool told = ok || c.help || e.text[0];
    config_free(&c);
    return told;
}

TEST(random_command_lines_are_accepted_or_refused_with_a_text)
{
    enum {
        ARGUMENTS = 24
    };
    rng_seed(&rng, test_seed());
    for (unsigned round = 0; round < 20000 * test_scale(); round++) {
        char *argv[ARGUMENTS + 4] = {mem_strdup("dragoman-system-aarch64")};
        int argc = 1;
        for (unsigned n = (unsigned)rng_below(&rng, 8); n > 0; n--) {
            const struct option *o = pick_option();
            argv[argc++] = mem_printf("%s%s", rng_below(&rng, 4) ? "-" : "--", o->name);
            if (o->arg && rng_below(&rng, 20)) {
                argv[argc++] = make_argument();
            }
        }
        if (rng_below(&rng, 2)) {
            argv[argc++] = mem_strdup("-Mvirt");
            argv[argc - 1][2] = '\0';
            argv[argc++] = mem_strdup("virt");
        }
        bool told = try_one(argc, argv);
        struct strbuf line = {0};
        for (int i = 0; i < argc; i++) {
            strbuf_printf(&line, "%s ", argv[i]);
            mem_free(argv[i]);
        }
        if (!told) {
            CHECK_MSG(false, "round %u: nothing was said of %s", round, strbuf_text(&line));
        }
        strbuf_free(&line);
    }
}
