/* A load over UDP: many queries in one system call, answers known by their IDs.
 *
 * client PORT FILE SECONDS SOCKETS WINDOW RATE RCODE BLOCK
 *
 * FILE has messages, each with its length before it (two octets). RATE 0: a closed loop with WINDOW
 * queries under way; else so many queries a second whether answers come or not. BLOCK 1: sleep where
 * nothing has come, else look again at once. Prints what it saw as JSON; a good answer has the RCODE,
 * QR, no TC, and records where the RCODE is 0.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, OCTETS = 1500, IDS = 65536, SECOND = 1000000000, STALL_NS = SECOND };

typedef unsigned long long ns_t;

struct peer {
    int fd;
    unsigned next, under_way;
    ns_t *sent_at; /* by ID; 0: nothing is under way */
};

static unsigned char *messages;
static size_t *starts, message_count, message_next;
static unsigned long long sent, answered, good;
static unsigned *latencies, expected;
static size_t latency_count, latency_room;
static int kernel_times;

static unsigned char out[BATCH][OCTETS], in[BATCH][OCTETS];
static char control[BATCH][64];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static ns_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (ns_t)time.tv_sec * SECOND + (ns_t)time.tv_nsec;
}

static void read_messages(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    long size = ftell(file);
    rewind(file);
    messages = malloc((size_t)size + 1);
    if (!messages || fread(messages, 1, (size_t)size, file) != (size_t)size) fail(path);
    fclose(file);
    starts = malloc(sizeof *starts * ((size_t)size / 14 + 2));
    for (size_t at = 0; at + 2 <= (size_t)size; at += 2 + (size_t)(messages[at] << 8 | messages[at + 1]))
        starts[message_count++] = at;
    if (!message_count) fail("no messages");
}

static void note(ns_t took) {
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 20;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) fail("memory");
    }
    latencies[latency_count++] = took > 0xffffffffu ? 0xffffffffu : (unsigned)took;
}

/* Send `count` queries; what finds the buffer full is lost, as on a wire. */
static void ask(struct peer *peer, unsigned count) {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    while (count) {
        unsigned some = count < BATCH ? count : BATCH;
        memset(headers, 0, some * sizeof *headers);
        for (unsigned i = 0; i < some; i++) {
            size_t at = starts[message_next];
            size_t size = (size_t)(messages[at] << 8 | messages[at + 1]);
            if (++message_next == message_count) message_next = 0;
            memcpy(out[i], messages + at + 2, size);
            unsigned id = (peer->next + i) % IDS;
            out[i][0] = (unsigned char)(id >> 8);
            out[i][1] = (unsigned char)id;
            parts[i] = (struct iovec){out[i], size};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
        }
        ns_t time = now();
        for (unsigned i = 0; i < some; i++) {
            ns_t *slot = &peer->sent_at[(peer->next + i) % IDS];
            if (!*slot) peer->under_way++;
            *slot = time;
        }
        peer->next += some;
        sent += some;
        count -= some;
        for (unsigned first = 0; first < some;) {
            int done = sendmmsg(peer->fd, headers + first, some - first, 0);
            if (done < 0 && errno != ECONNREFUSED && errno != EAGAIN && errno != ENOBUFS) fail("send");
            first += done > 0 ? (unsigned)done : 1;
        }
    }
}

static ns_t arrival(struct msghdr *header, ns_t otherwise) {
    if (kernel_times)
        for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part))
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
                struct timespec time;
                memcpy(&time, CMSG_DATA(part), sizeof time);
                return (ns_t)time.tv_sec * SECOND + (ns_t)time.tv_nsec;
            }
    return otherwise;
}

/* Read what has come; return how many of our queries it answered. */
static unsigned read_answers(struct peer *peer) {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){in[i], OCTETS};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_control = kernel_times ? control[i] : NULL;
        headers[i].msg_hdr.msg_controllen = kernel_times ? sizeof control[i] : 0;
    }
    int count = recvmmsg(peer->fd, headers, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) fail("receive");
        return 0;
    }
    ns_t time = now();
    unsigned known = 0;
    for (int i = 0; i < count; i++) {
        unsigned char *reply = in[i];
        if (headers[i].msg_len < 12) continue;
        ns_t *slot = &peer->sent_at[reply[0] << 8 | reply[1]];
        if (!*slot) continue;
        ns_t arrived = arrival(&headers[i].msg_hdr, time);
        note(arrived > *slot ? arrived - *slot : 0);
        *slot = 0;
        known++;
        unsigned code = reply[3] & 15, whole = (reply[2] & 0x82) == 0x80;
        good += whole && code == expected && (code || reply[6] || reply[7]);
    }
    peer->under_way -= known;
    answered += known;
    return known;
}

static void forget(struct peer *peer) {
    memset(peer->sent_at, 0, IDS * sizeof *peer->sent_at);
    peer->under_way = 0;
}

static void closed_loop(struct peer *peers, unsigned sockets, unsigned window, ns_t end, int block) {
    struct pollfd *polled = calloc(sockets, sizeof *polled);
    for (unsigned i = 0; i < sockets; i++) {
        polled[i] = (struct pollfd){peers[i].fd, POLLIN, 0};
        ask(&peers[i], window / sockets);
    }
    ns_t last = now(), time;
    while ((time = now()) < end) {
        unsigned seen = 0;
        for (unsigned i = 0; i < sockets; i++) {
            unsigned count = read_answers(&peers[i]);
            if (count) ask(&peers[i], count);
            seen += count;
        }
        if (seen) last = time;
        else if (time - last > STALL_NS) {
            for (unsigned i = 0; i < sockets; i++) {
                forget(&peers[i]);
                ask(&peers[i], window / sockets);
            }
            last = time;
        } else if (block) poll(polled, sockets, 10);
    }
    free(polled);
}

static void open_loop(struct peer *peers, unsigned sockets, double rate, ns_t begin, ns_t end) {
    unsigned long long asked = 0;
    unsigned turn = 0;
    for (ns_t time; (time = now()) < end;) {
        unsigned long long due = (unsigned long long)((double)(time - begin) * rate / SECOND);
        if (due > asked) {
            unsigned some = due - asked < BATCH ? (unsigned)(due - asked) : BATCH;
            ask(&peers[turn++ % sockets], some);
            asked += some;
        }
        for (unsigned i = 0; i < sockets; i++) read_answers(&peers[i]);
    }
}

static int by_size(const void *one, const void *other) {
    unsigned a = *(const unsigned *)one, b = *(const unsigned *)other;
    return (a > b) - (a < b);
}

static double at_share(double share) {
    return latency_count ? latencies[(size_t)((double)(latency_count - 1) * share)] / 1e9 : 0;
}

int main(int count, char **words) {
    if (count != 9) {
        fprintf(stderr, "client PORT FILE SECONDS SOCKETS WINDOW RATE RCODE BLOCK\n");
        return 2;
    }
    read_messages(words[2]);
    unsigned sockets = (unsigned)atoi(words[4]), window = (unsigned)atoi(words[5]);
    double rate = atof(words[6]);
    expected = (unsigned)atoi(words[7]);
    kernel_times = rate > 0;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1]))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct peer *peers = calloc(sockets, sizeof *peers);
    for (unsigned i = 0; i < sockets; i++) {
        int one = 1, room = 4 << 20;
        peers[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
        setsockopt(peers[i].fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (kernel_times) setsockopt(peers[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
        if (connect(peers[i].fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
        peers[i].sent_at = calloc(IDS, sizeof *peers[i].sent_at);
        if (!peers[i].sent_at) fail("memory");
    }
    ns_t begin = now(), end = begin + (ns_t)(atof(words[3]) * SECOND);
    if (rate > 0) open_loop(peers, sockets, rate, begin, end);
    else closed_loop(peers, sockets, window, end, atoi(words[8]));
    double seconds = (double)(now() - begin) / SECOND;
    for (ns_t last = now() + SECOND / 2; now() < last && answered < sent;)
        for (unsigned i = 0; i < sockets; i++) read_answers(&peers[i]);
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    double sum = 0;
    for (size_t i = 0; i < latency_count; i++) sum += latencies[i];
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"sent\": %llu, \"answered\": %llu, \"good\": %llu, \"seconds\": %.9f, \"mean\": %.9f,"
           " \"p50\": %.9f, \"p99\": %.9f, \"p999\": %.9f, \"max\": %.9f, \"cpu_seconds\": %.6f}\n",
           sent, answered, good, seconds, latency_count ? sum / (double)latency_count / 1e9 : 0,
           at_share(0.5), at_share(0.99), at_share(0.999), at_share(1),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
