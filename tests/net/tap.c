/* SPDX-License-Identifier: MIT */
/* A tap interface of the host: the host's own network stack is at the other end. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/os.h"
#include "net/net.h"
#include "tests/support/frames.h"
#include "tests/test.h"

#define NAME "dragomantest0"
#define HOST 0x0a5b3701u /* 10.91.55.1 */
#define GUEST 0x0a5b3702u

struct card {
    struct netdev *n;
    struct net_client client;
    unsigned got; /* UDP packets to the guest */
    uint8_t arp[64], udp[3000];
    size_t arp_bytes, udp_bytes;
    struct net_offload offload; /* of the last UDP packet */
};

static bool deliver(void *opaque, unsigned queue, const struct net_packet *p)
{
    struct card *c = opaque;
    const uint8_t *f = p->iov->iov_base;
    struct frame_tcp t;
    size_t n;
    (void)queue;
    if (load_be16(f + 12) == 0x0806 && load_be16(f + 20) == 2) {
        size_t kept = p->bytes < sizeof(c->arp) ? p->bytes : sizeof(c->arp);
        memcpy(c->arp, f, kept);
        atomic_set(&c->arp_bytes, kept);
    } else if (frame_parse(f, p->bytes, 17, &t, &n) && t.to == GUEST) {
        c->udp_bytes = p->bytes;
        c->offload = p->offload;
        memcpy(c->udp, f, p->bytes < sizeof(c->udp) ? p->bytes : sizeof(c->udp));
        atomic_add(&c->got, 1);
    }
    return true;
}

static bool set_address(void)
{
    struct ifreq r = {.ifr_name = NAME};
    struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    a->sin_family = AF_INET;
    a->sin_addr.s_addr = htonl(HOST);
    bool good = ioctl(fd, SIOCSIFADDR, &r) == 0;
    a->sin_addr.s_addr = htonl(0xffffff00);
    good = good && ioctl(fd, SIOCSIFNETMASK, &r) == 0;
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    good = good && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    close(fd);
    return good;
}

static bool can_tap(void)
{
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && getuid() == 0;
}

static bool open_card(struct card *c, const char *vnet)
{
    struct error e = {{0}};
    *c = (struct card){.client = {.deliver = deliver, .opaque = c}};
    c->n = netdev_open("tap", "n", (struct net_option[]){{"ifname", NAME}, {"vnet_hdr", vnet}}, 2,
                       &e);
    return c->n && netdev_attach(c->n, &c->client, &e) && set_address();
}

static void send_frame(struct card *c, const uint8_t *f, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)f, n};
    netdev_lock(c->n);
    netdev_send(c->n, 0, &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = n});
    netdev_unlock(c->n);
}

static void exchange(struct card *c, int fd)
{
    uint8_t f[600], host_mac[6], text[64];
    struct frame_tcp t = {GUEST, HOST, 4000, 5000, 0, 0, 0, 0};
    struct sockaddr_in guest = {
        .sin_family = AF_INET, .sin_port = htons(4000), .sin_addr.s_addr = htonl(GUEST)};
    size_t n = frame_arp_request(f, GUEST, HOST);
    for (unsigned i = 0; i < 300 && !atomic_get(&c->arp_bytes);
         i++) { /* until the interface is up */
        send_frame(c, f, n);
        os_sleep_until_ns(os_now_ns() + 10000000);
        netdev_lock(c->n);
        memcpy(host_mac, c->arp + 22, 6);
        netdev_unlock(c->n);
    }
    REQUIRE(atomic_get(&c->arp_bytes) >= 42);
    send_frame(c, f, frame_udp4(f, host_mac, &t, "from the guest", 14));
    CHECK_EQ(recv(fd, text, sizeof(text), 0), 14);
    CHECK_MEM(text, "from the guest", 14);
    CHECK(sendto(fd, "from the host", 13, 0, (struct sockaddr *)&guest, sizeof(guest)) == 13);
    for (unsigned i = 0; i < 3000 && !atomic_get(&c->got); i++) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    netdev_lock(c->n);
    CHECK_EQ(c->udp_bytes, 14 + 20 + 8 + 13);
    CHECK_MEM(c->udp + 42, "from the host", 13);
    CHECK(!c->offload.needs_checksum && frame_checksums_good(c->udp, c->udp_bytes));
    netdev_unlock(c->n);
}

TEST(host_and_guest_exchange_packets)
{
    if (!can_tap()) {
        SKIP("needs root and /dev/net/tun");
    }
    for (unsigned i = 0; i < 2; i++) {
        struct card c;
        struct sockaddr_in a = {
            .sin_family = AF_INET, .sin_port = htons(5000), .sin_addr.s_addr = htonl(HOST)};
        struct timeval limit = {.tv_sec = 5};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(open_card(&c, i ? "on" : "off"));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        exchange(&c, fd);
        close(fd);
        netdev_attach(c.n, NULL, NULL);
        netdev_close(c.n);
    }
}

TEST(interface_in_use_is_refused)
{
    struct card c;
    struct error e = {{0}};
    if (!can_tap()) {
        SKIP("needs root and /dev/net/tun");
    }
    REQUIRE(open_card(&c, "on"));
    CHECK(!netdev_open("tap", "m", &(struct net_option){"ifname", NAME}, 1, &e));
    CHECK(strstr(e.text, "another program has it") != NULL);
    netdev_attach(c.n, NULL, NULL);
    netdev_close(c.n);
}

TEST(scripts_run_and_may_fail)
{
    struct error e = {{0}};
    if (!can_tap()) {
        SKIP("needs root and /dev/net/tun");
    }
    CHECK(!netdev_open("tap", "m",
                       (struct net_option[]){{"ifname", NAME}, {"script", "/bin/false"}}, 2, &e));
    CHECK(strstr(e.text, "failed") != NULL);
    CHECK(!netdev_open("tap", "m",
                       (struct net_option[]){{"ifname", NAME}, {"script", "/nonexistent"}}, 2, &e));
    struct netdev *n = netdev_open("tap", "m",
                                   (struct net_option[]){{"ifname", NAME},
                                                         {"script", "/bin/true"},
                                                         {"downscript", "/bin/true"}},
                                   3, &e);
    CHECK(n != NULL);
    netdev_close(n);
}

/* ---- interfaces that a helper program makes: this program, when it is called as one */

static int new_interface(void)
{
    struct ifreq r = {.ifr_name = NAME, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    const int fd = open("/dev/net/tun", O_RDWR);
    return fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0 ? fd : -1;
}

static bool hand_over(int to, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(to, &m, 0) == 1;
}

/* --br=good: an interface; --br=file: a descriptor that is none; anything else: nothing. */
__attribute__((constructor)) static void be_the_helper(int argc, char **argv)
{
    const char *bridge = "", *fd = NULL;
    bool vnet = false;
    for (int i = 1; i < argc; i++) {
        bridge = strncmp(argv[i], "--br=", 5) == 0 ? argv[i] + 5 : bridge;
        fd = strncmp(argv[i], "--fd=", 5) == 0 ? argv[i] + 5 : fd;
        vnet |= strcmp(argv[i], "--use-vnet") == 0;
    }
    if (fd) {
        const int made = strcmp(bridge, "good") == 0   ? new_interface()
                         : strcmp(bridge, "file") == 0 ? open("/dev/null", O_RDWR)
                                                       : -1;
        _exit(vnet && made >= 0 && hand_over(atoi(fd), made) ? 0 : 1);
    }
}

TEST(a_helper_program_makes_the_interface)
{
    struct error e = {{0}};
    char self[200], line[260];
    if (!can_tap()) {
        SKIP("needs root and /dev/net/tun");
    }
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    REQUIRE(n > 0);
    self[n] = 0;
    snprintf(line, sizeof(line), "exec %s --br=good", self);
    for (unsigned i = 0; i < 4; i++) {
        const struct net_option o[] = {{"br", "good"}, {"helper", i / 2 ? line : self}};
        struct card c = {.client = {.deliver = deliver, .opaque = &c}};
        c.n = netdev_open(i % 2 ? "tap" : "bridge", "n", o, 2, &e);
        CHECK_MSG(c.n != NULL, "%u: %s", i, e.text);
        struct strbuf text = {0};
        if (c.n) {
            netdev_describe(c.n, &text);
            CHECK_MSG(strstr(strbuf_text(&text), NAME ", with offloads") != NULL, "%u", i);
            strbuf_free(&text);
            netdev_close(c.n);
        }
    }
}

TEST(helpers_that_give_nothing_are_told_of)
{
    struct error e = {{0}};
    static const struct {
        const char *kind;
        struct net_option o[2];
        const char *says;
    } rows[] = {
        {"bridge",
         {{"br", "none"}, {"helper", "/proc/self/exe"}},
         "no interface in the bridge none"},
        {"bridge", {{"br", "file"}, {"helper", "/proc/self/exe"}}, "is not a tap interface"},
        {"bridge", {{"br", "x"}, {"helper", "/nonexistent"}}, "helper=/nonexistent: No such file"},
        {"bridge", {{"br", "x"}, {"helper", "false x"}}, "no interface in the bridge x"},
        {"tap", {{"br", "x"}, {"ifname", "x"}}, "br=x is for helper="},
        {"tap", {{"helper", "x"}, {"ifname", "x"}}, "helper=x makes the interface"},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        e.text[0] = 0;
        CHECK_MSG(!netdev_open(rows[i].kind, "n", rows[i].o, 2, &e) && strstr(e.text, rows[i].says),
                  "%s", e.text);
    }
}
