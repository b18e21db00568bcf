/* An SMTP server for probes, on all addresses of 127.0.0.0/8 or on one.
 *
 * smtp PORT [ADDRESS [LOG]]
 *
 * Greets, answers EHLO and HELO with 250, QUIT with 221 and a close, everything else with 502.
 * SIGUSR1 turns "421 too busy" as greeting on, SIGUSR2 off. LOG gets 12 octets a connection: the
 * monotonic time in nanoseconds (8) and the address that was asked (4), in this machine's order; the
 * time is that of the greeting.
 * Prints "listening" once it does. Lives until it is killed, or until its stdin ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, LINE = 512, BACKLOG = 4096 };

static volatile sig_atomic_t busy;

static void on_signal(int number) { busy = number == SIGUSR1; }

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void say(int fd, const char *text) {
    /* A peer that is gone is of no interest here. */
    if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

static void note(FILE *log, int fd) {
    struct timespec time;
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    clock_gettime(CLOCK_MONOTONIC, &time);
    if (getsockname(fd, (struct sockaddr *)&own, &size)) return;
    unsigned long long at = (unsigned long long)time.tv_sec * 1000000000u + (unsigned long long)time.tv_nsec;
    unsigned address = ntohl(own.sin_addr.s_addr);
    fwrite(&at, 8, 1, log);
    fwrite(&address, 4, 1, log);
}

static void welcome(int listener, int poller, FILE *log) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        if (log) note(log, fd);
        if (busy) {
            say(fd, "421 too busy\r\n");
            close(fd);
            continue;
        }
        say(fd, "220 node.test ESMTP\r\n");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) close(fd);
    }
}

/* One command a read: probes wait for each reply. */
static void serve(int fd) {
    char line[LINE];
    ssize_t size = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        close(fd);
        return;
    }
    line[size] = 0;
    if (!strncasecmp(line, "EHLO", 4) || !strncasecmp(line, "HELO", 4)) say(fd, "250 node.test\r\n");
    else if (!strncasecmp(line, "QUIT", 4)) {
        say(fd, "221 bye\r\n");
        close(fd);
    } else say(fd, "502 no\r\n");
}

int main(int count, char **words) {
    if (count < 2) {
        fprintf(stderr, "smtp PORT [ADDRESS [LOG]]\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    FILE *log = count > 3 ? fopen(words[3], "wb") : NULL;
    if (count > 3 && !log) fail(words[3]);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1]))};
    if (count > 2) inet_pton(AF_INET, words[2], &own.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, BACKLOG)) fail("bind");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = STDIN_FILENO;
    int bounded = !epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, 1000);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) welcome(listener, poller, log);
            else if (bounded && events[i].data.fd == STDIN_FILENO) {
                if (read(STDIN_FILENO, &one, 1) <= 0) return log ? fclose(log) : 0;
            } else serve(events[i].data.fd);
        }
        if (log) fflush(log);
    }
}
