/* A minimal recorder to measure against: epoll, recvmmsg, payloads to one file, in the clear and under no permit.
 *
 * Descriptors come on the first line of the input; the arguments are milliseconds to gather before each look (0: look
 * at once) and a folder. SIGTERM ends it, and it prints what it counted as JSON. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, SIZE = 2048, BUFFER = 1 << 20, EVENTS = 512 };

static volatile sig_atomic_t stopping;
static unsigned char packets[MOST][SIZE], out[BUFFER];
static size_t filled;
static int file;

static void stop(int number) { (void)number; stopping = 1; }

static void flush_out(void) {
    for (size_t at = 0; at < filled;) {
        ssize_t went = write(file, out + at, filled - at);
        if (went < 0) { perror("write"); exit(1); }
        at += (size_t)went;
    }
    filled = 0;
}

static unsigned long receive(int fd, struct mmsghdr *heads) {
    unsigned long captured = 0;
    int got = recvmmsg(fd, heads, MOST, MSG_DONTWAIT, NULL);
    for (int at = 0; at < got; at++) {
        size_t size = heads[at].msg_len;
        if (size < 12 || packets[at][0] != 0x80) continue;
        if (filled + size > BUFFER) flush_out();
        memcpy(out + filled, packets[at] + 12, size - 12);
        filled += size - 12;
        captured++;
    }
    return captured;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    struct timespec gather = { 0, atol(arguments[1]) * 1000000L };
    char path[4096];
    snprintf(path, sizeof path, "%s/payloads", arguments[2]);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    int poll = epoll_create1(0), fd;
    while (scanf("%d", &fd) == 1) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) { perror("epoll_ctl"); return 1; }
    }
    static struct iovec vectors[MOST];
    static struct mmsghdr heads[MOST];
    for (int at = 0; at < MOST; at++) {
        vectors[at] = (struct iovec){ packets[at], SIZE };
        heads[at].msg_hdr = (struct msghdr){ .msg_iov = &vectors[at], .msg_iovlen = 1 };
    }
    signal(SIGTERM, stop);
    puts("ready");
    fflush(stdout);
    unsigned long captured = 0;
    struct epoll_event events[EVENTS];
    while (!stopping) {
        int ready = epoll_wait(poll, events, EVENTS, 100);
        for (int at = 0; at < ready; at++) captured += receive(events[at].data.fd, heads);
        if (ready < EVENTS && gather.tv_nsec) nanosleep(&gather, NULL);
    }
    flush_out();
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"captured\": %lu, \"memory_kib\": %ld}\n", captured, used.ru_maxrss);
    return 0;
}
