/* A load generator for gRPC over plain HTTP/2: sends prepared frames, compares every response byte by byte.
 *
 * generator PORT CONNECTIONS STREAMS SECONDS RATE LOOP FILE...
 *
 * Connection i plays FILE i mod n: records of (u32 length of frames, u32 length of response, frames, response), little
 * endian, with stream 0 in each frame. After the last record it continues at record LOOP. LOOP -1 continues on a new
 * connection; LOOP -2 plays each file once and ends when all are played, or after SECONDS. RATE is calls per second in
 * total, 0 for the maximum; with a rate, latency counts from the time a call was due. The clock stops while this program
 * waits for a core, so that such time does not count as latency. A run lasts at least until its first response. Prints one
 * line of JSON; latencies are in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Nanoseconds between two readings of the clock after which the time without a core is read. */
static const uint64_t GAP = 200000;
/* Maximum extra seconds of a run that waits for its first response: the server may have had no core. */
static const double LATE = 30;
/* Sleeps shorter than this many seconds are skipped. */
static const double SPIN = 20e-6;
enum { RING = 4096, BUFFER = 1 << 20, LONGEST = 1000000, CREDIT = 1 << 28 };

typedef struct { const uint8_t *frames, *answer; uint32_t length, expected; } Record;
typedef struct { Record *records; int count; } Script;
typedef struct {
    int fd, next, under_way, writable, leaving; /* leaving: the server asked for another connection */
    const Script *script;
    uint32_t stream;
    long window, received;
    uint8_t *in, *out;
    size_t in_size, out_size, out_sent;
    const Record *sent[RING];
    uint64_t began[RING];
    uint32_t matched[RING]; /* correct bytes of the response so far; more than its length: wrong */
    double due;
} Connection;

static int port, connections, streams, loop_at, poller, measuring, waits = -1;
static uint64_t read_at, lost;
static double rate;
static uint64_t answered, wrong, stale, broken;
static uint32_t histogram[LONGEST];

/* Nanoseconds that this program was runnable without a core, according to the kernel; 0 if unknown. */
static uint64_t waited(void) {
    char text[128];
    ssize_t size = waits < 0 ? 0 : pread(waits, text, sizeof text - 1, 0);
    unsigned long long ran, ready = 0;
    text[size > 0 ? size : 0] = 0;
    return sscanf(text, "%llu %llu", &ran, &ready) == 2 ? ready : 0;
}

/* The clock without the lost time. */
static uint64_t nanoseconds(void) {
    static uint64_t before;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    uint64_t now = time.tv_sec * 1000000000ull + time.tv_nsec;
    if (now - read_at > GAP) {
        uint64_t all = waited(), more = all - before, gap = now - read_at;
        if (read_at) lost += more < gap ? more : gap;
        before = all;
    }
    read_at = now;
    return now - lost;
}

/* Sleep until data arrive or the next call is due, unless that is too soon to sleep. */
static void wait_until_due(const Connection *all) {
    double next = all[0].due;
    for (int at = 1; at < connections; at++)
        if (all[at].due < next) next = all[at].due;
    double left = next - nanoseconds() * 1e-9;
    struct pollfd any = {.fd = poller, .events = POLLIN};
    struct timespec most = {.tv_nsec = left < 0.1 ? (long)(left * 1e9) : 100000000};
    if (left > SPIN) ppoll(&any, 1, &most, NULL);
}

static uint32_t big24(const uint8_t *at) { return at[0] << 16 | at[1] << 8 | at[2]; }
static uint32_t big32(const uint8_t *at) { return (uint32_t)at[0] << 24 | big24(at + 1); }
static void put32(uint8_t *at, uint32_t value) { value = htonl(value); memcpy(at, &value, 4); }

static Script read_script(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(1); }
    fseek(file, 0, SEEK_END);
    size_t size = ftell(file), at = 0;
    rewind(file);
    uint8_t *data = malloc(size);
    if (fread(data, 1, size, file) != size) exit(1);
    fclose(file);
    Script script = {0};
    while (at < size) {
        Record record;
        memcpy(&record.length, data + at, 4);
        memcpy(&record.expected, data + at + 4, 4);
        record.frames = data + at + 8;
        record.answer = record.frames + record.length;
        if (script.count % 1024 == 0) script.records = realloc(script.records, (script.count + 1024) * sizeof(Record));
        script.records[script.count++] = record;
        at += 8 + record.length + record.expected;
    }
    return script;
}

static void append(Connection *each, const void *data, size_t size) {
    memcpy(each->out + each->out_size, data, size);
    each->out_size += size;
}

static void append_update(Connection *each, uint32_t size) {
    uint8_t frame[13] = {0, 0, 4, 8};
    put32(frame + 9, size);
    append(each, frame, sizeof frame);
}

static void dial(Connection *each) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    each->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(each->fd, (void *)&address, sizeof address)) { perror("connect"); exit(1); }
    setsockopt(each->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    each->next = each->under_way = each->leaving = 0;
    each->stream = 1;
    each->window = 65535;
    each->received = 0;
    each->in_size = each->out_size = each->out_sent = 0;
    each->writable = 1;
    append(each, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\4\0\0\0\0\0\0\4\0\x3f\xff\xff", 39);
    append_update(each, CREDIT);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = each};
    epoll_ctl(poller, EPOLL_CTL_ADD, each->fd, &event);
}

static int send_next(Connection *each) {
    if (each->next >= each->script->count) {
        if (loop_at < 0) return 0;
        each->next = loop_at;
    }
    const Record *record = &each->script->records[each->next];
    long data = 0;
    for (size_t at = 0; at < record->length; at += 9 + big24(record->frames + at))
        if (record->frames[at + 3] == 0) data += big24(record->frames + at);
    if (data > each->window) return 0;
    each->window -= data;
    uint8_t *frames = each->out + each->out_size;
    append(each, record->frames, record->length);
    for (size_t at = 0; at < record->length; at += 9 + big24(frames + at)) put32(frames + at + 5, each->stream);
    int slot = (each->stream >> 1) % RING;
    each->sent[slot] = record;
    each->matched[slot] = 0;
    each->began[slot] = rate ? (uint64_t)(each->due * 1e9) : nanoseconds();
    each->stream += 2;
    each->next++;
    each->under_way++;
    return 1;
}

static void fill(Connection *each) {
    if (each->leaving) {
        if (each->under_way) return;
        close(each->fd);
        dial(each);
    }
    double now = nanoseconds() * 1e-9;
    while (each->under_way < streams && each->out_size < BUFFER / 2 && (!rate || each->due <= now) && send_next(each))
        each->due += rate ? connections / rate : 0;
    if (loop_at == -1 && each->next >= each->script->count && !each->under_way) {
        close(each->fd);
        dial(each);
        while (each->under_way < streams && send_next(each)) {}
    }
}

static void flush(Connection *each) {
    while (each->out_sent < each->out_size) {
        ssize_t sent = send(each->fd, each->out + each->out_sent, each->out_size - each->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) broken++;
            break;
        }
        each->out_sent += sent;
    }
    if (each->out_sent == each->out_size) each->out_sent = each->out_size = 0;
    int writable = !each->out_size;
    if (writable != each->writable) {
        struct epoll_event event = {.events = EPOLLIN | (writable ? 0 : EPOLLOUT), .data.ptr = each};
        epoll_ctl(poller, EPOLL_CTL_MOD, each->fd, &event);
        each->writable = writable;
    }
}

static void finish(Connection *each, uint32_t stream, uint64_t now) {
    int slot = (stream >> 1) % RING;
    answered++;
    each->under_way--;
    if (each->matched[slot] != each->sent[slot]->expected) wrong++; /* an error has no message */
    if (measuring) {
        uint64_t micro = (now - each->began[slot]) / 1000;
        histogram[micro < LONGEST ? micro : LONGEST - 1]++;
    }
}

/* Whether the payload is the expected response with the marks of a stale worker appended: `stale` and `age_ms`. */
static int marked(const Record *record, const uint8_t *payload, uint32_t size) {
    static const uint8_t marks[] = {0xc8, 0x0c, 1, 0xd0, 0x0c};
    uint32_t length = record->expected;
    return size > length + sizeof marks && size < length + 16 && !memcmp(record->answer + 5, payload + 5, length - 5) &&
           !memcmp(payload + length, marks, sizeof marks);
}

static void handle_frame(Connection *each, const uint8_t *frame, uint32_t size, uint64_t now) {
    const uint8_t kind = frame[3], flags = frame[4], *payload = frame + 9;
    uint32_t stream = big32(frame + 5) & 0x7fffffff, slot = (stream >> 1) % RING;
    if (kind == 0) {
        const Record *record = each->sent[slot];
        each->received += size;
        if (each->matched[slot] + size <= record->expected && !memcmp(record->answer + each->matched[slot], payload, size))
            each->matched[slot] += size;
        else if (!each->matched[slot] && marked(record, payload, size)) {
            each->matched[slot] = record->expected;
            stale++;
        } else
            each->matched[slot] = record->expected + 1;
    } else if (kind == 1 && flags & 1) {
        finish(each, stream, now);
    } else if (kind == 8 && !stream) {
        each->window += big32(payload);
    } else if (kind == 4 && !(flags & 1)) {
        append(each, "\0\0\0\4\1\0\0\0\0", 9);
    } else if (kind == 6 && !(flags & 1)) {
        append(each, "\0\0\x08\6\1\0\0\0\0", 9);
        append(each, payload, 8);
    } else if (kind == 7 && size >= 8 && !big32(payload + 4)) {
        each->leaving = 1;
    } else if (kind == 3 || kind == 7) {
        broken++;
        if (kind == 3) each->under_way--;
    }
}

static void receive(Connection *each) {
    ssize_t got = recv(each->fd, each->in + each->in_size, BUFFER - each->in_size, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        if (!each->leaving || each->under_way) broken++;
        close(each->fd);
        dial(each);
        return;
    }
    each->in_size += got;
    size_t at = 0;
    uint64_t now = nanoseconds();
    while (each->in_size - at >= 9) {
        uint32_t size = big24(each->in + at);
        if (each->in_size - at < 9 + size) break;
        handle_frame(each, each->in + at, size, now);
        at += 9 + size;
    }
    memmove(each->in, each->in + at, each->in_size - at);
    each->in_size -= at;
    if (each->received > CREDIT / 2) {
        append_update(each, each->received);
        each->received = 0;
    }
}

static int played(const Connection *all) {
    if (loop_at != -2) return 0;
    for (int at = 0; at < connections; at++)
        if (all[at].under_way || all[at].next < all[at].script->count) return 0;
    return 1;
}

int main(int count, char **arguments) {
    if (count < 8) return 2;
    port = atoi(arguments[1]);
    connections = atoi(arguments[2]);
    streams = atoi(arguments[3]);
    double seconds = atof(arguments[4]);
    rate = atof(arguments[5]);
    loop_at = atoi(arguments[6]);
    int files = count - 7;
    Script *scripts = calloc(files, sizeof *scripts);
    for (int at = 0; at < files; at++) scripts[at] = read_script(arguments[7 + at]);
    prctl(PR_SET_TIMERSLACK, 1);
    poller = epoll_create1(0);
    waits = open("/proc/thread-self/schedstat", O_RDONLY);
    Connection *all = calloc(connections, sizeof *all);
    double start = nanoseconds() * 1e-9, end = start + seconds;
    for (int at = 0; at < connections; at++) {
        Connection *each = &all[at];
        each->script = &scripts[at % files];
        each->in = malloc(BUFFER);
        each->out = malloc(BUFFER);
        each->due = start + (rate ? at / rate : 0);
        dial(each);
        fill(each);
        flush(each);
    }
    measuring = 1;
    struct epoll_event events[64];
    while (nanoseconds() * 1e-9 < (answered ? end : end + LATE) && !played(all)) {
        if (rate) wait_until_due(all);
        int ready = epoll_wait(poller, events, 64, rate ? 0 : 100);
        for (int at = 0; at < ready; at++) {
            Connection *each = events[at].data.ptr;
            if (events[at].events & EPOLLIN) receive(each);
            fill(each);
            flush(each);
        }
        for (int at = 0; rate && at < connections; at++) {
            fill(&all[at]);
            flush(&all[at]);
        }
    }
    double took = nanoseconds() * 1e-9 - start;
    uint64_t seen = 0, sum = 0, p50 = 0, p99 = 0, p999 = 0;
    for (uint64_t at = 0; at < LONGEST; at++) {
        seen += histogram[at];
        sum += histogram[at] * at;
        if (!p50 && seen * 2 >= answered) p50 = at;
        if (!p99 && seen * 100 >= answered * 99) p99 = at;
        if (!p999 && seen * 1000 >= answered * 999) p999 = at;
    }
    printf("{\"answered\": %lu, \"seconds\": %.6f, \"wrong\": %lu, \"stale\": %lu, \"broken\": %lu, \"mean\": %.1f, \"p50\": %lu, "
           "\"p99\": %lu, \"p999\": %lu, \"lost\": %.6f}\n",
           answered, took, wrong, stale, broken, (double)sum / (seen ? seen : 1), p50, p99, p999, lost * 1e-9);
    return 0;
}
