/* SPDX-License-Identifier: MIT */
/* Byte streams of each kind, as -chardev and the short forms open them. */
#include "tests/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/loop.h"

/* A user of a stream that keeps what it reads, as much as it has room for. */
struct user {
    char got[8192];
    size_t n, room;
    unsigned opened, closed, breaks;
};

static size_t user_room(void *opaque)
{
    struct user *u = opaque;
    return u->room;
}

static void user_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct user *u = opaque;
    CHECK(n <= u->room);
    memcpy(u->got + u->n, bytes, n);
    u->n += n;
    u->room -= n;
}

static void user_event(void *opaque, enum stream_event e)
{
    struct user *u = opaque;
    u->opened += e == STREAM_OPENED;
    u->closed += e == STREAM_CLOSED;
    u->breaks += e == STREAM_BREAK;
}

static void attach(struct stream *s, struct user *u)
{
    s->ops->set_reader(s,
                       &(struct stream_reader){
                           .room = user_room, .read = user_read, .event = user_event, .opaque = u});
}

static void turns(struct loop *l, int n)
{
    for (int i = 0; i < n; i++) {
        loop_turn(l, 2);
    }
}

/* The stream of a -chardev group with id=c; NULL with the message in *why. */
static struct stream *open_chardev(struct chardevs *c, const char *group, struct error *why)
{
    struct keyvals *k = keyvals_parse("-chardev", group, "backend", why);
    return k && chardevs_add(c, k, why) ? chardevs_use(c, "c", why) : NULL;
}

static struct stream *open_short(struct chardevs *c, const char *text, struct error *why)
{
    const char *id;
    struct chardev_short s = {.option = "-serial", .text = text, .id = "serial0"};
    return chardevs_add_short(c, &s, &id, why) ? chardevs_use(c, id, why) : NULL;
}

static char *temporary(void)
{
    static char dir[40];
    strcpy(dir, "/tmp/dragoman-stream-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    return dir;
}

static size_t put(struct stream *s, const char *text)
{
    return stream_write(s, (const uint8_t *)text, strlen(text));
}

/* What the file holds. */
static const char *contents(const char *path)
{
    static char text[256];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

TEST(file_takes_output_and_gives_its_input_path)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), in[80], out[80], group[200];
    snprintf(in, sizeof(in), "%s/in", dir);
    snprintf(out, sizeof(out), "%s/out", dir);
    FILE *f = fopen(in, "w");
    fputs("typed", f);
    fclose(f);
    snprintf(group, sizeof(group), "file,id=c,path=%s,input-path=%s", out, in);
    struct stream *s = open_chardev(c, group, &e);
    REQUIRE(s);
    struct user u = {.room = 3};
    attach(s, &u);
    CHECK_EQ(put(s, "said"), 4);
    turns(l, 4);
    CHECK_EQ(u.opened, 1);
    CHECK_STR(u.got, "typ");
    u.room = 100;
    s->ops->more_room(s);
    turns(l, 4);
    CHECK_STR(u.got, "typed");
    CHECK_STR(contents(out), "said");
    chardevs_destroy(c);
    loop_destroy(l);
    unlink(in);
    unlink(out);
    rmdir(dir);
}

TEST(pipes_carry_bytes_both_ways)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), in[80], out[80], text[100], got[16] = {0};
    snprintf(in, sizeof(in), "%s/p.in", dir);
    snprintf(out, sizeof(out), "%s/p.out", dir);
    snprintf(text, sizeof(text), "pipe:%s/p", dir);
    REQUIRE(mkfifo(in, 0600) == 0 && mkfifo(out, 0600) == 0);
    struct stream *s = open_short(c, text, &e);
    REQUIRE(s);
    struct user u = {.room = 100};
    attach(s, &u);
    int w = open(in, O_WRONLY | O_NONBLOCK), r = open(out, O_RDONLY | O_NONBLOCK);
    CHECK(write(w, "hello", 5) == 5);
    turns(l, 3);
    CHECK_STR(u.got, "hello");
    put(s, "answer");
    CHECK(read(r, got, sizeof(got) - 1) == 6);
    CHECK_STR(got, "answer");
    close(w);
    turns(l, 3);
    CHECK_EQ(u.closed, 0); /* the next writer may come */
    chardevs_destroy(c);
    loop_destroy(l);
    close(r);
    unlink(in);
    unlink(out);
    rmdir(dir);
}

TEST(full_pipe_keeps_what_it_cannot_take_and_then_refuses)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), path[80], text[100];
    snprintf(path, sizeof(path), "%s/p", dir);
    snprintf(text, sizeof(text), "pipe:%s", path);
    REQUIRE(mkfifo(path, 0600) == 0);
    struct stream *s = open_short(c, text, &e);
    REQUIRE(s);
    static uint8_t block[65536];
    size_t taken = 0, got;
    memset(block, 'x', sizeof(block));
    while ((got = stream_write(s, block, sizeof(block))) == sizeof(block)) {
        taken += got;
    }
    taken += got;
    CHECK(taken > 1 << 20 && taken < 4 << 20);
    CHECK_EQ(stream_write(s, block, 1), 0);
    int r = open(path, O_RDONLY | O_NONBLOCK);
    size_t seen = 0;
    for (int i = 0; i < 1000 && seen < taken; i++) {
        ssize_t n = read(r, block, sizeof(block));
        seen += n > 0 ? (size_t)n : 0;
        loop_turn(l, 0);
    }
    CHECK_EQ(seen, taken);
    CHECK_EQ(stream_write(s, block, 1), 1); /* there is room again */
    close(r);
    chardevs_destroy(c);
    loop_destroy(l);
    unlink(path);
    rmdir(dir);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
    return fd;
}

TEST(unix_server_serves_one_peer_after_another)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), path[80], text[120], got[16] = {0};
    snprintf(path, sizeof(path), "%s/s", dir);
    snprintf(text, sizeof(text), "unix:%s,server=on,wait=off", path);
    struct stream *s = open_short(c, text, &e);
    REQUIRE(s);
    struct user u = {.room = 100};
    attach(s, &u);
    CHECK_EQ(put(s, "lost"), 4); /* nobody listens: dropped */
    for (int round = 1; round <= 2; round++) {
        int fd = connect_unix(path);
        turns(l, 3);
        CHECK_EQ(u.opened, round);
        CHECK(write(fd, "hi", 2) == 2);
        turns(l, 3);
        CHECK_EQ(u.n, 2 * round);
        put(s, "ok");
        memset(got, 0, sizeof(got));
        CHECK(read(fd, got, sizeof(got) - 1) == 2);
        CHECK_STR(got, "ok");
        close(fd);
        turns(l, 3);
        CHECK_EQ(u.closed, round);
    }
    chardevs_destroy(c);
    CHECK(access(path, F_OK) != 0);
    loop_destroy(l);
    rmdir(dir);
}

/* A listening TCP socket on a free port, which it stores. */
static int listen_tcp(unsigned *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&in, len) == 0 && listen(fd, 1) == 0);
    getsockname(fd, (struct sockaddr *)&in, &len);
    *port = ntohs(in.sin_port);
    return fd;
}

TEST(tcp_client_connects_again_when_its_peer_goes)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    unsigned port;
    char group[120];
    int server = listen_tcp(&port);
    snprintf(group, sizeof(group), "socket,id=c,host=127.0.0.1,port=%u,reconnect-ms=1", port);
    struct stream *s = open_chardev(c, group, &e);
    REQUIRE(s);
    struct user u = {.room = 100};
    attach(s, &u);
    int peer = accept(server, NULL, NULL);
    turns(l, 2);
    CHECK_EQ(u.opened, 1);
    close(peer);
    turns(l, 20);
    peer = accept(server, NULL, NULL);
    CHECK(write(peer, "x", 1) == 1);
    turns(l, 5);
    CHECK_EQ(u.opened, 2);
    CHECK_EQ(u.n, 1);
    close(peer);
    close(server);
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(port_in_use_is_said_with_its_address)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    unsigned port;
    char text[80], expected[200];
    int server = listen_tcp(&port);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,server=on,wait=off", port);
    snprintf(expected, sizeof(expected),
             "-serial %s: socket: cannot listen on 127.0.0.1:%u: Address already in use", text,
             port);
    CHECK(open_short(c, text, &e) == NULL);
    CHECK_STR(e.text, expected);
    close(server);
    chardevs_destroy(c);
    loop_destroy(l);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

TEST(server_takes_the_next_free_port)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    unsigned port;
    char group[120];
    int server = listen_tcp(&port);
    snprintf(group, sizeof(group), "socket,id=c,host=127.0.0.1,port=%u,to=%u,server=on,wait=off",
             port, port < 65435 ? port + 100 : 65535);
    CHECK(open_chardev(c, group, &e) != NULL);
    snprintf(group, sizeof(group), "socket,id=d,host=127.0.0.1,port=%u,to=%u", port, port);
    CHECK(open_chardev(c, group, &e) == NULL);
    CHECK(strstr(e.text, "to= is a port up to 65535, for server=on") != NULL);
    close(server);
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(abstract_socket_has_no_file)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char group[120], name[60];
    struct user u = {.room = 100};
    snprintf(name, sizeof(name), "dragoman-abstract-%d", (int)getpid());
    snprintf(group, sizeof(group), "socket,id=c,path=%s,abstract=on,server=on,wait=off", name);
    struct stream *s = open_chardev(c, group, &e);
    REQUIRE(s);
    attach(s, &u);
    CHECK(!exists(name));
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path + 1, name, strlen(name));
    const socklen_t tight = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0);
    CHECK(connect(fd, (struct sockaddr *)&un, tight) == 0);
    turns(l, 3);
    CHECK_EQ(u.opened, 1);
    close(fd);
    chardevs_destroy(c);
    loop_destroy(l);
}

/* RFC 854: what is a command is no data, 255 is sent twice, CR NUL is CR. */
TEST(telnet_is_spoken_and_understood)
{
    static const uint8_t greeting[] = {255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0};
    static const uint8_t sent[] = {'a', 255, 253, 1, 'b', 255, 255, 255, 250, 24,  0,   'x', 255,
                                   240, 'c', 13,  0, 'd', 13,  10,  255, 243, 255, 241, 'e'};
    static const uint8_t read_as[] = {'a', 'b', 255, 'c', 13, 'd', 13, 10, 'e'};
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), path[80], text[120];
    uint8_t got[32];
    snprintf(path, sizeof(path), "%s/s", dir);
    for (unsigned cut = 0; cut < sizeof(sent); cut++) {
        snprintf(text, sizeof(text), "unix:%s,server=on,wait=off,telnet=on", path);
        struct stream *s = open_short(c, text, &e);
        REQUIRE(s);
        struct user u = {.room = 100};
        attach(s, &u);
        int fd = connect_unix(path);
        turns(l, 3);
        CHECK_EQ(read(fd, got, sizeof(got)), sizeof(greeting));
        CHECK_EQ(memcmp(got, greeting, sizeof(greeting)), 0);
        CHECK(write(fd, sent, cut) == (ssize_t)cut); /* in two pieces, cut anywhere */
        turns(l, 2);
        CHECK(write(fd, sent + cut, sizeof(sent) - cut) == (ssize_t)(sizeof(sent) - cut));
        turns(l, 3);
        CHECK_EQ(u.n, sizeof(read_as));
        CHECK_EQ(memcmp(u.got, read_as, sizeof(read_as)), 0);
        CHECK_EQ(u.breaks, 1);
        CHECK_EQ(put(s, "\377x\377\377"), 4);
        CHECK_EQ(read(fd, got, sizeof(got)), 7);
        CHECK_EQ(memcmp(got, "\377\377x\377\377\377\377", 7), 0);
        close(fd);
        chardevs_destroy(c);
        c = chardevs_create(l);
    }
    chardevs_destroy(c);
    loop_destroy(l);
    rmdir(dir);
}

/* A stream that takes as many bytes as it is told. */
struct slow {
    struct stream stream; /* first */
    size_t takes, n;
    uint8_t got[16];
};

static size_t slow_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct slow *w = (struct slow *)s;
    n = n < w->takes ? n : w->takes;
    memcpy(w->got + w->n, bytes, n);
    w->n += n;
    w->takes -= n;
    return n;
}

static void slow_close(struct stream *s)
{
    (void)s;
}

TEST(half_an_escaped_byte_is_completed_later)
{
    static const struct stream_ops ops = {.write = slow_write, .close = slow_close};
    struct slow w = {.stream = {&ops}, .takes = 2};
    struct stream *s = stream_telnet_open(&w.stream);
    CHECK_EQ(put(s, "a\377b"), 2);
    CHECK_EQ(put(s, "b"), 0);
    w.takes = 9;
    CHECK_EQ(put(s, "b"), 1);
    CHECK_EQ(w.n, 4);
    CHECK_EQ(memcmp(w.got, "a\377\377b", 4), 0);
    s->ops->close(s);
}

TEST(long_and_short_forms_of_sockets_are_one)
{
    static const char *const forms[] = {"unix:path=%s,server=on,wait=off", "unix:%s,server,nowait"};
    struct loop *l = loop_create();
    struct error e = {""};
    char *dir = temporary(), path[80], text[120];
    snprintf(path, sizeof(path), "%s/s", dir);
    for (size_t i = 0; i < 2; i++) {
        struct chardevs *c = chardevs_create(l);
        snprintf(text, sizeof(text), forms[i], path);
        CHECK_MSG(open_short(c, text, &e) != NULL, "%s", e.text);
        close(connect_unix(path));
        chardevs_destroy(c);
    }
    struct chardevs *c = chardevs_create(l);
    CHECK_MSG(open_short(c, "tcp:host=127.0.0.1,port=0,server=on,wait=off", &e) != NULL, "%s",
              e.text);
    chardevs_destroy(c);
    loop_destroy(l);
    rmdir(dir);
}

TEST(datagrams_are_one_stream)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in ours;
    socklen_t len = sizeof(peer);
    char text[80], got[16] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&peer, len) == 0);
    getsockname(fd, (struct sockaddr *)&peer, &len);
    snprintf(text, sizeof(text), "udp:127.0.0.1:%u@127.0.0.1:0", ntohs(peer.sin_port));
    struct stream *s = open_short(c, text, &e);
    REQUIRE(s);
    struct user u = {.room = 3};
    attach(s, &u);
    CHECK_EQ(put(s, "hello"), 5);
    CHECK(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&ours, &len) == 5);
    CHECK_STR(got, "hello");
    CHECK(sendto(fd, "12345678", 8, 0, (struct sockaddr *)&ours, len) == 8);
    CHECK(sendto(fd, "9", 1, 0, (struct sockaddr *)&ours, len) == 1);
    turns(l, 5);
    CHECK_EQ(u.n, 3); /* the rest waits for room */
    u.room = 100;
    s->ops->more_room(s);
    turns(l, 5);
    CHECK_STR(u.got, "123456789");
    char *many = calloc(1, 100000);
    memset(many, 'x', 99999);
    CHECK_EQ(put(s, many), 99999); /* more than a datagram holds */
    free(many);
    put(s, "!");
    ssize_t all = 0;
    for (char piece[65536] = ""; all < 100000 && piece[0] != '!';) {
        const ssize_t n = recv(fd, piece, sizeof(piece), 0);
        REQUIRE(n > 0);
        all += n;
    }
    CHECK_EQ(all, 100000);
    close(fd);
    turns(l, 2);
    put(s, "nobody");
    put(s, "is there");
    turns(l, 5);
    CHECK_EQ(u.closed, 0);
    chardevs_destroy(c);
    CHECK(open_short(c = chardevs_create(l), "udp:x", &e) == NULL);
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(memory_keeps_the_latest)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    uint8_t got[32];
    struct user u = {.room = 3};
    struct stream *s = open_chardev(c, "ringbuf,id=c,size=8", &e);
    REQUIRE(s);
    CHECK(chardevs_find_ringbuf(c, "c", &e) == s);
    CHECK_EQ(stream_ringbuf_take(s, got, 32), 0);
    put(s, "abc");
    CHECK_EQ(stream_ringbuf_take(s, got, 2), 2);
    put(s, "0123456789");
    CHECK_EQ(stream_ringbuf_take(s, got, 32), 8);
    CHECK_EQ(memcmp(got, "23456789", 8), 0);
    CHECK_EQ(stream_ringbuf_give(s, got, 5), 0);
    attach(s, &u);
    CHECK_EQ(stream_ringbuf_give(s, (const uint8_t *)"hello", 5), 3);
    CHECK_STR(u.got, "hel");
    CHECK(open_chardev(c, "ringbuf,id=d,size=9", &e) == NULL);
    CHECK(strstr(e.text, "a power of two up to 256M is accepted") != NULL);
    CHECK(chardevs_find_ringbuf(c, "d", &e) == NULL);
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(host_lines_are_raw_while_used)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    struct user u = {.room = 100};
    struct termios t;
    char text[80], got[16] = {0};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    snprintf(text, sizeof(text), "%s", ptsname(master));
    struct stream *s = open_short(c, text, &e);
    REQUIRE(s);
    attach(s, &u);
    tcgetattr(slave, &t);
    CHECK(!(t.c_lflag & (ICANON | ECHO)));
    put(s, "out\n");
    CHECK(read(master, got, sizeof(got)) == 4);
    CHECK(write(master, "in\r", 3) == 3);
    turns(l, 4);
    CHECK_STR(u.got, "in\r");
    chardevs_destroy(c);
    tcgetattr(slave, &t);
    CHECK(t.c_lflag & ICANON);
    close(slave);
    close(master);
    c = chardevs_create(l);
    CHECK(open_chardev(c, "serial,id=c,path=/proc/version", &e) == NULL);
    CHECK(open_chardev(c, "serial,id=c", &e) == NULL);
    CHECK(strstr(e.text, "serial: path= is missing") != NULL);
    chardevs_destroy(c);
    loop_destroy(l);
}

static int ended_with = -1;

static void end_with(struct power *p, int status)
{
    (void)p;
    ended_with = status;
}

TEST(test_device_ends_with_an_odd_status)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {{"0q", 1}, {"1q", 3}, {"q", -1}, {"12\n3q", 7}, {"127q", 255}, {"5x", -1}};
    struct power p = {.exit_status = end_with};
    struct loop *l = loop_create();
    struct error e;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chardevs *c = chardevs_create(l);
        chardevs_power(c, &p);
        struct stream *s = open_short(c, "testdev", &e);
        REQUIRE(s);
        ended_with = -1;
        CHECK_EQ(put(s, cases[i].text), strlen(cases[i].text));
        CHECK_EQ(ended_with, cases[i].status);
        chardevs_destroy(c);
    }
    loop_destroy(l);
}

TEST(pty_may_have_a_link)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char *dir = temporary(), path[80], text[120], name[80] = {0};
    snprintf(path, sizeof(path), "%s/line", dir);
    snprintf(text, sizeof(text), "pty:%s", path);
    CHECK(open_short(c, text, &e) != NULL);
    CHECK(readlink(path, name, sizeof(name) - 1) > 0);
    CHECK(strncmp(name, "/dev/pts/", 9) == 0);
    CHECK(open_chardev(c, "pty,id=c,path=/nonexistent/x", &e) == NULL);
    CHECK(strstr(e.text, "cannot make the link /nonexistent/x") != NULL);
    chardevs_destroy(c);
    CHECK(!exists(path));
    loop_destroy(l);
    rmdir(dir);
}

TEST(what_is_not_built_says_so)
{
    static const char *const kinds[] = {"braille",  "dbus",     "hub",          "msmouse",
                                        "mux",      "parallel", "qemu-vdagent", "spiceport",
                                        "spicevmc", "vc",       "wctablet"};
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    char group[80];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(group, sizeof(group), "%s,id=c", kinds[i]);
        CHECK(open_chardev(c, group, &e) == NULL);
        CHECK_MSG(strstr(e.text, "is not in this build: ") != NULL, "%s", e.text);
    }
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(pty_can_be_opened_and_talked_to)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    int err = dup(2), p[2];
    char said[200] = {0}, name[64], got[16] = {0};
    REQUIRE(pipe(p) == 0);
    dup2(p[1], 2);
    struct stream *s = open_short(c, "pty", &e);
    dup2(err, 2);
    REQUIRE(s);
    CHECK(read(p[0], said, sizeof(said) - 1) > 0);
    REQUIRE(sscanf(said, "dragoman: char device redirected to %63s", name) == 1);
    struct user u = {.room = 100};
    attach(s, &u);
    put(s, "boot\n");
    int fd = open(name, O_RDWR | O_NOCTTY);
    REQUIRE(fd >= 0);
    CHECK(read(fd, got, sizeof(got) - 1) == 5);
    CHECK_STR(got, "boot\n"); /* raw: no carriage return was added */
    CHECK(write(fd, "k\r", 2) == 2);
    turns(l, 3);
    CHECK_STR(u.got, "k\r");
    close(fd);
    turns(l, 3);
    CHECK_EQ(u.closed, 0);
    close(p[0]);
    close(p[1]);
    close(err);
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(back_end_has_one_user_unless_it_is_multiplexed)
{
    struct loop *l = loop_create();
    struct chardevs *c = chardevs_create(l);
    struct error e;
    CHECK(open_chardev(c, "null,id=c", &e) != NULL);
    CHECK(chardevs_use(c, "c", &e) == NULL);
    CHECK_STR(e.text, "the back end 'c' has a user already; with mux=on up to 8 users share one");
    CHECK(chardevs_use(c, "d", &e) == NULL);
    CHECK_STR(e.text, "there is no -chardev with id=d");
    CHECK(open_chardev(c, "null,id=c", &e) == NULL);
    CHECK_STR(e.text, "-chardev null,id=c: the id 'c' is taken");
    chardevs_destroy(c);
    loop_destroy(l);
}

TEST(messages_name_the_option_and_what_is_accepted)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"vc", "-serial vc: this build has no window; use stdio, mon:stdio, pty, or a socket"},
        {"vc:80Cx24C",
         "-serial vc:80Cx24C: this build has no window; use stdio, mon:stdio, pty, or a socket"},
        {"stdoi",
         "-serial stdoi: not a back end; "
         "accepted: stdio, mon:stdio, null, none, pty, pty:PATH, file:PATH, pipe:PATH, unix:PATH, "
         "tcp:HOST:PORT, telnet:HOST:PORT, udp:HOST:PORT, /dev/NAME, testdev, chardev:ID"},
        {"chardev:x", "-serial chardev:x: there is no -chardev with id=x"},
        {"file:/nonexistent/x", "-serial file:/nonexistent/x: file: cannot write /nonexistent/x: "
                                "No such file or directory"},
        {"unix:/nonexistent/x", "-serial unix:/nonexistent/x: socket: cannot connect to unix "
                                "socket /nonexistent/x: No such "
                                "file or directory"},
        {"unix:/x,serfer=on", "-serial unix:/x,serfer=on: unknown key 'serfer'; did you mean "
                              "'server'? accepted: path, host, "
                              "port, ipv4, ipv6, server, wait, nodelay, reconnect, reconnect-ms, "
                              "to, abstract, tight, telnet, "
                              "backend, id, mux, logfile, logappend"},
        {"tcp:nothing",
         "-serial tcp:nothing: not a back end; "
         "accepted: stdio, mon:stdio, null, none, pty, pty:PATH, file:PATH, pipe:PATH, unix:PATH, "
         "tcp:HOST:PORT, telnet:HOST:PORT, udp:HOST:PORT, /dev/NAME, testdev, chardev:ID"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loop *l = loop_create();
        struct chardevs *c = chardevs_create(l);
        struct error e = {""};
        CHECK(open_short(c, cases[i].text, &e) == NULL);
        CHECK_MSG(strcmp(e.text, cases[i].message) == 0, "%s", e.text);
        chardevs_destroy(c);
        loop_destroy(l);
    }
}

/* ---- the multiplexer, over a Unix socket pair's like: a pipe both ways */

struct bench {
    struct loop *loop;
    struct chardevs *chardevs;
    int fd;
    char dir[64], path[80];
    struct stream *a, *b;
    struct user ua, ub;
    unsigned quits, saves;
};

static void quit_key(void *opaque)
{
    ((struct bench *)opaque)->quits++;
}

static void save_key(void *opaque)
{
    ((struct bench *)opaque)->saves++;
}

static bool bench_open(struct bench *b)
{
    struct error e;
    char group[160];
    const char *id;
    b->loop = loop_create();
    b->chardevs = chardevs_create(b->loop);
    chardevs_actions(
        b->chardevs,
        &(struct mux_actions){.quit = quit_key, .save = save_key, .opaque = b, .escape = 1});
    strcpy(b->dir, temporary());
    snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
    snprintf(group, sizeof(group), "mon:unix:%s,server=on,wait=off", b->path);
    struct chardev_short s = {.option = "-serial", .text = group, .id = "serial0"};
    if (!chardevs_add_short(b->chardevs, &s, &id, &e)) {
        return false;
    }
    b->a = chardevs_use(b->chardevs, id, &e);
    b->b = chardevs_use(b->chardevs, id, &e);
    b->ua.room = b->ub.room = 6000;
    attach(b->a, &b->ua);
    attach(b->b, &b->ub);
    b->fd = connect_unix(b->path);
    turns(b->loop, 3);
    return b->a && b->b;
}

static void bench_type(struct bench *b, const char *text)
{
    CHECK(write(b->fd, text, strlen(text)) == (ssize_t)strlen(text));
    turns(b->loop, 3);
}

static void bench_close(struct bench *b)
{
    close(b->fd);
    chardevs_destroy(b->chardevs);
    loop_destroy(b->loop);
    rmdir(b->dir);
}

TEST(typed_text_goes_to_the_user_in_front)
{
    struct bench b = {0};
    REQUIRE(bench_open(&b));
    bench_type(&b, "one\001ctwo\001cthree");
    CHECK_STR(b.ua.got, "onethree");
    CHECK_STR(b.ub.got, "two");
    CHECK_EQ(b.ub.opened, 1); /* told when it came to the front */
    bench_close(&b);
}

TEST(escape_keys_act_and_doubled_escape_is_sent)
{
    struct bench b = {0};
    REQUIRE(bench_open(&b));
    bench_type(&b, "\001b\001\001\001s\001zx\001x");
    CHECK_EQ(b.ua.breaks, 1);
    CHECK_STR(b.ua.got, "\001x");
    CHECK_EQ(b.saves, 1);
    CHECK_EQ(b.quits, 1);
    bench_close(&b);
}

TEST(escape_gets_through_to_a_user_that_reads_nothing)
{
    struct bench b = {0};
    REQUIRE(bench_open(&b));
    b.ua.room = 0;
    bench_type(&b, "waiting\001x");
    CHECK_EQ(b.quits, 1);
    CHECK_EQ(b.ua.n, 0);
    b.ua.room = 100;
    b.a->ops->more_room(b.a);
    turns(b.loop, 2);
    CHECK_STR(b.ua.got, "waiting");
    bench_close(&b);
}

TEST(long_paste_is_not_lost_while_the_user_reads_slowly)
{
    struct bench b = {0};
    REQUIRE(bench_open(&b));
    char text[6001];
    for (int i = 0; i < 6000; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[6000] = '\0';
    b.ua.room = 0;
    bench_type(&b, text);
    for (int i = 0; i < 6000 && b.ua.n < 6000; i += 50) {
        b.ua.room = 50;
        b.a->ops->more_room(b.a);
        turns(b.loop, 2);
    }
    CHECK_EQ(b.ua.n, 6000);
    CHECK_MEM(b.ua.got, text, 6000);
    bench_close(&b);
}

TEST(time_stamps_stand_at_the_beginning_of_each_line)
{
    struct bench b = {0};
    char got[200] = {0};
    REQUIRE(bench_open(&b));
    bench_type(&b, "\001t");
    put(b.a, "x\ny");
    CHECK(read(b.fd, got, sizeof(got) - 1) > 0);
    int h, m, s, ms, n = 0;
    CHECK(sscanf(got, "[%d:%d:%d.%d] x\n[%*d:%*d:%*d.%*d] y%n", &h, &m, &s, &ms, &n) == 4 && n > 0);
    CHECK_EQ(h, 0);
    bench_close(&b);
}

TEST(help_key_lists_the_keys)
{
    struct bench b = {0};
    char got[1000] = {0};
    REQUIRE(bench_open(&b));
    bench_type(&b, "\001h");
    CHECK(read(b.fd, got, sizeof(got) - 1) > 0);
    CHECK(strstr(got, "ctrl-a x      end the machine") != NULL);
    CHECK(strstr(got, "ctrl-a ctrl-a send ctrl-a") != NULL);
    bench_close(&b);
}
